"""Function output on its way to the log: gathered for a moment, then stored together.

* A write to the store costs the disk a flush; a rotation's four invocations would cost four. So
  lines are stored every ``FLUSH_SECONDS``: what a killed engine loses is that much of its functions'
  output, and nothing of their work.
* When the store can't be written, lines wait and are tried again. When more than ``LINES_MAX`` wait,
  the oldest are dropped, and the server's own log says so.

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
from keyturn.store.database import Connection, Database

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
        try:
            self._store(lines)
        except Exception:
            # Whatever it is: the thread must live, and functions must not wait for their log.
            _log.exception("function logs can't be stored; trying again")
            self._take_back(lines)
            return False
        return True

    def _take_back(self, lines: deque[Line]) -> None:
        with self._lock:
            self._lines.extendleft(reversed(lines))
            dropped = max(len(self._lines) - LINES_MAX, 0)
            for _ in range(dropped):
                self._lines.popleft()
        self._has_lines.set()
        if dropped:
            _log.error("function logs were dropped", lines=dropped)

    def _store(self, lines: Iterable[Line]) -> None:
        by_stream: dict[tuple[str, str], list[Line]] = {}
        for line in lines:
            by_stream.setdefault((line.function.arn, line.stream), []).append(line)
        if by_stream:
            with self._database.write() as connection:
                for some in by_stream.values():
                    self._append(connection, some)

    def _append(self, connection: Connection, lines: list[Line]) -> None:
        function, now = lines[0].function, self._clock.now()
        group_id = _group_id(connection, function, now)
        stream_id = logs.find_stream_id(connection, group_id, lines[0].stream)
        if stream_id is None:
            stream_id = logs.insert_stream(connection, group_id, lines[0].stream, now)
        logs.append(
            connection, group_id, stream_id, [(line.at, line.message) for line in lines], now
        )


def _group_id(connection: Connection, function: Function, now: datetime) -> int:
    name = log_group_name(function.name)
    group = logs.find_group(connection, function.account, function.region, name)
    if group is not None:
        return group.id
    return logs.insert_group(connection, function.account, function.region, name, now)
