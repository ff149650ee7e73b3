"""Log groups, streams and events, as rows.

* An event's number grows with its arrival: it orders events of the same millisecond, and is where
  a reader goes on.
* Whoever writes holds the store's only write lock, so that two who make the same group or stream
  at once find it made, and make no second.
* Events are read one by one, in the order of an index: whoever stops early has paid for no more.

Groups and streams are listed in ``log_listing``, and deleted in ``log_removal``.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from datetime import datetime
import heapq
from itertools import islice
import json
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, insert, select, tuple_, update
from sqlalchemy.exc import OperationalError, TimeoutError as PoolTimeoutError

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.database import Database
from keyturn.store.log_tables import (
    GROUP_COLUMNS,
    STREAM_COLUMNS,
    Group,
    Stream,
    events,
    group_of,
    groups,
    stream_of,
    streams,
)

# The tables and rows that whoever reads or writes events needs as well.
__all__ = [
    "EVENT_OVERHEAD_BYTES",
    "EventQuery",
    "Group",
    "LogEvent",
    "Stream",
    "StreamName",
    "append",
    "events",
    "find_group",
    "find_stream",
    "insert_group",
    "insert_stream",
    "read",
    "scan",
    "size_bytes",
    "store",
]

#: What AWS counts for an event beside its text, in a batch and in ``storedBytes``.
EVENT_OVERHEAD_BYTES: Final = 26


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
    message: str = field(repr=False)
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """Which events of a group are wanted, in the order of their time.

    Attributes:
        stream_ids: our numbers for the streams; None for all.
        end_ms: events of this moment are not wanted, nor later ones.
        place: where reading goes on behind, as (milliseconds, event number); where it goes back
            from when ``is_backward``.
    """

    group_id: int
    stream_ids: Sequence[int] | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    place: tuple[int, int] | None = None
    is_backward: bool = False
    most: int


def find_group(connection: Connection, account: str, region: str, name: str) -> Group | None:
    """Return the log group with this name."""
    row = connection.execute(
        select(*GROUP_COLUMNS).where(
            groups.c.account == account, groups.c.region == region, groups.c.name == name
        )
    ).one_or_none()
    return None if row is None else group_of(row)


def insert_group(
    connection: Connection,
    account: str,
    region: str,
    name: str,
    now: datetime,
    tags: Mapping[str, str] | None = None,
) -> int:
    """Make a log group; return our number for it."""
    result = connection.execute(
        insert(groups).values(
            account=account,
            region=region,
            name=name,
            created_at=to_epoch_ms(now),
            tags=json.dumps(dict(tags)) if tags else None,
        )
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def find_stream(connection: Connection, group_id: int, name: str) -> Stream | None:
    """Return the stream of a group with this name."""
    row = connection.execute(
        select(*STREAM_COLUMNS).where(streams.c.group_id == group_id, streams.c.name == name)
    ).one_or_none()
    return None if row is None else stream_of(row)


def insert_stream(connection: Connection, group_id: int, name: str, now: datetime) -> Stream:
    """Make a log stream."""
    connection.execute(
        insert(streams).values(group_id=group_id, name=name, created_at=to_epoch_ms(now))
    )
    made = find_stream(connection, group_id, name)
    assert made is not None
    return made


def store(
    database: Database, arrived: Mapping[StreamName, Sequence[tuple[datetime, str]]], now: datetime
) -> bool:
    """Add events to streams, which are made if need be; return whether the store could be written.

    All of them are stored, or none.
    """
    try:
        with database.write() as connection:
            for name, lines in arrived.items():
                append(connection, _stream_for(connection, name, now), lines, now)
    except (OperationalError, PoolTimeoutError):
        # Locked for too long, here or elsewhere, or the disk is full: it may pass.
        return False
    return True


def append(
    connection: Connection, stream: Stream, lines: Iterable[tuple[datetime, str]], now: datetime
) -> None:
    """Add events to a stream, in their order."""
    rows = [
        {
            "group_id": stream.group_id,
            "stream_id": stream.id,
            "at": to_epoch_ms(at),
            "ingested_at": to_epoch_ms(now),
            "message": message,
            "size_bytes": size_bytes(message),
        }
        for at, message in lines
    ]
    if not rows:
        return
    connection.execute(insert(events), rows)
    _note_growth(connection, stream, rows, now)


def size_bytes(message: str) -> int:
    """Return what an event counts for, as AWS counts."""
    return len(message.encode(errors="surrogatepass")) + EVENT_OVERHEAD_BYTES


def read(connection: Connection, query: EventQuery) -> list[LogEvent]:
    """Return the wanted events, oldest first."""
    with closing(scan(connection, query)) as found:
        listed = list(islice(found, query.most))
    return listed[::-1] if query.is_backward else listed


def scan(connection: Connection, query: EventQuery) -> Generator[LogEvent]:
    """Yield the wanted events in the order that is asked for, each as it is read.

    Whoever stops before the end closes it.
    """
    if query.stream_ids is None:
        places = [events.c.group_id == query.group_id]
    else:
        # Each stream in the order of its own index: among other streams, a few events would be
        # looked for in all of the group.
        places = [events.c.stream_id == stream_id for stream_id in query.stream_ids]
    with ExitStack() as stack:
        readers = [
            stack.enter_context(closing(connection.execute(_statement(query, place))))
            for place in places
        ]
        rows = heapq.merge(*readers, key=attrgetter("at", "id"), reverse=query.is_backward)
        yield from map(_event, rows)


_EVENT_COLUMNS: Final = (
    events.c.id,
    streams.c.name,
    events.c.at,
    events.c.ingested_at,
    events.c.message,
    events.c.size_bytes,
)


def _stream_for(connection: Connection, name: StreamName, now: datetime) -> Stream:
    group = find_group(connection, name.account, name.region, name.group)
    if group is None:
        group_id = insert_group(connection, name.account, name.region, name.group, now)
    else:
        group_id = group.id
    stream = find_stream(connection, group_id, name.stream)
    return insert_stream(connection, group_id, name.stream, now) if stream is None else stream


def _note_growth(
    connection: Connection, stream: Stream, rows: list[dict[str, Any]], now: datetime
) -> None:
    last_at = 0 if stream.last_at is None else to_epoch_ms(stream.last_at)
    connection.execute(
        update(streams)
        .where(streams.c.id == stream.id)
        .values(last_at=max(last_at, *(row["at"] for row in rows)), ingested_at=to_epoch_ms(now))
    )
    added = sum(row["size_bytes"] for row in rows)
    connection.execute(
        update(groups)
        .where(groups.c.id == stream.group_id)
        .values(stored_bytes=groups.c.stored_bytes + added)
    )


def _statement(query: EventQuery, place: ColumnElement[bool]) -> Select[Any]:
    statement = (
        select(*_EVENT_COLUMNS)
        .join(streams, streams.c.id == events.c.stream_id)
        .where(place, *_bounds(query))
        .limit(query.most)
    )
    if query.is_backward:
        return statement.order_by(events.c.at.desc(), events.c.id.desc())
    return statement.order_by(events.c.at, events.c.id)


def _bounds(query: EventQuery) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions on an event's time, of which the index takes one at either end."""
    moment = tuple_(events.c.at, events.c.id)
    goes_on_at = None if query.place is None else query.place[0]
    lowest, highest = query.start_ms, query.end_ms
    if goes_on_at is not None and query.is_backward:
        if highest is None or goes_on_at < highest:
            yield moment < query.place
            highest = None
    elif goes_on_at is not None and (lowest is None or goes_on_at >= lowest):
        yield moment > query.place
        lowest = None
    if lowest is not None:
        yield events.c.at >= lowest
    if highest is not None:
        yield events.c.at < highest


def _event(row: Row[*tuple[Any, ...]]) -> LogEvent:
    return LogEvent(
        id=row.id,
        stream=row.name,
        at=from_epoch_ms(row.at),
        ingested_at=from_epoch_ms(row.ingested_at),
        message=row.message,
        size_bytes=row.size_bytes,
    )
