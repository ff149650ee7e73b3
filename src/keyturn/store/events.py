"""The stream of events, as rows: written in the transaction of what they tell, read in order.

A reader has a name, asks for the events behind the last that it has seen, and notes how far it
came. Numbers grow in the order in which writes become visible, because the store has one writer at
a time; they are never given again. So a reader gets every event at least once, also when it dies,
as long as it looks within ``EVENT_DAYS_KEPT``.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Row,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.event import EventName, ServiceEvent
from keyturn.store.metadata import RowId, metadata

events = Table(
    "events",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("event_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("secret_arn", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("error_message", Text),
    Column("cause", Text),
    Column("reason", Text),
    sqlite_autoincrement=True,
)


readers = Table(
    "event_readers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("last_read", BigInteger, nullable=False),
)

_APPEND: Final = insert(events)


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its number in the stream."""

    number: int
    event: ServiceEvent


def append(connection: Connection, event: ServiceEvent) -> None:
    """Add an event, which becomes visible with the transaction."""
    values = {**asdict(event), "name": event.name.value, "at": to_epoch_ms(event.at)}
    connection.execute(_APPEND, values)


def read_after(connection: Connection, number: int, most: int) -> list[Numbered]:
    """Return the events behind the one with that number, in their order; 0 is before all."""
    rows = connection.execute(
        select(events).where(events.c.id > number).order_by(events.c.id).limit(most)
    )
    return [Numbered(row.id, _event(row)) for row in rows]


def last_read(connection: Connection, reader: str) -> int:
    """Return the number of the last event that a reader has seen; one that is new has seen all."""
    found = connection.execute(
        select(readers.c.last_read).where(readers.c.name == reader)
    ).scalar()
    return last_number(connection) if found is None else found


def note_read(connection: Connection, reader: str, number: int) -> None:
    """Note that a reader has seen the events up to ``number``."""
    changed = connection.execute(
        update(readers).where(readers.c.name == reader).values(last_read=number)
    )
    if changed.rowcount == 0:
        connection.execute(insert(readers).values(name=reader, last_read=number))


def last_number(connection: Connection) -> int:
    """Return the number of the latest event; 0 when there is none."""
    return connection.execute(select(func.max(events.c.id))).scalar() or 0


def latest_at(connection: Connection) -> datetime | None:
    """Return when the latest event was; None when there is none."""
    at = connection.execute(select(events.c.at).order_by(events.c.id.desc()).limit(1)).scalar()
    return None if at is None else from_epoch_ms(at)


def delete_before(connection: Connection, at: datetime, most: int) -> int:
    """Delete events older than ``at``, the oldest first; return how many went."""
    oldest = select(events.c.id, events.c.at).order_by(events.c.id).limit(most).subquery()
    old = select(oldest.c.id).where(oldest.c.at < to_epoch_ms(at))
    return connection.execute(delete(events).where(events.c.id.in_(old))).rowcount


def _event(row: Row[*tuple[Any, ...]]) -> ServiceEvent:
    return ServiceEvent(
        event_id=row.event_id,
        name=EventName(row.name),
        at=from_epoch_ms(row.at),
        account=row.account,
        region=row.region,
        secret_arn=row.secret_arn,
        token=row.token,
        error_message=row.error_message,
        cause=row.cause,
        reason=row.reason,
    )
