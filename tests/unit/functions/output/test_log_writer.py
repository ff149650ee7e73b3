from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keyturn.functions.names import function_arn
from keyturn.functions.output import log_writer
from keyturn.functions.output.log_writer import LogWriter
from keyturn.model.clock import SystemClock
from keyturn.model.function import Function
from keyturn.store import logs
from keyturn.store.database import Database
from keyturn.store.logs import EventQuery
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


def test_lines_are_stored_in_their_order_without_being_asked_to(database: Database) -> None:
    writer = LogWriter(database, SystemClock())

    for number in range(100):
        writer.write(FUNCTION, STREAM, f"line {number}")

    wanted = [f"line {number}" for number in range(100)]
    until(lambda: stored(database) == wanted, "the lines")
    writer.close()


def test_the_last_lines_are_stored_when_the_writer_is_closed(database: Database) -> None:
    for number in range(20):
        writer = LogWriter(database, SystemClock())
        writer.write(FUNCTION, STREAM, f"first {number}")
        writer.write(FUNCTION, STREAM, f"last {number}")
        writer.close()

    assert len(stored(database)) == 40


def test_each_function_has_a_group_and_each_environment_a_stream(database: Database) -> None:
    other = replace(FUNCTION, name="other", arn=function_arn(REGION, ACCOUNT, "other"))
    writer = LogWriter(database, SystemClock())

    writer.write(FUNCTION, "a", "of the first")
    writer.write(FUNCTION, "b", "of the first")
    writer.write(other, "a", "of the other")
    writer.close()

    assert stored(database) == ["of the first"] * 2
    assert stored(database, other) == ["of the other"]


def test_lines_wait_while_the_store_can_not_be_written(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "_RETRY_SECONDS", 0.01)
    with database.write() as connection:
        logs.events.drop(connection)
    writer = LogWriter(database, SystemClock())

    writer.write(FUNCTION, STREAM, "before")
    until(lambda: not writer._has_lines.is_set() or None, "the first try")
    with database.write() as connection:
        logs.events.create(connection)
    writer.write(FUNCTION, STREAM, "after")

    until(lambda: stored(database) == ["before", "after"], "the lines")
    writer.close()


def test_the_oldest_lines_are_dropped_when_too_many_wait(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "LINES_MAX", 2)
    monkeypatch.setattr(log_writer, "_RETRY_SECONDS", 0.01)
    with database.write() as connection:
        logs.events.drop(connection)
    writer = LogWriter(database, SystemClock())
    for number in range(5):
        writer.write(FUNCTION, STREAM, f"line {number}")
    until(lambda: len(writer._lines) == 2 or None, "the drop")

    with database.write() as connection:
        logs.events.create(connection)
    writer.close()

    assert stored(database) == ["line 3", "line 4"]
