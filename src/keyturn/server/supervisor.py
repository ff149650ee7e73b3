"""Keep a set of processes alive: the API processes and the engine.

The supervisor binds the listening socket, forks, and then only waits: it opens no store, holds no
key and runs no thread, so a fork is safe at any time. A process that dies is started again, after
a pause when it dies young. On SIGTERM or SIGINT every process is asked to stop, and killed when it
takes too long. Should the supervisor itself be killed, the kernel ends its children (prctl(2),
PR_SET_PDEATHSIG), so that no half of a server is left behind.
"""

from collections.abc import Callable, Mapping
import ctypes
from dataclasses import dataclass
import os
import signal
import time
from types import FrameType
from typing import Final, NoReturn

import structlog

_log = structlog.get_logger(__name__)

#: How long a process may take to finish what it is at before it is killed.
STOP_SECONDS_MAX: Final = 25
#: A process that dies within this time is started again only after a pause of the same length.
_YOUNG_SECONDS: Final = 1.0

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NAME: Final = 15

Main = Callable[[], None]


@dataclass(slots=True)
class _Child:
    name: str
    main: Main
    started_at: float


class Supervisor:
    """Runs each of ``mains`` in a process of its own until told to stop."""

    def __init__(self, mains: Mapping[str, Main]) -> None:
        self._mains = mains
        self._children: dict[int, _Child] = {}
        self._is_stopping = False

    def run(self) -> None:
        """Start every process; return when all have stopped after a signal."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        for name, main in self._mains.items():
            self._start(name, main)
        while self._children:
            self._reap()

    def _start(self, name: str, main: Main) -> None:
        started_at = time.monotonic()
        pid = os.fork()
        if pid == 0:
            _run_child(name, main)
        self._children[pid] = _Child(name, main, started_at)

    def _reap(self) -> None:
        pid, status = os.wait()
        child = self._children.pop(pid, None)
        if child is None or self._is_stopping:
            return
        _log.error("process died; starting it again", process=child.name, status=status)
        self._pause_for_young(child)
        if not self._is_stopping:
            self._start(child.name, child.main)

    def _pause_for_young(self, child: _Child) -> None:
        if time.monotonic() - child.started_at < _YOUNG_SECONDS:
            # Ends early when a signal asks us to stop.
            signal.sigtimedwait([signal.SIGUSR2], _YOUNG_SECONDS)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            signal.alarm(STOP_SECONDS_MAX)
            self._signal_children(signal.SIGTERM)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        self._signal_children(signal.SIGKILL)

    def _signal_children(self, number: signal.Signals) -> None:
        for pid in self._children:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


def _run_child(name: str, main: Main) -> NoReturn:
    status = 1
    try:
        _die_with_parent()
        _take_name(name)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
            signal.signal(number, signal.SIG_DFL)
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
