"""Function output on its way to the log: gathered for a moment, then stored together.

* A write to the store costs the disk a flush; a rotation's four invocations would cost four. So
  lines are stored every ``FLUSH_SECONDS``: what a killed engine loses is that much of its
  functions' output, and nothing of their work.
* When the store can't be written, lines wait and are tried again. When more than ``LINES_MAX``
  wait, the oldest are dropped, and the server's own log says so.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
import threading
from typing import Final

import structlog

from keyturn.functions.names import log_group_name
from keyturn.model.clock import Clock
from keyturn.model.function import Function
from keyturn.store import logs
from keyturn.store.database import Database

FLUSH_SECONDS: Final = 0.1
LINES_MAX: Final = 200_000
_RETRY_SECONDS: Final = 5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One event on its way to a stream."""

    function: Function
    stream: str
    at: datetime
    message: str


class LogWriter:
    """Stores lines in the background, in the order they came."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lines: deque[Line] = deque()
        self._lock = threading.Lock()
        self._has_lines = threading.Event()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, function: Function, stream: str, message: str) -> None:
        """Take a line; it is stored a moment later."""
        line = Line(function, stream, self._clock.now(), message)
        with self._lock:
            self._lines.append(line)
        self._has_lines.set()

    def close(self) -> None:
        """Store what is left, and stop."""
        self._is_closing.set()
        self._has_lines.set()
        self._thread.join()
        self._flush()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._has_lines.wait()
            self._is_closing.wait(FLUSH_SECONDS)
            if not self._flush():
                self._is_closing.wait(_RETRY_SECONDS)

    def _flush(self) -> bool:
        """Store what there is; return whether that went well."""
        self._has_lines.clear()
        with self._lock:
            lines, self._lines = self._lines, deque()
        if not lines or logs.store(self._database, _by_stream(lines), self._clock.now()):
            return True
        _log.error("function logs can't be stored just now; they wait", lines=len(lines))
        self._take_back(lines)
        return False

    def _take_back(self, lines: deque[Line]) -> None:
        with self._lock:
            self._lines.extendleft(reversed(lines))
            dropped = max(len(self._lines) - LINES_MAX, 0)
            for _ in range(dropped):
                self._lines.popleft()
        self._has_lines.set()
        if dropped:
            _log.error("function logs were dropped", lines=dropped)


def _by_stream(lines: Iterable[Line]) -> dict[logs.StreamName, list[tuple[datetime, str]]]:
    events: dict[logs.StreamName, list[tuple[datetime, str]]] = {}
    for line in lines:
        events.setdefault(_stream_name(line), []).append((line.at, line.message))
    return events


def _stream_name(line: Line) -> logs.StreamName:
    function = line.function
    return logs.StreamName(
        account=function.account,
        region=function.region,
        group=log_group_name(function.name),
        stream=line.stream,
    )
