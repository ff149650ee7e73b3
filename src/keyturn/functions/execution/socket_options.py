"""The options of a socket, for another that takes its place.

The rules, which every caller may rely on:

* What a program may have set on a TCP socket before it connects it, the other socket has too, as
  far as its network lets it.
* The size of a buffer is only copied if it was set: setting it ends the kernel's own tuning.

The kernel doesn't say which of the others were set: those that weren't are copied with the
defaults of the network namespace that the socket is from, which are Linux's.

Not copied: SO_LINGER (``syscall_filter`` says why), and the address that a socket was bound to,
which is one of another network.

Linux: socket(7), tcp(7), ip(7), ipv6(7).
"""

from contextlib import suppress
import socket
from typing import Final

_NUMBERS: Final = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
    (socket.SOL_SOCKET, socket.SO_OOBINLINE),
    (socket.SOL_SOCKET, socket.SO_PRIORITY),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
    (socket.IPPROTO_TCP, socket.TCP_SYNCNT),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
    (socket.IPPROTO_IP, socket.IP_TOS),
)
_IPV6_NUMBERS: Final = (
    (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY),
    (socket.IPPROTO_IPV6, socket.IPV6_TCLASS),
)
#: include/uapi/asm-generic/socket.h: which of its buffers have a size that was set.
_SO_BUF_LOCK: Final = 72
_BUFFERS: Final = ((socket.SO_SNDBUF, 1), (socket.SO_RCVBUF, 2))
_TIMES: Final = (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)
#: struct timeval: two words of 64 bits.
_TIME_BYTES: Final = 16


def copy(source: socket.socket, target: socket.socket) -> None:
    """Set on a new TCP socket what another of the same family has.

    Raises:
        OSError: one of the two is no such socket.
    """
    is_ipv6 = source.family == socket.AF_INET6
    for level, name in _NUMBERS + (_IPV6_NUMBERS if is_ipv6 else ()):
        wanted = source.getsockopt(level, name)
        if wanted != target.getsockopt(level, name):
            _set(target, level, name, wanted)
    were_set = source.getsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK)
    for name, its_bit in _BUFFERS:
        if were_set & its_bit:
            # The kernel says twice what was set.
            _set(target, socket.SOL_SOCKET, name, source.getsockopt(socket.SOL_SOCKET, name) // 2)
    for name in _TIMES:
        time = source.getsockopt(socket.SOL_SOCKET, name, _TIME_BYTES)
        if any(time):
            target.setsockopt(socket.SOL_SOCKET, name, time)


def _set(target: socket.socket, level: int, name: int, value: int) -> None:
    # A priority above 6 is root's to set, and was inherited if it's there.
    with suppress(PermissionError):
        target.setsockopt(level, name, value)
