"""What this process reads of a thread that waits in a system call: its memory, files and user.

The rules, which every caller may rely on:

* Nothing here is true of the thread that waits until its notification has been found valid
  *afterwards* (``notifications.is_valid``): a number may be another thread's by now.
* What is refused here is refused as an OSError whose errno can be the call's own.
* A socket that is taken from a process is one file with the process's: its flags aren't ours to
  change, and it isn't ours to wait on.

The kernel lets this process look into those of its own user, and those of user namespaces that its
user made; root into all. A process that hides itself (prctl(2), PR_SET_DUMPABLE) from an engine
that isn't root hides its connects too, and they fail.

Linux: proc(5), ptrace(2) (access mode checking), pidfd_getfd(2), openat2(2).
"""

import ctypes
import errno
import os
from pathlib import Path
import re
import socket
import struct
from typing import Final

# The numbers of these are the same on every machine.
_SYS_OPENAT2: Final = 437
_SYS_PIDFD_GETFD: Final = 438
_RESOLVE_IN_ROOT: Final = 0x10
#: struct open_how: flags, mode, resolve.
_OPEN_HOW: Final = struct.Struct("=QQQ")
_OFFSET_MAX: Final = (1 << 63) - 1
_TGID: Final = re.compile(r"^Tgid:\t(\d+)$", re.MULTILINE)
#: Real, effective and saved user id, and that of files.
_UIDS: Final = re.compile(r"^Uid:\t\d+\t\d+\t\d+\t(\d+)$", re.MULTILINE)
_FLAGS: Final = re.compile(r"^flags:\t([0-7]+)$", re.MULTILINE)

_libc: Final = ctypes.CDLL(None, use_errno=True)


def memory(thread_id: int, address: int, length: int) -> bytes:
    """Read a thread's memory.

    Raises:
        OSError: EFAULT, it has none there; or it can't be read.
    """
    if address > _OFFSET_MAX:
        raise OSError(errno.EFAULT, "no address of a process")
    descriptor = os.open(f"/proc/{thread_id}/mem", os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = os.pread(descriptor, length, address)
    except OSError as error:
        raise OSError(errno.EFAULT, "no memory of the process") from error
    finally:
        os.close(descriptor)
    if len(found) < length:
        raise OSError(errno.EFAULT, "less memory than said")
    return found


def flags(thread_id: int, descriptor: int) -> int:
    """Return the O_* flags of a thread's descriptor, O_CLOEXEC among them.

    Raises:
        OSError: EBADF, it has no such descriptor; or it can't be looked at.
    """
    try:
        text = Path(f"/proc/{thread_id}/fdinfo/{descriptor}").read_text()
    except FileNotFoundError as error:
        raise OSError(errno.EBADF, "no such descriptor") from error
    found = _FLAGS.search(text)
    assert found is not None
    return int(found[1], 8)


def socket_at(thread_id: int, descriptor: int) -> socket.socket:
    """Return the socket that a thread's process has as ``descriptor``: the same, not a copy.

    Raises:
        OSError: EBADF, ENOTSOCK; or it can't be taken.
    """
    process = _process_of(thread_id)
    try:
        taken = _checked(_libc.syscall(_SYS_PIDFD_GETFD, process, descriptor, 0))
    finally:
        os.close(process)
    try:
        return socket.socket(fileno=taken)
    except OSError:
        os.close(taken)
        raise


def file_user(thread_id: int) -> int:
    """Return the user as whom a thread opens files.

    Raises:
        OSError: it can't be looked at.
    """
    found = _UIDS.search(_status(thread_id))
    assert found is not None
    return int(found[1])


def path_descriptor(thread_id: int, path: bytes) -> int:
    """Open what a path means to a thread, to be named and not to be read (O_PATH).

    Symbolic links are followed inside the thread's root, never out of it.

    Raises:
        OSError: nothing is there, or it can't be looked at.
    """
    # What isn't below the root after all, since the folder was moved, isn't found there.
    if not path.startswith(b"/"):
        path = bytes(Path(f"/proc/{thread_id}/cwd").readlink() / os.fsdecode(path))
    root = os.open(f"/proc/{thread_id}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    how = _OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_IN_ROOT)
    try:
        return _checked(_libc.syscall(_SYS_OPENAT2, root, path, how, len(how)))
    finally:
        os.close(root)


def disconnect(taken: socket.socket) -> None:
    """Take a socket's peer from it, which waits for nothing.

    Raises:
        OSError: as connect(2) says for an address of the family AF_UNSPEC.
    """
    nowhere = bytes(16)
    _checked(_libc.connect(taken.fileno(), nowhere, len(nowhere)))
    # The kernel notes the reset as an error, and minds it no more when the socket is connected.
    taken.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _process_of(thread_id: int) -> int:
    """Return a pidfd of a thread's process; most threads that call are their process's first."""
    try:
        return os.pidfd_open(thread_id)
    except OSError:
        found = _TGID.search(_status(thread_id))
        assert found is not None
        return os.pidfd_open(int(found[1]))


def _status(thread_id: int) -> str:
    # Not read_text, for which a carriage return in the name that a thread gave itself ends a line:
    # the next would be what it likes. A line feed the kernel escapes (proc_pid_status(5)).
    return Path(f"/proc/{thread_id}/status").read_bytes().decode(errors="replace")


def _checked(returned: int) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return returned
