"""Function output on its way to the log: held, redacted, and stored together.

* A line is held until its invocation ends, or for ``HELD_SECONDS`` at most and half of that at
  least: a value that a function prints and then stores is known by then, and one that it prints in
  pieces is seen whole. What is stored has no value in it that the function has seen by then
  (``keyturn.functions.output.seen_values``).
* Lines are redacted together with what follows them so far, and with the end of what was stored of
  the same invocation: only the first letters of a value that is printed in the course of seconds
  are stored, never as many as ``keyturn.functions.output.redaction`` looks for.
* A write to the store costs the disk a flush; a rotation's four invocations would cost four. So
  lines are stored every ``FLUSH_SECONDS``: what a killed engine loses is that much of its
  functions' output, and what is held, and nothing of their work. Much is stored in portions, with
  a pause after each as long as it took: nobody else's write waits for all of it.
* When the store can't be written, lines wait and are tried again. Lines for which there is no room
  any more (``keyturn.functions.output.room``) are dropped, and the server's own log says so.
* Whatever goes wrong with some lines, those that follow are stored.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import threading
import time
from typing import Final

import structlog

from keyturn.functions.output.lines import as_text
from keyturn.functions.output.room import Room, memory_bytes
from keyturn.functions.output.seen_values import SeenValues
from keyturn.model.clock import Clock
from keyturn.model.function import Function
from keyturn.store import logs
from keyturn.store.database import Database

FLUSH_SECONDS: Final = 0.1
HELD_SECONDS: Final = 0.8
#: Stored in one transaction, in memory: a few thousand lines, and tens of milliseconds.
PORTION_BYTES_MAX: Final = 2 << 20
UNSEARCHED: Final = "[output withheld: it couldn't be searched for secret values]"
#: How much of what was stored is looked at again: eight letters, each logged as a line of its own,
#: fit in several times.
CONTEXT_CHARACTERS: Final = 4_096
_HELD: Final = timedelta(seconds=HELD_SECONDS)
#: As long as an invocation may take: whose end isn't told by then has none.
_FORGOTTEN_AFTER: Final = timedelta(seconds=900)
_RETRY_SECONDS: Final = 5

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One event on its way to a stream, and how much room is taken for it."""

    function: Function
    stream: str
    at: datetime
    message: str = field(repr=False)
    taken_bytes: int


@dataclass(frozen=True, slots=True)
class _Due:
    """Lines of a stream that are to be stored, and what is printed just before and after them."""

    lines: list[Line]
    before: list[str] = field(repr=False)
    after: list[str] = field(repr=False)


class _Held:
    """What an environment printed and isn't stored."""

    def __init__(self, now: datetime) -> None:
        self._lines: deque[Line] = deque()
        self._last_at = now
        self._ended_lines = 0
        self._is_ended = False
        self._context: list[str] = []

    @property
    def has_lines(self) -> bool:
        return bool(self._lines)

    def add(self, line: Line) -> None:
        self._lines.append(line)
        self._is_ended = False

    def end(self) -> None:
        self._ended_lines = len(self._lines)
        self._is_ended = True

    def is_over(self, now: datetime) -> bool:
        """Whether nothing is left, and nothing more of the invocation to come."""
        return not self._lines and (self._is_ended or abs(now - self._last_at) > _FORGOTTEN_AFTER)

    def take(self, now: datetime) -> _Due | None:
        """Take out what is due."""
        count = max(self._ended_lines, self._aged_lines(now))
        if count == 0:
            return None
        lines = [self._lines.popleft() for _ in range(count)]
        self._ended_lines = max(self._ended_lines - count, 0)
        self._last_at = now
        due = _Due(lines, self._context, [line.message for line in self._lines])
        self._context = _end_of([*self._context, *(line.message for line in lines)])
        return due

    def _aged_lines(self, now: datetime) -> int:
        # A clock that was put back counts as one that has moved on.
        ages = [abs(now - line.at) for line in self._lines]
        if not ages or ages[0] < _HELD:
            return 0
        return sum(age >= _HELD / 2 for age in ages)


