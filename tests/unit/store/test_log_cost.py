"""Reading logs costs as much as is read, and deleting what is old as much as is deleted.

No clock is read: SQLite says how it goes about each statement, and how much it does for it.
"""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice

import pytest
from sqlalchemy import Connection

from keyturn.model.clock import to_epoch_ms
from keyturn.store import log_listing, log_removal, logs
from keyturn.store.database import Database
from keyturn.store.log_listing import GroupQuery, StreamQuery
from keyturn.store.logs import EventQuery, StreamName
from support.query_plans import instructions_of, plans_of
from support.store import make_database

Look = Callable[[Connection], object]
Stores = Callable[[int], Database]
"""A store whose two groups have so many events each, of which ``OLD`` are too old.

The more events, the more streams they are in.
"""

ACCOUNT, REGION = "123456789012", "us-east-1"
NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
KEPT = timedelta(days=90)
FEW, MANY = 400, 4000
OLD = 20
EVENTS_PER_STREAM = 40
PAGE = 5


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Stores that no test changes."""

    @cache
    def store(count: int) -> Database:
        database = make_database(tmp_path_factory.mktemp("store"))
        for group in ("a", "b"):
            fill(database, group, count)
        return database

    return store


def fill(database: Database, group: str, count: int) -> None:
    """Log from long ago up to this moment, into one stream after the other."""
    arrived: dict[StreamName, list[tuple[datetime, str]]] = {}
    for number in range(count):
        stream = StreamName(
            account=ACCOUNT,
            region=REGION,
            group=group,
            stream=f"s{number % (count // EVENTS_PER_STREAM)}",
        )
        age = KEPT + timedelta(hours=1) if number < OLD else timedelta(seconds=count - number)
        arrived.setdefault(stream, []).append((NOW - age, "message"))
    assert logs.store(database, arrived, NOW)


def read_page(connection: Connection) -> object:
    return taken(connection, EventQuery(group_id=1, most=FEW))


def read_on(connection: Connection) -> object:
    place = (to_epoch_ms(NOW - timedelta(seconds=50)), 0)
    return taken(connection, EventQuery(group_id=1, place=place, start_ms=0, most=FEW))


def read_back(connection: Connection) -> object:
    end = to_epoch_ms(NOW)
    query = EventQuery(group_id=1, start_ms=0, end_ms=end, is_backward=True, most=FEW)
    return taken(connection, query)


def read_stream(connection: Connection) -> object:
    return taken(connection, EventQuery(group_id=1, stream_ids=[1], most=FEW))


def read_streams(connection: Connection) -> object:
    return taken(connection, EventQuery(group_id=1, stream_ids=[1, 2, 3], most=FEW))


def taken(connection: Connection, query: EventQuery) -> object:
    """Read a few, of as many as are allowed."""
    with closing(logs.scan(connection, query)) as found:
        return list(islice(found, PAGE))


def list_streams(connection: Connection) -> object:
    return log_listing.streams_page(connection, StreamQuery(group_id=1, most=PAGE))


def list_streams_by_prefix(connection: Connection) -> object:
    """List those of a name that comes before all others."""
    query = StreamQuery(group_id=1, prefix="r", most=PAGE)
    assert log_listing.streams_page(connection, query) == []
    return None


def list_streams_by_time(connection: Connection) -> object:
    query = StreamQuery(group_id=1, is_by_time=True, is_descending=True, most=PAGE)
    return log_listing.streams_page(connection, query)


def list_groups(connection: Connection) -> object:
    query = GroupQuery(account=ACCOUNT, region=REGION, prefix="a", most=PAGE)
    return log_listing.groups_page(connection, query)


def expire(connection: Connection) -> None:
    """Expire, and take it back."""
    with connection.begin_nested() as nested:
        for group_id, oldest in log_removal.groups_with_events_to_expire(connection, NOW, KEPT):
            assert log_removal.expire(connection, group_id, oldest, FEW) == OLD
        nested.rollback()


def find_nothing_to_expire(connection: Connection) -> None:
    """Look for what is too old, where nothing is."""
    long_ago = NOW - timedelta(days=1)
    assert log_removal.groups_with_events_to_expire(connection, long_ago, KEPT) == []


def look_at_everything(connection: Connection) -> object:
    """What no index helps with."""
    return connection.exec_driver_sql("SELECT id FROM log_events WHERE message = 'x'").all()


def work_of(database: Database, look: Look) -> int:
    with database.write() as connection:
        return instructions_of(connection, lambda: look(connection))


LOOKS: list[Look] = [
    *(read_page, read_on, read_back, read_stream, read_streams),
    *(
        list_streams,
        list_streams_by_prefix,
        list_streams_by_time,
        list_groups,
        expire,
        find_nothing_to_expire,
    ),
]
each_look = pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.__name__)


@each_look
def test_nothing_is_sorted_and_no_table_of_events_or_streams_is_scanned(
    stores: Stores, look: Look
) -> None:
    with stores(FEW).write() as connection:
        steps = [step for plan in plans_of(connection, lambda: look(connection)) for step in plan]

    assert steps
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert not [step for step in steps if step.startswith(("SCAN log_events", "SCAN log_streams"))]


@each_look
def test_it_is_the_same_work_among_few_events_as_among_many(stores: Stores, look: Look) -> None:
    assert work_of(stores(FEW), look) == work_of(stores(MANY), look)


def test_a_look_at_everything_would_be_more_work_among_many(stores: Stores) -> None:
    few, many = stores(FEW), stores(MANY)

    assert work_of(many, look_at_everything) > work_of(few, look_at_everything) + MANY - FEW


def test_what_the_looks_find_is_there(stores: Stores) -> None:
    with stores(FEW).read() as connection:
        query = EventQuery(group_id=1, stream_ids=[1, 2, 3], most=FEW)
        found = [(event.at, event.id) for event in logs.read(connection, query)]

        assert found == sorted(found)
        assert len(found) == 3 * EVENTS_PER_STREAM
        back = EventQuery(group_id=1, stream_ids=[1, 2, 3], is_backward=True, most=7)
        assert [(event.at, event.id) for event in logs.read(connection, back)] == found[-7:]
