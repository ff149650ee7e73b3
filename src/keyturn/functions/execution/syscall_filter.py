"""The system calls that a function's processes have, as a program for seccomp.

The rules, which every caller may rely on:

* A call of another architecture than the machine's ends the process: its numbers mean other calls.
* What makes namespaces and mounts, looks into other processes, or talks to the kernel about the
  machine isn't there (EPERM; ENOSYS where the C library then does it another way).
* A call newer than this module isn't there (ENOSYS), so that none goes past it unread.
* Sockets are Unix, TCP, UDP, and the one by which a program reads its network interfaces.
* With ``hands_over_connect``, connect and listen are decided by whoever holds the filter's
  listener (``connector``), and nothing else connects a socket: not TCP Fast Open, in which a send
  connects, nor io_uring, whose work passes by every filter. A function's own filter can take
  calls away from it, and never answer them.
* SO_LINGER seems to be set, and isn't: no close of a function's socket waits.

It doesn't decide by what a pointer points to: a filter can't read memory.

Linux: seccomp(2); Documentation/userspace-api/seccomp_filter.rst; include/uapi/linux/audit.h.
"""

from collections.abc import Iterable, Mapping
import errno
import socket
import struct
from typing import Final, NamedTuple

from keyturn.functions.execution.syscall_numbers import NEWEST_KNOWN, NUMBERS

_AUDIT_ARCH: Final[Mapping[str, int]] = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
#: x86_64 only: the same architecture, with pointers of 32 bits.
_X32_BIT: Final = 0x40000000

# struct seccomp_data. Arguments are of 64 bits, little-endian on both machines: what the kernel
# takes as an int is the lower half.
_NUMBER_AT: Final = 0
_ARCH_AT: Final = 4
_ARGUMENTS_AT: Final = 16
_ARGUMENT_BYTES: Final = 8

# Classic BPF: load a word, jump, and, return.
_LD_W_ABS: Final = 0x20
_JMP_JEQ_K: Final = 0x15
_JMP_JGE_K: Final = 0x35
_JMP_JSET_K: Final = 0x45
_ALU_AND_K: Final = 0x54
_RET_K: Final = 0x06

_KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000
_USER_NOTIF: Final = 0x7FC00000
_ALLOW: Final = 0x7FFF0000

#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET.
_CLONE_NEW: Final = 0x7E020000
_MSG_FASTOPEN: Final = 0x20000000
_FILTER_FLAG_NEW_LISTENER: Final = 0x8
_TIOCSTI: Final = 0x5412
_TIOCLINUX: Final = 0x541C
_PERSONALITY_QUERY: Final = 0xFFFFFFFF
_PERSONALITY_LINUX: Final = 0
_NETLINK_ROUTE: Final = 0
_SOCK_TYPE_MASK: Final = 0xF

