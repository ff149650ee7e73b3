"""What goes from the logs goes in portions, and leaves nothing behind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from keyturn.store import log_listing, log_removal, logs
from keyturn.store.database import Database
from keyturn.store.log_tables import events, groups, streams
from keyturn.store.logs import EventQuery, Group, StreamName
from support.store import make_database

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEPT = timedelta(days=90)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return make_database(tmp_path)


def log(database: Database, *ages: timedelta, group: str = "a", stream: str = "s") -> None:
    name = StreamName(account=ACCOUNT, region=REGION, group=group, stream=stream)
    assert logs.store(database, {name: [(NOW - age, "message") for age in ages]}, NOW)


def find(database: Database, group: str = "a") -> Group:
    with database.read() as connection:
        found = logs.find_group(connection, ACCOUNT, REGION, group)
    assert found is not None
    return found


def counts(database: Database) -> tuple[int, int, int, int]:
    """How many groups, streams, events and notes of what is to be deleted there are."""
    tables = (groups, streams, events, log_removal.removals)
    with database.read() as connection:
        found = [connection.execute(select(func.count()).select_from(t)).scalar() for t in tables]
    return (found[0] or 0, found[1] or 0, found[2] or 0, found[3] or 0)


def ages(database: Database, group: str = "a") -> list[timedelta]:
    with database.read() as connection:
        query = EventQuery(group_id=find(database, group).id, most=100)
        return [NOW - event.at for event in logs.read(connection, query)]


def sweep(database: Database, most: int) -> bool:
    with database.write() as connection:
        return log_removal.sweep(connection, most)


def expire(database: Database, most: int = 100) -> list[int]:
    """Expire a portion of each group; return how many events went from each."""
    with database.write() as connection:
        found = log_removal.groups_with_events_to_expire(connection, NOW, KEPT)
        return [log_removal.expire(connection, *group, most) for group in found]


def test_a_removed_group_is_swept_in_portions_and_then_gone(database: Database) -> None:
    log(database, *[DAY] * 5)
    log(database, DAY, group="b")
    with database.write() as connection:
        log_removal.remove_group(connection, find(database).id)

    left = []
    while sweep(database, 2):
        left.append(counts(database))

    assert left == [(2, 2, 4, 1), (2, 2, 2, 1), (1, 1, 1, 0)]
    assert ages(database, "b") == [DAY]


def test_a_removed_stream_is_swept_and_its_group_counts_without_it(database: Database) -> None:
    log(database, *[DAY] * 5)
    log(database, DAY, stream="stays")
    group = find(database)
    with database.write() as connection:
        stream = logs.find_stream(connection, group.id, "s")
        assert stream is not None
        log_removal.remove_stream(connection, group.id, stream.id)

    while sweep(database, 2):
        continue

    assert counts(database) == (1, 1, 1, 0)
    assert find(database).stored_bytes == group.stored_bytes // 6


def test_a_group_removed_while_a_stream_of_it_is_swept_is_gone(database: Database) -> None:
    log(database, *[DAY] * 3)
    group = find(database)
    with database.write() as connection:
        stream = logs.find_stream(connection, group.id, "s")
        assert stream is not None
        log_removal.remove_stream(connection, group.id, stream.id)
        log_removal.remove_group(connection, group.id)

    while sweep(database, 2):
        continue

    assert counts(database) == (0, 0, 0, 0)


def test_nothing_removed_is_nothing_to_sweep(database: Database) -> None:
    log(database, DAY)

    assert not sweep(database, 2)
    assert counts(database) == (1, 1, 1, 0)


def test_events_go_at_the_end_of_their_group_s_own_retention(database: Database) -> None:
    log(database, 2 * DAY, DAY + MILLISECOND, DAY, timedelta(0))
    log(database, 2 * DAY, group="b")
    with database.write() as connection:
        log_listing.set_retention(connection, find(database).id, 1)

    assert expire(database) == [2]

    assert ages(database) == [DAY, timedelta(0)]
    assert ages(database, "b") == [2 * DAY]
    assert find(database).stored_bytes == 2 * logs.size_bytes("message")


def test_a_longer_retention_than_that_of_others_keeps_longer(database: Database) -> None:
    for group in ("a", "b"):
        log(database, KEPT + MILLISECOND, KEPT, group=group)
    with database.write() as connection:
        log_listing.set_retention(connection, find(database).id, 3653)

    assert expire(database) == [1]

    assert ages(database) == [KEPT + MILLISECOND, KEPT]
    assert ages(database, "b") == [KEPT]


def test_events_expire_in_portions_the_oldest_first(database: Database) -> None:
    log(database, *[KEPT + number * DAY for number in (5, 4, 3, 2, 1)])

    assert [expire(database, 2), ages(database)[0] - KEPT] == [[2], 3 * DAY]
    assert [expire(database, 2), expire(database, 2), expire(database, 2)] == [[2], [1], []]


def test_a_deleted_event_s_number_is_no_place_to_read_the_wrong_ones_from(
    database: Database,
) -> None:
    log(database, KEPT + DAY, DAY)
    expire(database)
    log(database, timedelta(0))

    assert ages(database) == [DAY, timedelta(0)]
