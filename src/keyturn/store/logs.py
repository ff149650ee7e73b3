"""Log groups, streams and events, as rows.

An event's number grows with its arrival: it orders events of the same millisecond, and is where a
reader goes on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.exc import OperationalError

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.database import Database
from keyturn.store.metadata import RowId, metadata

groups = Table(
    "log_groups",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("account", "region", "name"),
)

streams = Table(
    "log_streams",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("group_id", ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("group_id", "name"),
)

events = Table(
    "log_events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("group_id", ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("stream_id", ForeignKey("log_streams.id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("ingested_at", BigInteger, nullable=False),
    Column("message", Text, nullable=False),
    Index("ix_log_events_group", "group_id", "at", "id"),
    Index("ix_log_events_stream", "stream_id", "at", "id"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A log group."""

    id: int
    account: str
    region: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A log stream; the moments are None while it has no events."""

    id: int
    name: str
    created_at: datetime
    first_at: datetime | None
    last_at: datetime | None
    ingested_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamName:
    """Where events go."""

    account: str
    region: str
    group: str
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One line, or several that belong together."""

    id: int
    stream: str
    at: datetime
    ingested_at: datetime
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events of a group are wanted, in the order of their time.

    Attributes:
        streams: the names of the streams; None for all.
        prefix: what the names of the streams begin with.
        place: where reading goes on behind, as (milliseconds, event number); where it goes back
            from when ``is_backward``.
    """

    group_id: int
    streams: Sequence[str] | None = None
    prefix: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    place: tuple[int, int] | None = None
    is_backward: bool = False
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamQuery:
    """Which streams of a group are wanted.

    Attributes:
        is_by_time: in the order of their last events, rather than of their names.
        skipped: how many of them an earlier page had.
    """

    group_id: int
    prefix: str = ""
    is_by_time: bool = False
    is_descending: bool = False
    skipped: int = 0
    most: int


def find_group(connection: Connection, account: str, region: str, name: str) -> Group | None:
    """Return the log group with this name."""
    row = connection.execute(
        select(*_GROUP_COLUMNS).where(
            groups.c.account == account, groups.c.region == region, groups.c.name == name
        )
    ).one_or_none()
    return None if row is None else _group(row)


def groups_page(
    connection: Connection, *, account: str, region: str, prefix: str, after: str, most: int
) -> list[Group]:
    """Return the groups whose name begins with ``prefix``, by name, behind ``after``."""
    rows = connection.execute(
        select(*_GROUP_COLUMNS)
        .where(
            groups.c.account == account,
            groups.c.region == region,
            groups.c.name > after,
            _begins(groups.c.name, prefix),
        )
        .order_by(groups.c.name)
        .limit(most)
    )
    return [_group(row) for row in rows]


def insert_group(
    connection: Connection, account: str, region: str, name: str, now: datetime
) -> int:
    """Make a log group; return our number for it."""
    result = connection.execute(
        insert(groups).values(
            account=account, region=region, name=name, created_at=to_epoch_ms(now)
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def delete_group(connection: Connection, group_id: int) -> None:
    """Delete a log group with all that is in it."""
    connection.execute(delete(groups).where(groups.c.id == group_id))


def find_stream_id(connection: Connection, group_id: int, name: str) -> int | None:
    """Return our number for a stream."""
    return connection.execute(
        select(streams.c.id).where(streams.c.group_id == group_id, streams.c.name == name)
    ).scalar()


def insert_stream(connection: Connection, group_id: int, name: str, now: datetime) -> int:
    """Make a log stream; return our number for it."""
    result = connection.execute(
        insert(streams).values(group_id=group_id, name=name, created_at=to_epoch_ms(now))
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def streams_page(connection: Connection, query: StreamQuery) -> list[Stream]:
    """Return streams of a group."""
    order = func.max(events.c.at) if query.is_by_time else streams.c.name
    rows = connection.execute(
        select(
            streams.c.id,
            streams.c.name,
            streams.c.created_at,
            func.min(events.c.at).label("first_at"),
            func.max(events.c.at).label("last_at"),
            func.max(events.c.ingested_at).label("ingested_at"),
        )
        .outerjoin(events, events.c.stream_id == streams.c.id)
        .where(streams.c.group_id == query.group_id, _begins(streams.c.name, query.prefix))
        .group_by(streams.c.id, streams.c.name, streams.c.created_at)
        .order_by(order.desc() if query.is_descending else order, streams.c.id)
        .offset(query.skipped)
        .limit(query.most)
    )
    return [_stream(row) for row in rows]


def store(
    database: Database, arrived: Mapping[StreamName, Sequence[tuple[datetime, str]]], now: datetime
) -> bool:
    """Add events to streams, which are made if need be; return whether the store could be written.

    All of them are stored, or none.
    """
    try:
        with database.write() as connection:
            for name, lines in arrived.items():
                group_id, stream_id = _place_of(connection, name, now)
                append(connection, group_id, stream_id, lines, now)
    except OperationalError:
        # Locked for too long, or the disk is full: it may pass.
        return False
    return True


def append(
    connection: Connection,
    group_id: int,
    stream_id: int,
    lines: Iterable[tuple[datetime, str]],
    now: datetime,
) -> None:
    """Add events to a stream, in their order."""
    rows = [
        {
            "group_id": group_id,
            "stream_id": stream_id,
            "at": to_epoch_ms(at),
            "ingested_at": to_epoch_ms(now),
            "message": message,
        }
        for at, message in lines
    ]
    if rows:
        connection.execute(insert(events), rows)


def read(connection: Connection, query: EventQuery) -> list[LogEvent]:
    """Return the wanted events, oldest first."""
    statement = (
        select(*_EVENT_COLUMNS)
        .join(streams, streams.c.id == events.c.stream_id)
        .where(events.c.group_id == query.group_id)
        .limit(query.most)
    )
    found = [
        _event(row) for row in connection.execute(_ordered(_filtered(statement, query), query))
    ]
    return found[::-1] if query.is_backward else found


def delete_before(connection: Connection, moment: datetime, most: int) -> int:
    """Delete up to ``most`` events that are older than ``moment``; return how many."""
    old = select(events.c.id).where(events.c.at < to_epoch_ms(moment)).limit(most)
    return connection.execute(delete(events).where(events.c.id.in_(old))).rowcount


_GROUP_COLUMNS: Final = (
    groups.c.id,
    groups.c.account,
    groups.c.region,
    groups.c.name,
    groups.c.created_at,
)
_EVENT_COLUMNS: Final = (
    events.c.id,
    streams.c.name,
    events.c.at,
    events.c.ingested_at,
    events.c.message,
)


def _place_of(connection: Connection, name: StreamName, now: datetime) -> tuple[int, int]:
    group = find_group(connection, name.account, name.region, name.group)
    if group is None:
        group_id = insert_group(connection, name.account, name.region, name.group, now)
    else:
        group_id = group.id
    stream_id = find_stream_id(connection, group_id, name.stream)
    if stream_id is None:
        stream_id = insert_stream(connection, group_id, name.stream, now)
    return group_id, stream_id


def _filtered(statement: Select[Any], query: EventQuery) -> Select[Any]:
    if query.streams is not None:
        statement = statement.where(streams.c.name.in_(list(query.streams)))
    if query.prefix is not None:
        statement = statement.where(_begins(streams.c.name, query.prefix))
    if query.start_ms is not None:
        statement = statement.where(events.c.at >= query.start_ms)
    if query.end_ms is not None:
        statement = statement.where(events.c.at < query.end_ms)
    return statement


def _ordered(statement: Select[Any], query: EventQuery) -> Select[Any]:
    place = tuple_(events.c.at, events.c.id)
    if query.is_backward:
        if query.place is not None:
            statement = statement.where(place < query.place)
        return statement.order_by(events.c.at.desc(), events.c.id.desc())
    if query.place is not None:
        statement = statement.where(place > query.place)
    return statement.order_by(events.c.at, events.c.id)


def _begins(column: Column[Any], prefix: str) -> ColumnElement[bool]:
    # Not LIKE, which takes no notice of case in SQLite.
    return func.substr(column, 1, len(prefix)) == prefix


def _group(row: Row[*tuple[Any, ...]]) -> Group:
    return Group(
        id=row.id,
        account=row.account,
        region=row.region,
        name=row.name,
        created_at=from_epoch_ms(row.created_at),
    )


def _stream(row: Row[*tuple[Any, ...]]) -> Stream:
    return Stream(
        id=row.id,
        name=row.name,
        created_at=from_epoch_ms(row.created_at),
        first_at=_instant(row.first_at),
        last_at=_instant(row.last_at),
        ingested_at=_instant(row.ingested_at),
    )


def _event(row: Row[*tuple[Any, ...]]) -> LogEvent:
    return LogEvent(
        id=row.id,
        stream=row.name,
        at=from_epoch_ms(row.at),
        ingested_at=from_epoch_ms(row.ingested_at),
        message=row.message,
    )


def _instant(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else from_epoch_ms(epoch_ms)