#: The C library, or its user, does it another way when the kernel is too old for these.
_NOT_THERE: Final = (
    *("clone3", "io_uring_setup", "io_uring_enter", "io_uring_register"),
    # Memory that no process shows as its own, and so escapes the limit (``memory``); and what all
    # programs of the machine have a share of.
    *("memfd_create", "memfd_secret", "shmget", "semget", "msgget", "io_setup"),
)
_REFUSED: Final = (
    # Namespaces and mounts.
    *("unshare", "setns", "chroot", "mount", "umount2", "pivot_root", "move_mount", "open_tree"),
    *("open_tree_attr", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    *("name_to_handle_at", "open_by_handle_at"),
    # Other processes' memory and files. userfaultfd could also hold up who reads ours.
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd", "userfaultfd"),
    # Large, and often broken: what needs no privilege but much trust.
    *("bpf", "perf_event_open", "add_key", "request_key", "keyctl", "fanotify_init"),
    *("fanotify_mark", "lookup_dcookie", "modify_ldt"),
    # The machine.
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
    *("create_module", "query_module", "get_kernel_syms", "reboot", "swapon", "swapoff", "acct"),
    *("quotactl", "quotactl_fd", "iopl", "ioperm", "settimeofday", "clock_settime", "adjtimex"),
    *("clock_adjtime", "vhangup", "syslog", "nfsservctl", "uselib", "ustat", "sysfs", "_sysctl"),
    *("sethostname", "setdomainname"),
)


class _Instruction(NamedTuple):
    """struct sock_filter."""

    code: int
    jump_true: int
    jump_false: int
    k: int


_Block = tuple[_Instruction, ...]


def program(machine: str, *, hands_over_connect: bool) -> bytes:
    """Return the filter for a machine, as uname(2) names it: an array of struct sock_filter.

    Raises:
        ValueError: no filter is known for this machine.
    """
    if machine not in NUMBERS:
        raise ValueError(f"no filter of system calls is known for {machine}")
    rules = _rules() | (_handed_over() if hands_over_connect else {})
    instructions = [
        *_load(_ARCH_AT),
        *_unless_equal(_AUDIT_ARCH[machine], _return(_KILL_PROCESS)),
        *_load(_NUMBER_AT),
        *(_when_at_least(_X32_BIT, _return(_KILL_PROCESS)) if machine == "x86_64" else ()),
        *_when_at_least(NEWEST_KNOWN + 1, _refuse(errno.ENOSYS)),
    ]
    for name, block in rules.items():
        # A machine that never had a call has no number for it.
        if name in NUMBERS[machine]:
            instructions += _when_equal(NUMBERS[machine][name], block)
    instructions += _return(_ALLOW)
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def _rules() -> dict[str, _Block]:
    """Return what happens to a call, by its name; every block ends in a return."""
    no_fast_open = {"sendto": 3, "sendmsg": 2, "sendmmsg": 3}
    return {
        **dict.fromkeys(_NOT_THERE, _refuse(errno.ENOSYS)),
        **dict.fromkeys(_REFUSED, _refuse(errno.EPERM)),
        "clone": _refused_with(0, _CLONE_NEW, errno.EPERM),
        **{
            name: _refused_with(flags, _MSG_FASTOPEN, errno.EOPNOTSUPP)
            for name, flags in no_fast_open.items()
        },
        "setsockopt": _setsockopt(),
        # Said to be done, and not done: the kernel shares time out among sessions (sched(7),
        # autogroup), so a function has one, however many processes it starts.
        "setsid": _refuse(0),
        "seccomp": _refused_with(1, _FILTER_FLAG_NEW_LISTENER, errno.EPERM),
        "ioctl": (
            *_argument(1),
            *_when_any(
                (_TIOCSTI, _TIOCLINUX),
                # What it puts into a terminal's input, the terminal's owner would run.
                _refuse(errno.EPERM),
            ),
            *_return(_ALLOW),
        ),
        "personality": (
            *_argument(0),
            *_when_any((_PERSONALITY_QUERY, _PERSONALITY_LINUX), _return(_ALLOW)),
            *_refuse(errno.EPERM),
        ),
        "socket": _socket(),
        "socketpair": (
            *_argument(0),
            *_when_equal(socket.AF_UNIX, _return(_ALLOW)),
            *_refuse(errno.EAFNOSUPPORT),
        ),
    }


def _handed_over() -> dict[str, _Block]:
    return dict.fromkeys(("connect", "listen"), _return(_USER_NOTIF))


def _socket() -> _Block:
    internet = (
        *_argument(1),
        _Instruction(_ALU_AND_K, 0, 0, _SOCK_TYPE_MASK),
        *_when_equal(socket.SOCK_STREAM, _protocol_in(0, socket.IPPROTO_TCP)),
        *_when_equal(socket.SOCK_DGRAM, _protocol_in(0, socket.IPPROTO_UDP)),
        *_when_equal(socket.SOCK_RAW, _refuse(errno.EPERM)),
        *_refuse(errno.ESOCKTNOSUPPORT),
    )
    return (
        *_argument(0),
        *_when_equal(socket.AF_UNIX, _return(_ALLOW)),
        *_when_any((socket.AF_INET, socket.AF_INET6), internet),
        *_when_equal(socket.AF_NETLINK, _protocol_in(_NETLINK_ROUTE)),
        *_refuse(errno.EAFNOSUPPORT),
    )


def _setsockopt() -> _Block:
    """Have SO_LINGER seem to be set.

    The engine closes its copy of a function's socket, perhaps as the last one, and must not wait
    there for as long as the function says.
    """
    return (
        *_argument(1),
        *_when_equal(
            socket.SOL_SOCKET,
            (*_argument(2), *_when_equal(socket.SO_LINGER, _refuse(0)), *_return(_ALLOW)),
        ),
        *_return(_ALLOW),
    )


def _protocol_in(*protocols: int) -> _Block:
    return (
        *_argument(2),
        *_when_any(protocols, _return(_ALLOW)),
        *_refuse(errno.EPROTONOSUPPORT),
    )


def _refused_with(argument: int, flags: int, error: int) -> _Block:
    """Refuse a call if any of these flags is in its argument."""
    return (
        *_argument(argument),
        _Instruction(_JMP_JSET_K, 0, 1, flags),
        *_refuse(error),
        *_return(_ALLOW),
    )


def _argument(index: int) -> _Block:
    return _load(_ARGUMENTS_AT + index * _ARGUMENT_BYTES)


def _load(offset: int) -> _Block:
    return (_Instruction(_LD_W_ABS, 0, 0, offset),)


def _when_any(values: Iterable[int], block: _Block) -> _Block:
    return tuple(each for value in values for each in _when_equal(value, block))


def _when_equal(value: int, block: _Block) -> _Block:
    """Do a block, which returns, if what was loaded is ``value``; else go on after it."""
    return (_Instruction(_JMP_JEQ_K, 0, len(block), value), *block)


def _unless_equal(value: int, block: _Block) -> _Block:
    return (_Instruction(_JMP_JEQ_K, len(block), 0, value), *block)


def _when_at_least(value: int, block: _Block) -> _Block:
    return (_Instruction(_JMP_JGE_K, 0, len(block), value), *block)


def _refuse(error: int) -> _Block:
    return _return(_ERRNO | error)


def _return(action: int) -> _Block:
    return (_Instruction(_RET_K, 0, 0, action),)
