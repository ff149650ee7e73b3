"""The engine's sockets that take the place of a function's own.

The rules, which every caller may rely on:

* A socket of ours never waits (O_NONBLOCK) until it's handed over.
* It can be told from a function's own by its file alone, wherever the function puts that: the
  kernel keeps SO_LOCK_FILTER once it's set. A function that sets it has one more socket that it
  can't listen on.
* A Unix socket of ours has a name of its own, so that a function can't give it one in our network.

Linux: socket(7), unix(7), tcp(7).
"""

import errno
import os
import socket
import stat
import struct
from typing import Final

from keyturn.functions.execution import caller, socket_options
from keyturn.functions.execution.destination import AtPath, Internet, Sockaddr

#: include/uapi/asm-generic/socket.h.
_SO_LOCK_FILTER: Final = 44
_TIMEVAL: Final = struct.Struct("=qq")
_MICROSECONDS: Final = 1_000_000
# include/net/tcp_states.h.
_TCP_SYN_SENT: Final = 2
_TCP_SYN_RECV: Final = 3
_TCP_LISTEN: Final = 10

#: What ``socket.connect`` takes.
Peer = Sockaddr | str


class Outgoing:
    """A socket of ours, new or being connected, and where to."""

    def __init__(self, ours: socket.socket, peer: Peer, path: int | None = None) -> None:
        self._socket = ours
        self._peer = peer
        self._path = path

    @property
    def must_be_retried(self) -> bool:
        """Whether the kernel won't say when it is connected."""
        return self._path is not None

    @property
    def late_error(self) -> int:
        """How the kernel ends a connect at the end of the time that a function gave it."""
        return errno.EAGAIN if self.must_be_retried else errno.EINPROGRESS

    def fileno(self) -> int:
        """Return the socket's descriptor."""
        return self._socket.fileno()

    def try_once(self) -> int:
        """Connect, without waiting; return the errno, 0 once it's connected."""
        return self._socket.connect_ex(self._peer)

    def error(self) -> int:
        """Return the errno with which a connection ended that was being made; 0, it's made."""
        return self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def hand_over(self, flags: int) -> int:
        """Have it wait as one with these O_* flags does; return those of its new descriptor."""
        self._socket.settimeout(0 if flags & os.O_NONBLOCK else None)
        return flags & os.O_CLOEXEC

    def close(self) -> None:
        """Free what belongs to it here; a function that was given the socket keeps it."""
        self._socket.close()
        if self._path is not None:
            os.close(self._path)


def is_ours(taken: socket.socket) -> bool:
    """Return whether a socket is one that was put in the place of a function's own."""
    return taken.getsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER) != 0


def to_internet(theirs: socket.socket, wanted: Internet) -> Outgoing:
    """Return a TCP socket of ours, with the options of a function's.

    Raises:
        OSError: ENETUNREACH, it is no TCP socket; EISCONN, EALREADY or how an earlier attempt
            ended, as connect(2) says of a socket that isn't new.
    """
    if theirs.type != socket.SOCK_STREAM:
        raise error_of(errno.ENETUNREACH)
    _check_new(theirs)
    ours = _marked(socket.socket(theirs.family, socket.SOCK_STREAM, socket.IPPROTO_TCP))
    try:
        socket_options.copy(theirs, ours)
    except OSError:
        ours.close()
        raise
    return Outgoing(ours, wanted.sockaddr)


def to_path(theirs: socket.socket, thread_id: int, wanted: AtPath) -> Outgoing:
    """Return a Unix socket of ours, of the type of a function's.

    Raises:
        OSError: EPROTOTYPE, it is of a type that isn't connected here; EISCONN; or as connect(2)
            says of a path; EACCES, the socket there isn't of the function's user.
    """
    # A datagram socket of our network could send to any name in it.
    if theirs.type not in {socket.SOCK_STREAM, socket.SOCK_SEQPACKET}:
        raise error_of(errno.EPROTOTYPE)
    if _has_peer(theirs):
        raise error_of(errno.EISCONN)
    path = _opened(thread_id, wanted.path)
    try:
        ours = _marked(socket.socket(socket.AF_UNIX, theirs.type))
    except OSError:
        os.close(path)
        raise
    # A path by which this process, and no other, comes to what it has opened.
    outgoing = Outgoing(ours, f"/proc/self/fd/{path}", path)
    try:
        ours.bind("")
    except OSError:
        outgoing.close()
        raise
    return outgoing


def send_seconds(theirs: socket.socket) -> float:
    """Return how long a function waits for a connection, if it said so (SO_SNDTIMEO); else 0."""
    time = theirs.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.size)
    seconds, microseconds = _TIMEVAL.unpack(time)
    return float(seconds + microseconds / _MICROSECONDS)


def error_of(number: int) -> OSError:
    """Return an error whose errno is what a function's call is to fail with."""
    return OSError(number, os.strerror(number))


def _marked(ours: socket.socket) -> socket.socket:
    ours.settimeout(0)
    ours.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
    return ours


def _opened(thread_id: int, path: bytes) -> int:
    descriptor = caller.path_descriptor(thread_id, path)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISSOCK(found.st_mode):
            raise error_of(errno.ECONNREFUSED)
        # The kernel will judge the path by this process's rights, which may be root's.
        if found.st_uid != caller.file_user(thread_id):
            raise error_of(errno.EACCES)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check_new(theirs: socket.socket) -> None:
    if _has_peer(theirs):
        raise error_of(errno.EISCONN)
    state = theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    if state == _TCP_LISTEN:
        raise error_of(errno.EISCONN)
    if state in {_TCP_SYN_SENT, _TCP_SYN_RECV}:
        raise error_of(errno.EALREADY)
    # How an earlier attempt ended is told once, as the kernel does.
    if failed := theirs.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise error_of(failed)


def _has_peer(theirs: socket.socket) -> bool:
    try:
        theirs.getpeername()
    except OSError as error:
        if error.errno == errno.ENOTCONN:
            return False
        raise
    return True
