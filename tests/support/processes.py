"""Other processes, as Linux shows them under /proc."""

from contextlib import suppress
from pathlib import Path

_GONE = (FileNotFoundError, ProcessLookupError)


def children_of(pid: int) -> set[int]:
    """Return the processes that any thread of a process has started; none when it is gone."""
    found: set[int] = set()
    # A thread may end while it is looked at.
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(*_GONE):
            found.update(map(int, thread.read_text().split()))
    return found


def is_running(pid: int) -> bool:
    """Return whether a process is there and can do anything: a zombie can't."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except _GONE:
        return False
    # Of bytes, since a process may have any name.
    return b"\nState:\tZ" not in status and b"\nState:\tX" not in status


def command_lines(*, containing: str) -> list[str]:
    """Return the command lines of the processes that have a text in theirs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(*_GONE):
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            if containing in line:
                found.append(line)
    return found
