"""What a function wants to connect a socket to: a struct sockaddr, read once.

The rules, which every caller may rely on:

* Whatever the bytes are, they are one of the destinations here or an OSError whose errno is what
  connect(2) says of them.
* The address that is decided on and the one that is connected to are read from the same bytes.

Linux: connect(2), ip(7), ipv6(7), unix(7).
"""

from dataclasses import dataclass
import errno
from ipaddress import IPv4Address, IPv6Address
import os
import socket
import struct
from typing import Final

from keyturn.functions.execution.egress import IPAddress

#: sizeof(struct sockaddr_storage): the kernel takes no longer address.
ADDRESS_BYTES_MAX: Final = 128
_FAMILIES: Final = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
_FAMILY: Final = struct.Struct("=H")
#: Port, address; the rest is padding.
_IN: Final = struct.Struct("!2xH4s8x")
#: Port, flow, address; with a zone, which old programs leave away.
_IN6: Final = struct.Struct("!2xHI16s")
_ZONE: Final = struct.Struct("=I")
_FLOW_MASK: Final = 0xFFFFF

#: An address as ``socket.connect`` takes it: IPv4's, or IPv6's with flow and zone.
Sockaddr = tuple[str, int] | tuple[str, int, int, int]


@dataclass(frozen=True, slots=True)
class Disconnect:
    """AF_UNSPEC: take the socket's peer from it."""


@dataclass(frozen=True, slots=True)
class Internet:
    """A port of an address; ``sockaddr`` says both to ``socket.connect``."""

    address: IPAddress
    port: int
    sockaddr: Sockaddr


@dataclass(frozen=True, slots=True)
class AtPath:
    """A Unix socket, by its path as the function sees it."""

    path: bytes


Destination = Disconnect | Internet | AtPath


def read(sockaddr: bytes, family: int) -> Destination:
    """Return what an address means to a socket of a family.

    Raises:
        OSError: EINVAL, it's too short; EAFNOSUPPORT, it isn't of the socket's family; EOPNOTSUPP,
            that family isn't connected; ECONNREFUSED, it's a name outside of the file system.
    """
    if not _FAMILY.size <= len(sockaddr) <= ADDRESS_BYTES_MAX:
        raise _error(errno.EINVAL)
    (its_family,) = _FAMILY.unpack_from(sockaddr)
    if family not in _FAMILIES:
        raise _error(errno.EOPNOTSUPP)
    if its_family == socket.AF_UNSPEC and family != socket.AF_UNIX:
        return Disconnect()
    if its_family != family:
        raise _error(errno.EINVAL if family == socket.AF_UNIX else errno.EAFNOSUPPORT)
    if family == socket.AF_INET:
        return _ipv4(sockaddr)
    return _ipv6(sockaddr) if family == socket.AF_INET6 else _unix(sockaddr)


def _ipv4(sockaddr: bytes) -> Internet:
    if len(sockaddr) < _IN.size:
        raise _error(errno.EINVAL)
    port, packed = _IN.unpack_from(sockaddr)
    address = IPv4Address(packed)
    return Internet(address, port, (str(address), port))


def _ipv6(sockaddr: bytes) -> Internet:
    if len(sockaddr) < _IN6.size:
        raise _error(errno.EINVAL)
    port, flow, packed = _IN6.unpack_from(sockaddr)
    has_zone = len(sockaddr) >= _IN6.size + _ZONE.size
    zone = _ZONE.unpack_from(sockaddr, _IN6.size)[0] if has_zone else 0
    address = IPv6Address(packed)
    return Internet(address, port, (str(address), port, flow & _FLOW_MASK, zone))


def _unix(sockaddr: bytes) -> AtPath:
    name = sockaddr[_FAMILY.size :]
    if not name:
        raise _error(errno.EINVAL)
    # Abstract names are the function's network's, in which the engine has no socket.
    path, _, _ = name.partition(b"\0")
    if not path:
        raise _error(errno.ECONNREFUSED)
    return AtPath(path)


def _error(number: int) -> OSError:
    return OSError(number, os.strerror(number))
