"""Keep a set of processes alive: the API processes and the engine.

The supervisor binds the listening socket, forks, and then only waits: it opens no store, holds no
key and runs no thread, so a fork is safe at any time. A process that dies is started again, after
a pause when it dies young. On SIGTERM or SIGINT every process is asked to stop, and killed when it
takes too long. Should the supervisor itself be killed, the kernel ends its children (prctl(2),
PR_SET_PDEATHSIG), so that no half of a server is left behind. What a process that died left
running comes to the supervisor, which ends it: a function's daemons don't outlive their engine.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
import ctypes
from dataclasses import dataclass
import os
import signal
import time
from types import FrameType
from typing import Final, NoReturn

import structlog

from keyturn.functions.execution.processes import adopt_orphans, children_of

_log = structlog.get_logger(__name__)

#: How long a process may take to finish what it is at before it is killed.
STOP_SECONDS_MAX: Final = 25
#: A process that dies within this time is started again only after a pause of the same length.
_YOUNG_SECONDS: Final = 1.0

_STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
_HEEDED: Final = (*_STOPPING, signal.SIGALRM)

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15

Main = Callable[[], None]
Group = Mapping[str, Main]


@dataclass(slots=True)
class _Child:
    name: str
    main: Main
    started_at: float


class Supervisor:
    """Runs each main of each group in a process of its own until told to stop.

    Groups are started in their order and stopped in the opposite one, each when the one behind it
    is gone: what a later group needs, an earlier one still gives while it finishes.
    """

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._children: dict[int, _Child] = {}
        self._is_stopping = False

    def heed_signals(self) -> None:
        """Let SIGTERM and SIGINT stop every process, those too that aren't started yet."""
        for number in _STOPPING:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)

    def run(self) -> None:
        """Start every process; return when all have stopped after a signal."""
        adopt_orphans()
        for group in self._groups:
            for name, main in group.items():
                self._start(name, main)
        while self._children or self._end_strays():
            self._reap()

    def _start(self, name: str, main: Main) -> None:
        # A signal between the fork and the note of it would miss the process.
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEEDED)
        if not self._is_stopping:
            started_at = time.monotonic()
            pid = os.fork()
            if pid == 0:
                _run_child(name, main)
            self._children[pid] = _Child(name, main, started_at)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)

    def _reap(self) -> None:
        pid, status = os.wait()
        child = self._children.pop(pid, None)
        # Whatever is below us and not ours was left behind, by this process or by another stray.
        self._end_strays()
        if child is None:
            return
        if self._is_stopping:
            self._stop_last_group()
            return
        _log.error("process died; starting it again", process=child.name, status=status)
        self._pause_for_young(child)
        if not self._is_stopping:
            self._start(child.name, child.main)

    def _end_strays(self) -> bool:
        """Kill what processes that died left running; return whether there was anything."""
        strays = set(children_of(os.getpid())) - self._children.keys()
        for pid in strays:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(strays)

    def _pause_for_young(self, child: _Child) -> None:
        if time.monotonic() - child.started_at < _YOUNG_SECONDS:
            # Ends early when a signal asks us to stop.
            signal.sigtimedwait([signal.SIGUSR2], _YOUNG_SECONDS)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            signal.alarm(STOP_SECONDS_MAX)
            self._stop_last_group()

    def _stop_last_group(self) -> None:
        running = {child.name for child in self._children.values()}
        for group in reversed(self._groups):
            if running & group.keys():
                self._signal(signal.SIGTERM, group)
                return

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        for group in self._groups:
            self._signal(signal.SIGKILL, group)

    def _signal(self, number: signal.Signals, group: Group) -> None:
        for pid, child in self._children.items():
            if child.name in group:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)


def _run_child(name: str, main: Main) -> NoReturn:
    status = 1
    try:
        # Ctrl-C at a terminal is meant for the supervisor, which stops the others in their order.
        os.setpgrp()
        _die_with_parent()
        _take_name(name)
        for number in _HEEDED:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _HEEDED)
        main()
        status = 0
    except Exception:  # noqa: BLE001 - the process ends here, and says why
        _log.exception("process failed")
    finally:
        # Not sys.exit: the parent's cleanup isn't the child's to do.
        os._exit(status)


def _take_name(name: str) -> None:
    # What ps, top and /proc call this process: prctl(2), PR_SET_NAME.
    ctypes.CDLL(None).prctl(_PR_SET_NAME, f"keyturn-{name}".encode(), 0, 0, 0)


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
