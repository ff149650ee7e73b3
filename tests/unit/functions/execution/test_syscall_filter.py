"""The filter as the kernel would run it, and as this kernel does."""

import errno
import os
from pathlib import Path
import re
import socket
import struct

import pytest

from keyturn.functions.execution import syscall_filter
from keyturn.functions.execution.syscall_numbers import FIRST_COMMON, NEWEST_KNOWN, NUMBERS

MACHINES = ["x86_64", "aarch64"]
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
I386 = 0x40000003
ALLOW, NOTIFY, KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
#: linux/bpf_common.h: what the kernel limits a program to.
INSTRUCTIONS_MAX = 4096


def error(number: int) -> int:
    return 0x00050000 | number


def run(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """Return what a program says of a call."""
    values = [argument & (1 << 64) - 1 for argument in (*arguments, *[0] * 6)][:6]
    data = struct.pack("<iIQ6Q", number - (number >> 31 << 32), architecture, 0, *values)
    at, loaded = 0, 0
    instructions = list(struct.iter_unpack("=HBBI", program))
    while True:
        code, jump_true, jump_false, k = instructions[at]
        at += 1
        match code:
            case 0x20:
                (loaded,) = struct.unpack_from("<I", data, k)
            case 0x54:
                loaded &= k
            case 0x15 | 0x35 | 0x45:
                holds = {0x15: loaded == k, 0x35: loaded >= k, 0x45: bool(loaded & k)}[code]
                at += jump_true if holds else jump_false
            case 0x06:
                return int(k)
            case _:
                raise AssertionError(f"no instruction of a filter: {code:#x}")


def said(machine: str, name: str, *arguments: int, hands_over_connect: bool = True) -> int:
    program = syscall_filter.program(machine, hands_over_connect=hands_over_connect)
    return run(program, ARCHITECTURES[machine], NUMBERS[machine][name], *arguments)


@pytest.mark.parametrize("machine", MACHINES)
def test_a_call_of_another_architecture_ends_the_process(machine: str) -> None:
    program = syscall_filter.program(machine, hands_over_connect=True)
    others = {I386, *ARCHITECTURES.values()} - {ARCHITECTURES[machine]}

    assert {run(program, other, 39) for other in others} == {KILL}


def test_a_call_with_pointers_of_32_bits_ends_the_process() -> None:
    program = syscall_filter.program("x86_64", hands_over_connect=True)
    x32_connect = 0x40000000 | NUMBERS["x86_64"]["connect"]

    assert run(program, ARCHITECTURES["x86_64"], x32_connect) == KILL


@pytest.mark.parametrize("machine", MACHINES)
def test_a_call_newer_than_any_known_is_not_there(machine: str) -> None:
    program = syscall_filter.program(machine, hands_over_connect=True)

    newest = run(program, ARCHITECTURES[machine], NEWEST_KNOWN)
    newer = run(program, ARCHITECTURES[machine], NEWEST_KNOWN + 1)

    assert (newest, newer) == (ALLOW, error(errno.ENOSYS))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["connect", "listen"])
def test_connect_and_listen_are_handed_over_if_they_are_to_be(machine: str, name: str) -> None:
    assert said(machine, name, hands_over_connect=True) == NOTIFY
    assert said(machine, name, hands_over_connect=False) == ALLOW


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    "name", ["unshare", "setns", "mount", "fsopen", "ptrace", "bpf", "keyctl", "pidfd_getfd"]
)
def test_what_a_function_need_not_do_is_refused(machine: str, name: str) -> None:
    assert said(machine, name) == error(errno.EPERM)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", ["clone3", "io_uring_setup", "io_uring_enter", "semget"])
