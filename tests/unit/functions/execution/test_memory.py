"""How much memory processes have together, told of real ones."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
import subprocess
import sys
from typing import Final

import pytest

from keyturn.functions.execution import memory
from keyturn.functions.execution.memory import has_too_much, peak_mb

#: Each process fills that; two of them have more than MOST_MB with what an interpreter takes.
PART_MB: Final = 60
MOST_MB: Final = 100

# Says that it is ready, and waits until its input ends.
BEGIN: Final = "import mmap, os, sys; size = int(sys.argv[1]) << 20\n"
WAIT: Final = "os.write(1, b'.'); sys.stdin.read()"
ALONE: Final = BEGIN + "held = bytearray(b'x') * size\n" + WAIT
FORKED: Final = BEGIN + "os.fork()\nheld = bytearray(b'x') * size\n" + WAIT
INHERITED: Final = BEGIN + "held = bytearray(b'x') * size\nos.fork(); os.fork()\n" + WAIT
SHARED: Final = (
    BEGIN
    + "held = mmap.mmap(-1, size)\nos.fork(); os.fork()\n"
    + "for at in range(0, size, mmap.PAGESIZE): held[at] = 1\n"
    + WAIT
)
#: Reads a part of each of so many page tables, of 4 KB for 2 MB, that they are as large together.
TABLES: Final = (
    BEGIN
    + """
flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
held = mmap.mmap(-1, size * 512, flags=flags, prot=mmap.PROT_READ)
held.madvise(mmap.MADV_NOHUGEPAGE)
for at in range(0, len(held), 2 << 20): held[at]
"""
    + WAIT
)
#: No text, and what begins a line elsewhere.
NAMED: Final = (
    BEGIN
    + """
import ctypes
ctypes.CDLL(None).prctl(15, b"\\xc3\\rVmHWM: 9 kB", 0, 0, 0)
held = bytearray(b'x') * size
"""
    + WAIT
)

Start = Callable[[str, int], int]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a program; return its process id once so many processes of it are ready."""
    with ExitStack() as stack:

        def begin(program: str, count: int = 1) -> int:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-S", "-c", program, str(PART_MB)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            assert process.stdout is not None
            assert process.stdout.read(count) == b"." * count
            return process.pid

        yield begin


@pytest.fixture(autouse=True)
def _no_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ALLOWANCE_MB", 0)


def test_one_process_may_have_what_there_is(start: Start) -> None:
    pid = start(ALONE, 1)

    assert not has_too_much(pid, MOST_MB)
    assert has_too_much(pid, PART_MB)


def test_the_allowance_counts_for_all_together(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = start(ALONE, 1)

    monkeypatch.setattr(memory, "ALLOWANCE_MB", MOST_MB)

    assert not has_too_much(pid, 0)


def test_what_a_process_started_counts_with_it(start: Start) -> None:
    assert has_too_much(start(FORKED, 2), MOST_MB)


@pytest.mark.parametrize("program", [SHARED, INHERITED], ids=["mapped", "inherited"])
def test_what_processes_share_counts_once(start: Start, program: str) -> None:
    pid = start(program, 4)

    assert not has_too_much(pid, MOST_MB)
    assert has_too_much(pid, PART_MB)


def test_page_tables_count(start: Start) -> None:
    pid = start(TABLES, 1)

    assert not has_too_much(pid, MOST_MB)
    assert has_too_much(pid, PART_MB)


def test_what_a_process_is_called_does_not_matter(start: Start) -> None:
    pid = start(NAMED, 1)

    assert has_too_much(pid, PART_MB)
    assert (peak_mb([pid]) or 0) > PART_MB


def test_a_process_that_is_gone_has_nothing(start: Start) -> None:
    del start
    process = subprocess.Popen([sys.executable, "-S", "-c", ""])
    process.wait()

    assert not has_too_much(process.pid, 0)
    assert peak_mb([process.pid]) is None


def test_the_peak_is_what_the_largest_had_also_when_it_has_that_no_more(start: Start) -> None:
    freed = BEGIN + "held = bytearray(b'x') * size\ndel held\n" + WAIT
    large, small = start(freed, 1), start("import os, sys\n" + WAIT, 1)

    peak = peak_mb([small, large])

    assert peak is not None
    assert PART_MB <= peak <= MOST_MB
    assert not has_too_much(large, PART_MB)
