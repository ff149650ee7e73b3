"""Log groups, streams and events, as rows.

An event's number grows with its arrival: it orders events of the same millisecond, and is where a
reader goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    tuple_,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.metadata import metadata

_RowId: Final = BigInteger().with_variant(Integer, "sqlite")

groups = Table(
    "log_groups",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("account", "region", "name"),
)

streams = Table(
    "log_streams",
    metadata,
    Column("id", _RowId, primary_key=True),
    Column("group_id", ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("group_id", "name"),
)

events = Table(
    "log_events",
    metadata,
    Column("id", _RowId, primary_key=True),
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
        after: the place, as (milliseconds, event number), that reading goes on behind.
        before: the place that reading goes back from, when ``is_backward``.
    """

    group_id: int
    streams: Sequence[str] | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    place: tuple[int, int] | None = None
    is_backward: bool = False
    most: int


def find_group(connection: Connection, account: str, region: str, name: str) -> Group | None:
    """Return the log group with this name."""
    row = connection.execute(
        select(groups.c.id, groups.c.created_at).where(
            groups.c.account == account, groups.c.region == region, groups.c.name == name
        )
    ).one_or_none()
    if row is None:
        return None
    created_at = from_epoch_ms(row.created_at)
    return Group(id=row.id, account=account, region=region, name=name, created_at=created_at)


def groups_page(
    connection: Connection, *, account: str, region: str, prefix: str, after: str, most: int
) -> list[Group]:
    """Return the groups whose name begins with ``prefix``, by name, behind ``after``."""
    rows = connection.execute(
        select(groups.c.id, groups.c.name, groups.c.created_at)
        .where(
            groups.c.account == account,
            groups.c.region == region,
            groups.c.name.startswith(prefix, autoescape=True),
            groups.c.name > after,
        )
        .order_by(groups.c.name)
        .limit(most)
    )
    return [
        Group(
            id=row.id,
            account=account,
            region=region,
            name=row.name,
            created_at=from_epoch_ms(row.created_at),
        )
        for row in rows
    ]


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


def streams_page(
    connection: Connection, group_id: int, *, prefix: str, after: str, most: int
) -> list[Stream]:
    """Return the streams whose name begins with ``prefix``, by name, behind ``after``."""
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
        .where(
            streams.c.group_id == group_id,
            streams.c.name.startswith(prefix, autoescape=True),
            streams.c.name > after,
        )
        .group_by(streams.c.id, streams.c.name, streams.c.created_at)
        .order_by(streams.c.name)
        .limit(most)
    )
    return [
        Stream(
            id=row.id,
            name=row.name,
            created_at=from_epoch_ms(row.created_at),
            first_at=_instant(row.first_at),
            last_at=_instant(row.last_at),
            ingested_at=_instant(row.ingested_at),
        )
        for row in rows
    ]


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
    place = tuple_(events.c.at, events.c.id)
    statement = (
        select(events.c.id, streams.c.name, events.c.at, events.c.ingested_at, events.c.message)
        .join(streams, streams.c.id == events.c.stream_id)
        .where(events.c.group_id == query.group_id)
        .limit(query.most)
    )
    if query.streams is not None:
        statement = statement.where(streams.c.name.in_(list(query.streams)))
    if query.start_ms is not None:
        statement = statement.where(events.c.at >= query.start_ms)
    if query.end_ms is not None:
        statement = statement.where(events.c.at < query.end_ms)
    if query.is_backward:
        if query.place is not None:
            statement = statement.where(place < query.place)
        statement = statement.order_by(events.c.at.desc(), events.c.id.desc())
    else:
        if query.place is not None:
            statement = statement.where(place > query.place)
        statement = statement.order_by(events.c.at, events.c.id)
    found = [
        LogEvent(
            id=row.id,
            stream=row.name,
            at=from_epoch_ms(row.at),
            ingested_at=from_epoch_ms(row.ingested_at),
            message=row.message,
        )
        for row in connection.execute(statement)
    ]
    return found[::-1] if query.is_backward else found


def delete_before(connection: Connection, moment: datetime, most: int) -> int:
    """Delete up to ``most`` events that are older than ``moment``; return how many."""
    old = select(events.c.id).where(events.c.at < to_epoch_ms(moment)).limit(most)
    return connection.execute(delete(events).where(events.c.id.in_(old))).rowcount


def _instant(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else from_epoch_ms(epoch_ms)
