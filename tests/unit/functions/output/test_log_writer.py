from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
import threading

import pytest
from sqlalchemy import func, select
from typing_extensions import override

from keyturn.functions.names import function_arn
from keyturn.functions.output import log_writer, room
from keyturn.functions.output.log_writer import (
    CONTEXT_CHARACTERS,
    HELD_SECONDS,
    UNSEARCHED,
    LogWriter,
)
from keyturn.functions.output.room import memory_bytes
from keyturn.functions.output.seen_values import SeenValues
from keyturn.model.function import Function
from keyturn.store import database as store_database, logs
from keyturn.store.database import Connection, Database
from keyturn.store.logs import EventQuery
from support.clock import FixedClock
from support.store import make_database
from support.waiting import until

ACCOUNT, REGION, STREAM = "123456789012", "us-east-1", "2026/01/02/[$LATEST]0"
FUNCTION = Function(
    id=1,
    account=ACCOUNT,
    region=REGION,
    name="rotate",
    arn=function_arn(REGION, ACCOUNT, "rotate"),
    runtime="python3.11",
    handler="a.b",
    role_arn="r",
    description="",
    timeout_seconds=3,
    memory_mb=128,
    storage_mb=512,
    architecture="x86_64",
    code_sha256="0",
    code_bytes=0,
    modified_at=datetime(2026, 1, 2, tzinfo=UTC),
    revision_id="r",
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = make_database(tmp_path)
    yield made
    made.close()


def stored(database: Database, function: Function = FUNCTION) -> list[str]:
    """Return the messages that are stored of a function."""
    with database.read() as connection:
        group = logs.find_group(connection, ACCOUNT, REGION, f"/aws/lambda/{function.name}")
        if group is None:
            return []
        query = EventQuery(group_id=group.id, most=10_000)
        return [event.message for event in logs.read(connection, query)]


class Writing:
    """A writer, what it knows, and a clock that stands still."""

    def __init__(self, database: Database) -> None:
        self.clock = FixedClock(datetime(2026, 1, 2, tzinfo=UTC))
        self.seen = SeenValues(lambda: 0.0)
        self.writer = LogWriter(database, self.clock, self.seen)

    def write(self, *messages: str, function: Function = FUNCTION, stream: str = STREAM) -> None:
        for message in messages:
            self.writer.write(function, stream, message)

    def end(self) -> None:
        self.writer.end(FUNCTION, STREAM)

    def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def writing(database: Database) -> Iterator[Writing]:
    made = Writing(database)
    yield made
    made.writer.close()


def test_lines_are_stored_in_their_order_when_their_invocation_ends(
    database: Database, writing: Writing
) -> None:
    wanted = [f"line {number}" for number in range(100)]

    writing.write(*wanted)
    writing.end()

    until(lambda: stored(database) == wanted, "the lines")


def test_lines_are_stored_while_their_invocation_goes_on(
    database: Database, writing: Writing
) -> None:
    writing.write("first")
    writing.advance(HELD_SECONDS / 2)
    writing.write("second")
    writing.advance(HELD_SECONDS / 2 - 0.001)
    writing.write("third")
    writing.writer._flush()
    before = stored(database)
    writing.advance(0.001)

    until(lambda: stored(database) == ["first", "second"], "the lines")
    assert before == []


def test_a_clock_that_is_put_back_holds_nothing_up(database: Database, writing: Writing) -> None:
    writing.write("before")

    writing.advance(-3600)

    until(lambda: stored(database) == ["before"], "the line")


def test_the_last_lines_are_stored_when_the_writer_is_closed(database: Database) -> None:
    for number in range(20):
        writing = Writing(database)
        writing.write(f"first {number}", f"last {number}")
        writing.writer.close()

    assert len(stored(database)) == 40


def test_each_function_has_a_group_and_each_environment_a_stream(database: Database) -> None:
    other = replace(FUNCTION, name="other", arn=function_arn(REGION, ACCOUNT, "other"))
    writing = Writing(database)

    writing.write("of the first", stream="a")
    writing.write("of the first", stream="b")
    writing.write("of the other", function=other, stream="a")
    writing.writer.close()

    assert stored(database) == ["of the first"] * 2
    assert stored(database, other) == ["of the other"]


def test_a_value_that_is_seen_after_it_was_printed_is_redacted_while_it_is_held(
    database: Database, writing: Writing
) -> None:
    writing.write("no login with hunter22")

    writing.seen.note(FUNCTION.arn, b"hunter22")
    writing.end()

    until(lambda: stored(database) == ["no login with ***"], "the line")


def test_a_value_in_pieces_is_redacted_whichever_of_them_are_stored_first(
    database: Database, writing: Writing
) -> None:
    writing.seen.note(FUNCTION.arn, b"hunter22abcd")
    writing.write("hunter")
    writing.advance(HELD_SECONDS)
    writing.write("22")
    until(lambda: stored(database) == ["***"], "the first piece")

    writing.write("ab")
    writing.end()

    until(lambda: stored(database) == ["***", "***", "***"], "the other pieces")


def test_letters_of_a_value_that_come_seconds_apart_are_redacted_from_the_eighth_on(
    database: Database, writing: Writing
) -> None:
    writing.seen.note(FUNCTION.arn, b"hunter22abcd")

    for number, letter in enumerate("hunter22abcd", start=1):
        writing.write(letter)
        writing.advance(HELD_SECONDS)
        until(lambda count=number: len(stored(database)) == count, "the letter")  # type: ignore[misc]

    assert stored(database) == [*"hunter2", *["***"] * 5]


def test_what_is_looked_at_again_is_bounded(database: Database, writing: Writing) -> None:
    writing.write("x" * 10_000, "y" * (CONTEXT_CHARACTERS - 10), "z")
    writing.advance(HELD_SECONDS)
    until(lambda: len(stored(database)) == 3, "the lines")

    [held] = writing.writer._held.values()

    assert [len(text) for text in held._context] == [7, CONTEXT_CHARACTERS - 10, 1]


def test_nothing_is_kept_of_an_invocation_that_is_over(
    database: Database, writing: Writing
) -> None:
    writing.write("ends")
    writing.end()
    writing.write("never ends", stream="other")
    writing.advance(HELD_SECONDS)
    until(lambda: len(stored(database)) == 2, "the lines")
    kept = [stream for _, stream in writing.writer._held]

    writing.advance(900.001)
    writing.writer._flush()

    assert kept == ["other"]
    assert not writing.writer._held


def test_bytes_that_are_no_text_are_stored_all_the_same(
    database: Database, writing: Writing
) -> None:
    writing.write(b"caf\xe9".decode(errors="surrogateescape"))
    writing.end()

    until(lambda: stored(database) == ["caf\N{REPLACEMENT CHARACTER}"], "the line")


def test_lines_wait_while_the_store_can_not_be_written(
    database: Database, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "_RETRY_SECONDS", 0.01)
    with database.write() as connection:
        logs.events.drop(connection)

    writing.write("before")
    writing.end()
    until(lambda: writing.writer._lines, "the first try")
    with database.write() as connection:
        logs.events.create(connection)
    writing.write("after")
    writing.end()

    until(lambda: stored(database) == ["before", "after"], "the lines")


def test_lines_are_dropped_while_more_of_their_function_wait_than_may(
    database: Database, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    line_bytes = memory_bytes("line 0")
    monkeypatch.setattr(room, "WAITING_BYTES_PER_FUNCTION_MAX", 2 * line_bytes)
    other = replace(FUNCTION, name="other", arn=function_arn(REGION, ACCOUNT, "other"))

    writing.write(*(f"line {number}" for number in range(5)))
    writing.write("line of the other", function=other)
    writing.end()
    until(lambda: len(stored(database)) == 2, "the first lines")
    writing.write("line 5")
    writing.writer.close()

    assert stored(database) == ["line 0", "line 1", "line 5"]
    assert stored(database, other) == ["line of the other"]


def test_what_waits_is_counted_until_it_is_stored(
    database: Database, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(room, "WAITING_BYTES_MAX", memory_bytes("before"))
    with database.write() as connection:
        logs.events.drop(connection)

    writing.write("before")
    writing.end()
    until(lambda: writing.writer._lines, "the first try")
    writing.write("too much")
    with database.write() as connection:
        logs.events.create(connection)
    until(lambda: stored(database) == ["before"], "the first line")
    writing.write("after")
    writing.writer.close()

    assert stored(database) == ["before", "after"]


class Watched(Database):
    """A store that notes how many events it has after each write."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.counts = [0]

    @override
    @contextmanager
    def write(self) -> Iterator[Connection]:
        with super().write() as connection:
            yield connection
            count = select(func.count()).select_from(logs.events)
            self.counts.append(connection.execute(count).scalar_one())


def test_many_lines_are_stored_in_portions(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "PORTION_BYTES_MAX", 10 * memory_bytes("line 00"))
    watched = Watched(tmp_path / "keyturn.db")
    writing = Writing(watched)
    wanted = [f"line {number:02}" for number in range(45)]

    writing.write(*wanted)
    writing.writer.close()

    assert max(after - before for before, after in pairwise(watched.counts)) == 10
    assert stored(database) == wanted
    watched.close()


def test_nothing_is_stored_while_another_thread_writes_for_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_database, "_LOCK_WAIT_SECONDS", 0.01)
    impatient = make_database(tmp_path)
    name = logs.StreamName(account=ACCOUNT, region=REGION, group="g", stream=STREAM)
    now = datetime(2026, 1, 2, tzinfo=UTC)

    with impatient.write():
        is_stored = logs.store(impatient, {name: [(now, "line")]}, now)

    assert not is_stored
    impatient.close()


class Failing(Database):
    """A store in which writing fails in a way that nobody foresees, as often as it is told to."""

    failures_left = 1

    @override
    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.failures_left:
            self.failures_left -= 1
            raise ZeroDivisionError
        with super().write() as connection:
            yield connection


def test_lines_that_can_never_be_stored_are_not_in_the_way_of_others(
    database: Database, tmp_path: Path
) -> None:
    failing = Failing(tmp_path / "keyturn.db")
    writing = Writing(failing)

    writing.write("lost")
    writing.end()
    until(lambda: not failing.failures_left, "the failure")
    writing.write("stored")
    writing.end()

    until(lambda: stored(database) == ["stored"], "the line")
    writing.writer.close()
    failing.close()


class FailingClock(FixedClock):
    """A clock that fails the writer's own thread once."""

    has_failed = False

    @override
    def now(self) -> datetime:
        if threading.current_thread().name == "log-writer" and not self.has_failed:
            self.has_failed = True
            raise ZeroDivisionError
        return super().now()


def test_whatever_goes_wrong_in_a_round_lines_are_stored_in_the_next(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "_RETRY_SECONDS", 0.01)
    clock = FailingClock(datetime(2026, 1, 2, tzinfo=UTC))
    writer = LogWriter(database, clock, SeenValues(lambda: 0.0))

    writer.write(FUNCTION, STREAM, "line")
    writer.end(FUNCTION, STREAM)

    until(lambda: stored(database) == ["line"], "the line")
    assert clock.has_failed
    writer.close()


def test_half_of_a_surrogate_pair_stops_nothing(database: Database, writing: Writing) -> None:
    writing.seen.note(FUNCTION.arn, b"hunter22")

    writing.write("it answered \ud800 to hunter22")
    writing.end()

    until(lambda: stored(database) == ["it answered \N{REPLACEMENT CHARACTER} to ***"], "the line")


def test_output_that_can_not_be_searched_is_withheld_and_what_follows_is_stored(
    database: Database,
) -> None:
    class Broken(SeenValues):
        is_broken = True

        @override
        def redact(self, function_arn: str, lines: Sequence[str]) -> list[str]:
            if self.is_broken:
                raise ZeroDivisionError
            return super().redact(function_arn, lines)

    seen = Broken(lambda: 0.0)
    writer = LogWriter(database, FixedClock(datetime(2026, 1, 2, tzinfo=UTC)), seen)

    writer.write(FUNCTION, STREAM, "first")
    writer.end(FUNCTION, STREAM)
    until(lambda: stored(database), "the first line is stored")
    seen.is_broken = False
    writer.write(FUNCTION, STREAM, "second")
    writer.close()

    assert stored(database) == [UNSEARCHED, "second"]