def test_what_is_done_another_way_is_not_there(machine: str, name: str) -> None:
    assert said(machine, name) == error(errno.ENOSYS)


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "wanted"),
    [
        # A thread, a process, and one in a user namespace of its own.
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (17,), ALLOW),
        ("clone", (0x10000011,), error(errno.EPERM)),
        ("clone", (0x40000011,), error(errno.EPERM)),
        ("sendto", (3, 0, 0, 0x4000), ALLOW),
        ("sendto", (3, 0, 0, 0x20004000), error(errno.EOPNOTSUPP)),
        ("sendmsg", (3, 0, 0x20000000), error(errno.EOPNOTSUPP)),
        ("sendmmsg", (3, 0, 1, 0x20000000), error(errno.EOPNOTSUPP)),
        ("setsockopt", (3, socket.SOL_SOCKET, socket.SO_LINGER), error(0)),
        ("setsockopt", (3, socket.IPPROTO_TCP, socket.SO_LINGER), ALLOW),
        ("setsockopt", (3, socket.SOL_SOCKET, socket.SO_KEEPALIVE), ALLOW),
        ("seccomp", (1, 1), ALLOW),
        ("seccomp", (1, 9), error(errno.EPERM)),
        ("ioctl", (0, 0x5413), ALLOW),
        ("ioctl", (0, 0x5412), error(errno.EPERM)),
        # The kernel takes the lower half of an argument: so does the filter.
        ("ioctl", (0, 0x1_0000_5412), error(errno.EPERM)),
        ("ioctl", (0, 0x541C), error(errno.EPERM)),
        ("personality", (0xFFFFFFFF,), ALLOW),
        ("personality", (0,), ALLOW),
        ("personality", (0x0040000,), error(errno.EPERM)),
        ("socketpair", (socket.AF_UNIX,), ALLOW),
        ("socketpair", (30,), error(errno.EAFNOSUPPORT)),
    ],
)
def test_a_call_is_judged_by_its_arguments(
    machine: str, name: str, arguments: tuple[int, ...], wanted: int
) -> None:
    assert said(machine, name, *arguments) == wanted


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("family", "kind", "protocol", "wanted"),
    [
        (socket.AF_UNIX, socket.SOCK_DGRAM, 0, ALLOW),
        (socket.AF_INET, socket.SOCK_STREAM, 0, ALLOW),
        (socket.AF_INET6, socket.SOCK_STREAM | socket.SOCK_CLOEXEC, 6, ALLOW),
        (socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 17, ALLOW),
        (socket.AF_NETLINK, socket.SOCK_RAW, 0, ALLOW),
        (socket.AF_NETLINK, socket.SOCK_RAW, 12, error(errno.EPROTONOSUPPORT)),
        # SCTP, Multipath TCP, ping.
        (socket.AF_INET, socket.SOCK_STREAM, 132, error(errno.EPROTONOSUPPORT)),
        (socket.AF_INET, socket.SOCK_STREAM, 262, error(errno.EPROTONOSUPPORT)),
        (socket.AF_INET, socket.SOCK_DGRAM, 1, error(errno.EPROTONOSUPPORT)),
        (socket.AF_INET, socket.SOCK_RAW, 6, error(errno.EPERM)),
        (socket.AF_INET, socket.SOCK_SEQPACKET, 0, error(errno.ESOCKTNOSUPPORT)),
        *((family, 1, 0, error(errno.EAFNOSUPPORT)) for family in (0, 15, 17, 31, 38, 40, 43)),
    ],
)
def test_only_these_sockets_can_be_made(
    machine: str, family: int, kind: int, protocol: int, wanted: int
) -> None:
    assert said(machine, "socket", family, kind, protocol) == wanted


@pytest.mark.parametrize("machine", MACHINES)
def test_every_other_call_is_allowed(machine: str) -> None:
    program = syscall_filter.program(machine, hands_over_connect=True)
    ruled = set(NUMBERS[machine].values())

    others = {
        run(program, ARCHITECTURES[machine], number)
        for number in range(NEWEST_KNOWN + 1)
        if number not in ruled
    }

    assert others == {ALLOW}


@pytest.mark.parametrize("machine", MACHINES)
def test_every_call_in_the_table_has_a_rule_and_the_kernels_number(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip("needs the kernel's headers")
    defined = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text(), re.MULTILINE)
    numbers = {name: int(number) for name, number in defined}

    ours = NUMBERS[machine]

    # open_tree_attr is newer than the headers of Debian 12.
    assert {name: numbers.get(name, ours[name]) for name in ours} == ours
    assert ours.keys() - numbers.keys() <= {"open_tree_attr"}


def test_newer_calls_have_one_number_everywhere() -> None:
    newer = [
        {name: number for name, number in numbers.items() if number >= FIRST_COMMON}
        for numbers in NUMBERS.values()
    ]

    assert newer[0] == newer[1]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_program_is_one_that_the_kernel_takes(machine: str) -> None:
    program = syscall_filter.program(machine, hands_over_connect=True)
    count = len(program) // 8

    assert len(program) == count * 8
    assert count <= INSTRUCTIONS_MAX
    for at, (code, jump_true, jump_false, _) in enumerate(struct.iter_unpack("=HBBI", program)):
        assert at + 1 + max(jump_true, jump_false) < count or code == 0x06


def test_a_machine_without_a_table_has_no_filter() -> None:
    with pytest.raises(ValueError, match="mips"):
        syscall_filter.program("mips", hands_over_connect=True)


def test_this_machine_has_one() -> None:
    assert syscall_filter.program(os.uname().machine, hands_over_connect=False)
