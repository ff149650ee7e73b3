from ipaddress import IPv4Address, IPv6Address, ip_address

from hypothesis import given, strategies as st
import pytest

from keyturn.functions.execution.egress import DNS_PORT, is_allowed, reached

METADATA = IPv4Address("169.254.169.254")


@pytest.mark.parametrize(
    "address",
    [
        *("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16"),
        *("100.100.100.200", "192.0.0.192", "fe80::1", "fe80::1%eth0", "fd00:ec2::254"),
        *("fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"),
    ],
)
def test_metadata_is_refused_and_a_name_server_there_is_not(address: str) -> None:
    assert not is_allowed(ip_address(address), 80)
    assert not is_allowed(ip_address(address), 32526)
    assert is_allowed(ip_address(address), DNS_PORT)


@pytest.mark.parametrize("address", ["224.0.0.1", "239.1.2.3", "255.255.255.255", "ff02::1"])
def test_several_machines_at_once_are_refused_on_every_port(address: str) -> None:
    assert not is_allowed(ip_address(address), 80)
    assert not is_allowed(ip_address(address), DNS_PORT)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "0.0.0.0", "::1", "::", "10.1.2.3", "192.168.0.1", "203.0.113.9"),  # noqa: S104
        *("169.253.255.255", "169.255.0.0", "168.63.129.15", "100.100.100.201"),
        *("2001:db8::1", "fd00:ec3::1", "fd12:3456::1", "64:ff9b::10.1.2.3"),
    ],
)
def test_every_other_address_is_allowed(address: str) -> None:
    assert is_allowed(ip_address(address), 5432)


@pytest.mark.parametrize(
    "written",
    [
        *("::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::169.254.169.254"),
        *("64:ff9b:1::169.254.169.254", "2002:a9fe:a9fe::1", "2002:a9fe:a9fe:1:2:3:4:5"),
        "2001:0:4136:e378:8000:63bf:5601:5601",
    ],
)
def test_an_ipv4_address_inside_of_ipv6_is_judged_as_itself(written: str) -> None:
    assert reached(ip_address(written)) == METADATA
    assert not is_allowed(ip_address(written), 80)


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 65535))
def test_an_ipv4_mapped_address_is_allowed_as_the_plain_one_is(number: int, port: int) -> None:
    plain, mapped = IPv4Address(number), IPv6Address(0xFFFF << 32 | number)

    assert is_allowed(mapped, port) == is_allowed(plain, port)


@given(st.integers(0, (1 << 128) - 1), st.integers(0, 65535))
def test_every_address_has_an_answer(number: int, port: int) -> None:
    assert is_allowed(IPv6Address(number), port) in {True, False}
