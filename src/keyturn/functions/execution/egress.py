"""Which addresses a function may reach when nothing else is said.

The rules, which every caller may rely on:

* What a cloud's machine learns about itself, its credentials among it, is the machine's: the
  addresses of metadata services aren't reached, however they are written.
* At such an address, a name server is reached: some clouds answer DNS there, on the same address.
* Several or unknown machines at once (multicast, broadcast) aren't reached.
* Every other address is, this machine's own included: the API and its databases are there.

An IPv4 address inside an IPv6 one is judged as the machine that it leads to. A network's own NAT64
prefix (RFC 6052, section 2.2) can't be known: where there is one, it's the network's to refuse.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
and https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html (169.254.170.2)
and https://docs.aws.amazon.com/whitepapers/latest/ipv6-on-aws/supporting-amazon-vpc-services.html
Azure: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
Google Cloud: https://cloud.google.com/compute/docs/metadata/querying-metadata (fd20:ce::254)
Alibaba Cloud: https://www.alibabacloud.com/help/en/ecs/user-guide/view-instance-metadata
RFC 3927 and 4291 (link-local), 6052 and 8215 (NAT64), 3056 (6to4), 4380 (Teredo).
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

IPAddress = IPv4Address | IPv6Address

#: A name server answers there, and nothing else.
DNS_PORT: Final = 53
#: Where clouds answer their own machines.
_OF_THE_CLOUD: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    IPv4Network("169.254.0.0/16"),  # link-local: AWS, Azure, Google Cloud, Oracle, OpenStack ...
    IPv4Network("168.63.129.16/32"),  # Azure's wire server
    IPv4Network("100.100.100.200/32"),  # Alibaba Cloud
    IPv4Network("192.0.0.192/32"),  # Oracle Cloud, formerly
    IPv6Network("fe80::/10"),  # link-local
    IPv6Network("fd00:ec2::/32"),  # AWS
    IPv6Network("fd20:ce::254/128"),  # Google Cloud
    IPv6Network("fd00:c1::a9fe:a9fe/128"),  # Oracle Cloud
    IPv6Network("fd00:42::42/128"),  # Scaleway
)
_BROADCAST: Final = IPv4Address("255.255.255.255")
#: Prefixes before the 32 bits of an IPv4 address: IPv4-compatible, and NAT64's two.
_BEFORE_IPV4: Final = (
    IPv6Network("::/96"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
)
_OWN: Final = (IPv6Address("::"), IPv6Address("::1"))
_IPV4_MASK: Final = 0xFFFFFFFF


def is_allowed(address: IPAddress, port: int) -> bool:
    """Return whether a function may connect to a port of an address."""
    leads_to = reached(address)
    if leads_to.is_multicast or leads_to == _BROADCAST:
        return False
    return port == DNS_PORT or not any(leads_to in network for network in _OF_THE_CLOUD)


def reached(address: IPAddress) -> IPAddress:
    """Return the address of the machine that an address leads to."""
    if isinstance(address, IPv4Address) or address in _OWN:
        return address
    # Without its zone: fe80::1%eth0 is as link-local as fe80::1.
    plain = IPv6Address(int(address))
    if any(plain in network for network in _BEFORE_IPV4):
        return IPv4Address(int(plain) & _IPV4_MASK)
    teredo = plain.teredo
    return plain.ipv4_mapped or plain.sixtofour or (teredo[1] if teredo else plain)