class LogWriter:
    """Stores lines in the background: those of a stream in the order they came."""

    def __init__(self, database: Database, clock: Clock, seen: SeenValues) -> None:
        self._database = database
        self._clock = clock
        self._seen = seen
        self._held: dict[tuple[str, str], _Held] = {}
        self._lines: deque[Line] = deque()
        self._room = Room()
        self._dropped_lines = 0
        self._lock = threading.Lock()
        self._has_lines = threading.Event()
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, function: Function, stream: str, message: str) -> None:
        """Take a line; it is stored a moment later."""
        line = Line(function, stream, self._clock.now(), message, memory_bytes(message))
        with self._lock:
            if self._room.take(function.arn, line.taken_bytes):
                self._held.setdefault((function.arn, stream), _Held(line.at)).add(line)
            else:
                self._dropped_lines += 1
        self._has_lines.set()

    def end(self, function: Function, stream: str) -> None:
        """Hold nothing of a stream any longer: an invocation has ended."""
        with self._lock:
            held = self._held.get((function.arn, stream))
            if held is not None:
                held.end()

    def redacted(self, function: Function, lines: Sequence[str]) -> list[str]:
        """Return lines that a function printed without the values that it has seen."""
        try:
            return self._seen.redact(function.arn, lines)
        except Exception:  # noqa: BLE001 - what wasn't searched is withheld; what follows must be
            _log.exception("a function's output couldn't be searched for secret values")
            return [UNSEARCHED] * len(lines)

    def close(self) -> None:
        """Store what is left, and stop."""
        self._is_closing.set()
        self._has_lines.set()
        self._thread.join()
        with self._lock:
            for held in self._held.values():
                held.end()
        self._flush()

    def _run(self) -> None:
        while not self._is_closing.is_set():
            self._has_lines.wait()
            self._is_closing.wait(FLUSH_SECONDS)
            if not self._has_flushed():
                self._has_lines.set()
                self._is_closing.wait(_RETRY_SECONDS)

    def _has_flushed(self) -> bool:
        """Store what is due; return whether that went well, whatever happens."""
        try:
            return self._flush()
        except Exception:  # noqa: BLE001 - without this thread no output would be stored any more
            _log.exception("a round of storing function logs failed; the next one follows")
            return False

    def _flush(self) -> bool:
        """Store what is due; return whether that went well."""
        self._has_lines.clear()
        for due in self._due():
            self._lines.extend(self._redacted(due))
        self._tell_dropped()
        while portion := self._portion():
            began = time.monotonic()
            if not self._is_done_with(portion):
                _log.error("function logs can't be stored just now; they wait")
                return False
            self._take_out(portion)
            if self._lines:
                # Others who write have a turn.
                self._is_closing.wait(time.monotonic() - began)
        return True

    def _portion(self) -> list[Line]:
        """Return the lines that are stored next, together."""
        portion, left_bytes = list[Line](), PORTION_BYTES_MAX
        for line in self._lines:
            left_bytes -= line.taken_bytes
            if left_bytes < 0 and portion:
                break
            portion.append(line)
        return portion

    def _is_done_with(self, lines: Sequence[Line]) -> bool:
        """Store lines; return whether they may go. Those that never could would stop the rest."""
        try:
            return logs.store(self._database, _by_stream(lines), self._clock.now())
        except Exception:  # noqa: BLE001 - whatever it was, the next lines may be stored
            _log.exception("function logs are lost: they can't be stored", lines=len(lines))
            return True

    def _take_out(self, lines: Sequence[Line]) -> None:
        with self._lock:
            for line in lines:
                self._lines.popleft()
                self._room.give_back(line.function.arn, line.taken_bytes)

    def _tell_dropped(self) -> None:
        with self._lock:
            dropped, self._dropped_lines = self._dropped_lines, 0
        if dropped:
            _log.error("function logs were dropped: too much waits to be stored", lines=dropped)

    def _due(self) -> list[_Due]:
        now = self._clock.now()
        with self._lock:
            due = [taken for held in self._held.values() if (taken := held.take(now)) is not None]
            self._held = {key: held for key, held in self._held.items() if not held.is_over(now)}
            if any(held.has_lines for held in self._held.values()):
                self._has_lines.set()
        return due

    def _redacted(self, due: _Due) -> Iterator[Line]:
        messages = [*due.before, *(line.message for line in due.lines), *due.after]
        redacted = self.redacted(due.lines[0].function, messages)
        for line, message in zip(due.lines, redacted[len(due.before) :], strict=False):
            yield replace(line, message=as_text(message))


def _end_of(messages: Sequence[str]) -> list[str]:
    """Return the last of some messages, cut to ``CONTEXT_CHARACTERS``."""
    end: list[str] = []
    left = CONTEXT_CHARACTERS
    for message in reversed(messages):
        if left <= 0:
            break
        end.insert(0, message[-left:])
        left -= len(message) + 1
    return end


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
        group=function.log_group,
        stream=line.stream,
    )
