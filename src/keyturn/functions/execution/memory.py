"""How much memory a function's processes have together, and when that is too much.

A limit of the kernel's counts one process (RLIMIT_DATA); a function may start many. So a busy
environment is looked at every ``EVERY_SECONDS``. What processes share counts once. Their page
tables count too: what is only read of a mapping takes none of the limit, and tables all the same.

Linux: proc_pid_status(5), proc_pid_smaps(5)
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
import re
from typing import Final

from keyturn.functions.execution.processes import descendants_of

EVERY_SECONDS: Final = 0.25
#: What a function's processes may have beyond its memory: interpreters, the runtime's own modules.
ALLOWANCE_MB: Final = 128
# Of bytes: a process may have any name, and so any bytes but a line feed in a line of its status.
_RESIDENT: Final = re.compile(rb"^(?:Rss(?:Anon|Shmem)|VmPTE):\s+(\d+) kB$", re.MULTILINE)
_SHARE: Final = re.compile(rb"^Pss_(?:Anon|Shmem):\s+(\d+) kB$", re.MULTILINE)
_TABLES: Final = re.compile(rb"^VmPTE:\s+(\d+) kB$", re.MULTILINE)
_PEAK: Final = re.compile(rb"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def has_too_much(root: int, memory_mb: int) -> bool:
    """Return whether a process and all below it have more memory than such a function may."""
    most_kb = (memory_mb + ALLOWANCE_MB) * 1024
    processes = (root, *descendants_of(root))
    if _sum_of(_RESIDENT, processes, "status") <= most_kb:
        return False
    # What each has a share of is exact, and slow to tell: it's asked for when it may matter.
    shares_kb = _sum_of(_SHARE, processes, "smaps_rollup")
    return shares_kb + _sum_of(_TABLES, processes, "status") > most_kb


def peak_mb(processes: Iterable[int]) -> int | None:
    """Return the most that the largest of some processes has had; None if all are gone."""
    peaks = _found(_PEAK, processes, "status")
    return -(-max(peaks) // 1024) if peaks else None


def _sum_of(pattern: re.Pattern[bytes], processes: Iterable[int], file: str) -> int:
    return sum(_found(pattern, processes, file))


def _found(pattern: re.Pattern[bytes], processes: Iterable[int], file: str) -> list[int]:
    found: list[int] = []
    for pid in processes:
        # It may have ended by now.
        with suppress(OSError):
            found += map(int, pattern.findall(Path(f"/proc/{pid}/{file}").read_bytes()))
    return found
