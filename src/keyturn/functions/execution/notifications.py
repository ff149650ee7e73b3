"""The system calls that a filter hands over: to read one, answer it, and give it a file.

The rules, which every caller may rely on:

* A notification is true of its thread only while it ``is_valid``: what was read of the thread
  before that was read of the thread that waits, and not of a later one with its number.
* No call is ever let through (SECCOMP_USER_NOTIF_FLAG_CONTINUE): between the look at a call and
  the call, another thread may change what its pointers and its descriptors mean.
* To answer a thread that is gone is no error.

Needs Linux 5.9 (SECCOMP_IOCTL_NOTIF_ADDFD).

Linux: seccomp_unotify(2); include/uapi/linux/seccomp.h.
"""

from contextlib import suppress
from dataclasses import dataclass
import errno
from fcntl import ioctl
from pathlib import Path
import struct
from typing import Final

#: What /proc/self/fd says that a listener is.
_KIND: Final = "anon_inode:seccomp notify"

# struct seccomp_notif, with struct seccomp_data at its end; the answer; the file.
_NOTIF: Final = struct.Struct("=QIIiIQ6Q")
_NOTIF_RESP: Final = struct.Struct("=QqiI")
_NOTIF_ADDFD: Final = struct.Struct("=QIIII")
_ID: Final = struct.Struct("=Q")
_ADDFD_FLAG_SETFD: Final = 1

# include/uapi/asm-generic/ioctl.h: direction, size, type and number, in one word.
_MAGIC: Final = ord("!")
_WRITE: Final = 1
_READ: Final = 2


def _request(direction: int, number: int, layout: struct.Struct) -> int:
    return direction << 30 | layout.size << 16 | _MAGIC << 8 | number


_RECV: Final = _request(_READ | _WRITE, 0, _NOTIF)
_SEND: Final = _request(_READ | _WRITE, 1, _NOTIF_RESP)
_ID_VALID: Final = _request(_WRITE, 2, _ID)
_ADDFD: Final = _request(_WRITE, 3, _NOTIF_ADDFD)


@dataclass(frozen=True, slots=True)
class Notification:
    """A thread waits in a system call.

    Attributes:
        thread_id: as this process sees it; 0 when it doesn't.
        arguments: the six, each as 64 bits without a sign, whatever the call takes.
    """

    id: int
    thread_id: int
    number: int
    arguments: tuple[int, ...]


def is_listener(descriptor: int) -> bool:
    """Return whether a file is a filter's listener."""
    return str(Path(f"/proc/self/fd/{descriptor}").readlink()) == _KIND


def receive(listener: int) -> Notification | None:
    """Return the next call of a listener that has one; None if its thread is gone by now."""
    # The kernel refuses a buffer with anything in it.
    buffer = bytearray(_NOTIF.size)
    try:
        ioctl(listener, _RECV, buffer)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise
    identity, thread_id, _, number, _, _, *arguments = _NOTIF.unpack(buffer)
    return Notification(identity, thread_id, number, tuple(arguments))


def is_valid(listener: int, notification: Notification) -> bool:
    """Return whether the thread still waits in this very call."""
    try:
        ioctl(listener, _ID_VALID, _ID.pack(notification.id))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    return True


def answer(listener: int, notification: Notification, error: int) -> None:
    """Have the call return 0, or fail with ``error``."""
    response = _NOTIF_RESP.pack(notification.id, 0, -error, 0)
    with suppress(FileNotFoundError):
        ioctl(listener, _SEND, response)


def put_in_place(
    listener: int, notification: Notification, ours: int, theirs: int, flags: int
) -> None:
    """Give the thread's process our file ``ours`` as its descriptor ``theirs``.

    Args:
        flags: O_CLOEXEC or 0, for the descriptor.

    Raises:
        FileNotFoundError: the thread is gone.
        OSError: the process may have no such descriptor.
    """
    request = _NOTIF_ADDFD.pack(notification.id, _ADDFD_FLAG_SETFD, ours, theirs, flags)
    ioctl(listener, _ADDFD, request)
