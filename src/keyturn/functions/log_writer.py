"""Function output on its way to the log: gathered for a moment, then stored together.

A write to the store costs the disk a flush; a rotation's four invocations would cost four. So
lines are stored every ``FLUSH_SECONDS``: what a killed engine loses is that much of its functions'
output, and nothing of their work.
"""

from dataclasses import dataclass
from datetime import datetime
import threading
from typing import Final

from keyturn.functions.names import log_group_name
from keyturn.model.clock import Clock
from keyturn.model.function import Function
from keyturn.store import logs
from keyturn.store.database import Connection, Database

FLUSH_SECONDS: Final = 0.1


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
        self._lines: list[Line] = []
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

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._has_lines.wait()
            self._is_closing.wait(FLUSH_SECONDS)
            self._flush()

    def _flush(self) -> None:
        self._has_lines.clear()
        with self._lock:
            lines, self._lines = self._lines, []
        by_stream: dict[tuple[str, str], list[Line]] = {}
        for line in lines:
            by_stream.setdefault((line.function.arn, line.stream), []).append(line)
        if by_stream:
            with self._database.write() as connection:
                for some in by_stream.values():
                    self._store(connection, some)

    def _store(self, connection: Connection, lines: list[Line]) -> None:
        function, now = lines[0].function, self._clock.now()
        name = log_group_name(function.name)
        group = logs.find_group(connection, function.account, function.region, name)
        group_id = (
            logs.insert_group(connection, function.account, function.region, name, now)
            if group is None
            else group.id
        )
        stream_id = logs.find_stream_id(connection, group_id, lines[0].stream)
        if stream_id is None:
            stream_id = logs.insert_stream(connection, group_id, lines[0].stream, now)
        logs.append(
            connection, group_id, stream_id, [(line.at, line.message) for line in lines], now
        )
