"""Log groups and streams, listed a page at a time, and what is set on groups.

A page goes on behind the last that the page before had, by an index: it costs as much as is on it.
Only a text that occurs within a group's name is looked for in every group of the account.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
import json

from sqlalchemy import Connection, func, select, tuple_, update

from keyturn.store.log_tables import (
    GROUP_COLUMNS,
    STREAM_COLUMNS,
    Group,
    Stream,
    begins,
    group_of,
    groups,
    stream_of,
    streams,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupQuery:
    """Which groups of an account and region are wanted, by name.

    Attributes:
        within: what their names have in them.
        names: None for any.
        after: the last name of the page before.
    """

    account: str
    region: str
    prefix: str = ""
    within: str = ""
    names: Sequence[str] | None = None
    after: str = ""
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamQuery:
    """Which streams of a group are wanted.

    Attributes:
        is_by_time: in the order of their last events, rather than of their names.
        after: the name of the last stream of the page before; or its last event in milliseconds
            since the epoch, and our number for it.
    """

    group_id: int
    prefix: str = ""
    is_by_time: bool = False
    is_descending: bool = False
    after: str | tuple[int, int] | None = None
    most: int


def groups_page(connection: Connection, query: GroupQuery) -> list[Group]:
    """Return the wanted groups, by name."""
    statement = select(*GROUP_COLUMNS).where(
        groups.c.account == query.account,
        groups.c.region == query.region,
        groups.c.name > query.after,
        begins(groups.c.name, query.prefix),
    )
    if query.within:
        # Neither LIKE, which takes no notice of case in SQLite, nor a function that not every
        # database has.
        statement = statement.where(func.replace(groups.c.name, query.within, "") != groups.c.name)
    if query.names is not None:
        statement = statement.where(groups.c.name.in_(list(query.names)))
    rows = connection.execute(statement.order_by(groups.c.name).limit(query.most))
    return [group_of(row) for row in rows]


def streams_page(connection: Connection, query: StreamQuery) -> list[Stream]:
    """Return the wanted streams of a group, in the order that is asked for."""
    order = (streams.c.last_at, streams.c.id) if query.is_by_time else (streams.c.name,)
    statement = select(*STREAM_COLUMNS).where(
        streams.c.group_id == query.group_id,
        # Streams that are being deleted: see log_removal.
        func.substr(streams.c.name, 1, 1) != ":",
    )
    if query.prefix:
        statement = statement.where(begins(streams.c.name, query.prefix))
    if query.after is not None:
        place = tuple_(*order) if query.is_by_time else streams.c.name
        is_behind = place < query.after if query.is_descending else place > query.after
        statement = statement.where(is_behind)
    wanted = [column.desc() for column in order] if query.is_descending else order
    rows = connection.execute(statement.order_by(*wanted).limit(query.most))
    return [stream_of(row) for row in rows]


def stream_ids(connection: Connection, group_id: int, names: Iterable[str]) -> list[int]:
    """Return our numbers for those of the streams that there are."""
    wanted = select(streams.c.id).where(
        streams.c.group_id == group_id, streams.c.name.in_(list(names))
    )
    return list(connection.execute(wanted).scalars())


def set_retention(connection: Connection, group_id: int, days: int | None) -> None:
    """Note how long a group's events are kept; None for what holds when nobody says."""
    connection.execute(update(groups).where(groups.c.id == group_id).values(retention_days=days))


def set_tags(connection: Connection, group_id: int, tags: Mapping[str, str]) -> None:
    """Replace a group's tags."""
    text = json.dumps(dict(tags)) if tags else None
    connection.execute(update(groups).where(groups.c.id == group_id).values(tags=text))
