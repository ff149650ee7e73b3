from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyturn.model.event import EventName, ServiceEvent
from keyturn.store import events
from keyturn.store.database import Database
from support.store import make_database

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = make_database(tmp_path)
    yield database
    database.close()


def event(number: int, at: datetime = NOW) -> ServiceEvent:
    return ServiceEvent(
        event_id=f"event-{number}",
        name=EventName.ROTATION_FAILED,
        at=at,
        account="123456789012",
        region="us-east-1",
        secret_arn="arn:aws:secretsmanager:us-east-1:123456789012:secret:db-abcdef",
        token=f"token-{number}",
        error_message="Error when executing lambda",
        cause="login_refused",
    )


def append(database: Database, *appended: ServiceEvent) -> None:
    with database.write() as connection:
        for each in appended:
            events.append(connection, each)


def test_a_reader_gets_what_came_after_the_last_that_it_saw(database: Database) -> None:
    append(database, event(1), event(2), event(3))

    with database.read() as connection:
        first, second = events.read_after(connection, 0, 2)
        rest = events.read_after(connection, second.number, 10)

    assert [first.event, second.event] == [event(1), event(2)]
    assert [each.event for each in rest] == [event(3)]


def test_a_number_is_never_given_again(database: Database) -> None:
    append(database, event(1), event(2))
    with database.write() as connection:
        last = events.last_number(connection)
        events.delete_before(connection, NOW + timedelta(days=1), 10)

    append(database, event(3))

    with database.read() as connection:
        (found,) = events.read_after(connection, last, 10)
    assert found.event == event(3)


def test_old_events_are_deleted_a_few_at_a_time(database: Database) -> None:
    old = NOW - timedelta(days=90)
    append(database, event(1, old), event(2, old), event(3, old), event(4))

    with database.write() as connection:
        counts = [events.delete_before(connection, NOW, 2) for _ in range(3)]

    with database.read() as connection:
        left = [each.event for each in events.read_after(connection, 0, 10)]
    assert (counts, left) == ([2, 1, 0], [event(4)])


def test_an_event_of_a_transaction_that_is_undone_never_was(database: Database) -> None:
    with suppress(RuntimeError), database.write() as connection:
        events.append(connection, event(1))
        raise RuntimeError

    with database.read() as connection:
        assert events.read_after(connection, 0, 10) == []


def test_the_request_id_is_the_one_that_aws_gives_an_event_without_a_request() -> None:
    assert event(1).request_id == f"Rotation-{event(1).secret_arn}-token-1"
