"""The processes of functions, with everything that they start.

The rules, which every caller may rely on:

* A function's process adopts what its own children leave behind (``launcher``), so that as long as
  it runs, everything that it started is below it: also what has a session of its own.
* What a process that died left behind comes to the engine, if that has called ``adopt_strays``,
  and is ended when an environment is next closed. It is known by its session, which isn't the
  engine's: a function's process begins one, and no process can enter another's (setsid(2)). What
  the engine's libraries start stays in its session (botocore's ``credential_process``), and is
  theirs.
* What is stopped but waits in the kernel until that is done with a call (state D: vfork(2), a
  connect that the engine answers) stops before it does anything else.
* The name that a process gives itself is any 15 bytes but 0 (prctl(2), PR_SET_NAME).

Not kept from a function: to start processes faster than they are ended. How many there may be is
the machine's to say (``ulimit -u``, a container's or a service's limit of tasks).

Linux: prctl(2), PR_SET_CHILD_SUBREAPER; proc_pid_task(5), children; proc_pid_stat(5).
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
import ctypes
import os
from pathlib import Path
import signal
import subprocess
import threading
import time
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36
#: Some may be starting others while they are ended.
_ROUNDS_MAX: Final = 1000
#: 1,024 processes take about one, on two cores that are busy.
FREEZE_SECONDS_MAX: Final = 5
# As _state says it: gone, or dead and waiting for the parent to notice.
_GONE: Final = frozenset({"", "Z", "X"})
_STOPPED: Final = frozenset({"T", "t"})
# It stops at once, or before it does anything else.
_STOPPING: Final = _STOPPED | {"D"}

Process = subprocess.Popen[bytes]


class Processes:
    """Every process of a function that this engine has started and not ended."""

    def __init__(self) -> None:
        self._own: set[Process] = set()
        self._lock = threading.Lock()
        self._adopts_strays = False

    def adopt_strays(self) -> None:
        """Have what functions leave behind come to this process."""
        adopt_orphans()
        self._adopts_strays = True

    def start(
        self, command: Sequence[str], variables: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> Process:
        """Start a process with these variables and descriptors and no others, in its own session.

        Raises:
            OSError: it can't be started on this machine.
        """
        # Held until it is noted, or it would be taken for one that was left behind.
        with self._lock:
            process = subprocess.Popen(  # noqa: S603 - the interpreter and the launcher are ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=variables,
                pass_fds=pass_fds,
                # What bubblewrap makes must be open to the user that a function runs as.
                umask=0o022,
                start_new_session=True,
            )
            self._own.add(process)
        return process

    def end(self, process: Process) -> None:
        """Kill a process with everything that it started."""
        try:
            if process.poll() is None:
                _stop_and_kill_below(process.pid)
        finally:
            # In any case: what it took of the machine is given to others.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            with self._lock:
                self._own.discard(process)
        self._end_strays()

    def freeze(self, process: Process) -> set[int]:
        """Stop a process with everything that it started, until ``thaw``.

        Returns:
            All that were there: one that is gone afterwards was killed, unnoticed.

        Raises:
            TimeoutError: they weren't all stopped within ``FREEZE_SECONDS_MAX``.
        """
        deadline = time.monotonic() + FREEZE_SECONDS_MAX
        found: set[int] = set()
        before: dict[int, str] = {}
        while True:
            states = {pid: _state(pid) for pid in (process.pid, *descendants_of(process.pid))}
            there = {pid: state for pid, state in states.items() if state not in _GONE}
            found.update(there)
            for pid, state in there.items():
                if state not in _STOPPED:
                    _kill(pid, signal.SIGSTOP)
            # One may have ended while it was looked at, having started another elsewhere.
            if states == before and _STOPPING.issuperset(there.values()):
                return found
            if time.monotonic() > deadline:
                raise TimeoutError(f"not all stopped within {FREEZE_SECONDS_MAX} s")
            before = states

    def thaw(self, process: Process) -> None:
        """Let a process that was stopped go on, with everything that it started."""
        for pid in (*descendants_of(process.pid), process.pid):
            _kill(pid, signal.SIGCONT)

    def end_what_they_started(self) -> None:
        """Stop every process, and kill what it started; the process itself ends with this one."""
        with self._lock:
            left = [process for process in self._own if process.poll() is None]
        for process in left:
            _stop_and_kill_below(process.pid)
        self._end_strays()

    def _end_strays(self) -> None:
        if not self._adopts_strays:
            return
        with self._lock:
            own = {process.pid for process in self._own}
            for pid in set(filter(_is_of_another_session, children_of(os.getpid()))) - own:
                _stop_and_kill_below(pid)
                _kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def adopt_orphans() -> None:
    """Have what any process below this one leaves behind come to this one."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _stop_and_kill_below(root: int) -> None:
    """Kill what a process started. It is stopped, so that it neither starts more nor notices."""
    _kill(root, signal.SIGSTOP)
    for _ in range(_ROUNDS_MAX):
        any_runs = False
        # From the top: with the first process of a namespace, the kernel ends all others in it.
        for pid in descendants_of(root):
            if _state(pid) not in _GONE:
                any_runs = True
                _kill(pid, signal.SIGKILL)
        if not any_runs:
            return


def descendants_of(pid: int) -> Iterator[int]:
    """Yield the processes that are below one, as far as there are any by then, from the top."""
    above = deque([pid])
    while above:
        for child in children_of(above.popleft()):
            yield child
            above.append(child)


def children_of(pid: int) -> Iterator[int]:
    """Yield the processes that are directly below one, as far as there are any by then."""
    # A process, or a thread of it, may end while it is looked at.
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                yield from map(int, (task / "children").read_text().split())


def is_there(pid: int) -> bool:
    """Return whether a process isn't gone, nor dead and waiting for its parent to notice."""
    return _state(pid) not in _GONE


def is_stopped(pid: int) -> bool:
    """Return whether a process is there and stopped, by whomever."""
    return _state(pid) in _STOPPED


def _state(pid: int) -> str:
    """Return the letter for what a process is at; none if it is gone."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1].decode()
    return ""


def _is_of_another_session(pid: int) -> bool:
    with suppress(ProcessLookupError):
        return os.getsid(pid) != os.getsid(0)
    return False


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
