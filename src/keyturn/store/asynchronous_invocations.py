"""Events that wait to be given to a function, as rows.

* An event is durable when it was accepted, and goes when it is done with, or with its function.
* Whoever takes an event holds it until its lease ends or the next engine starts; then another may
  take it. So each is given to its function at least once, as on AWS, and perhaps more often.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from keyturn.model.asynchronous import AcceptedEvent, WaitingEvent
from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.metadata import RowId, metadata

events = Table(
    "asynchronous_invocations",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("request_id", Text, nullable=False),
    Column("function_id", ForeignKey("functions.id", ondelete="CASCADE"), nullable=False),
    Column("function_arn", Text, nullable=False),
    Column("qualifier", Text, nullable=False),
    Column("sealed_payload", LargeBinary, nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("lease_until", BigInteger),
    Index("ix_asynchronous_invocations_due", "due_at"),
    Index("ix_asynchronous_invocations_function_id", "function_id"),
)


def add(connection: Connection, event: AcceptedEvent, sealed_payload: bytes) -> None:
    """Store an event with its payload. It is due at once."""
    accepted_at = to_epoch_ms(event.accepted_at)
    connection.execute(
        insert(events).values(
            request_id=event.request_id,
            function_id=event.function_id,
            function_arn=event.function_arn,
            qualifier=event.qualifier,
            sealed_payload=sealed_payload,
            accepted_at=accepted_at,
            due_at=accepted_at,
            failures=0,
            refusals=0,
        )
    )


def has_due(connection: Connection, now: datetime) -> bool:
    """Return whether there are events that are due and that nobody holds."""
    found = connection.execute(select(events.c.id).where(_is_claimable(now)).limit(1))
    return found.first() is not None


def claim_due(
    connection: Connection, now: datetime, *, lease_until: datetime, most: int
) -> list[WaitingEvent]:
    """Take the events that are due and that nobody holds, those that wait longest first."""
    rows = connection.execute(
        select(events).where(_is_claimable(now)).order_by(events.c.due_at, events.c.id).limit(most)
    ).all()
    connection.execute(
        update(events)
        .where(events.c.id.in_([row.id for row in rows]))
        .values(lease_until=to_epoch_ms(lease_until))
    )
    return [_event(row, lease_until) for row in rows]


def count_waiting(connection: Connection, function_id: int) -> int:
    """Return how many events of a function aren't done with."""
    return connection.execute(
        select(func.count()).select_from(events).where(events.c.function_id == function_id)
    ).scalar_one()


def put_off(
    connection: Connection, event: WaitingEvent, due_at: datetime, *, failures: int, refusals: int
) -> None:
    """Give an event back, to be tried again; not if another holds it by now."""
    connection.execute(
        update(events)
        .where(events.c.id == event.id, _is_held_as(event))
        .values(due_at=to_epoch_ms(due_at), failures=failures, refusals=refusals, lease_until=None)
    )


def finish(connection: Connection, event: WaitingEvent) -> None:
    """Delete an event that is done with; not if another holds it by now."""
    connection.execute(delete(events).where(events.c.id == event.id, _is_held_as(event)))


def release_all(connection: Connection) -> None:
    """Give back what an engine that is gone held."""
    connection.execute(
        update(events).where(events.c.lease_until.is_not(None)).values(lease_until=None)
    )


def _is_claimable(now: datetime) -> ColumnElement[bool]:
    is_free = or_(events.c.lease_until.is_(None), events.c.lease_until < to_epoch_ms(now))
    return and_(events.c.due_at <= to_epoch_ms(now), is_free)


def _is_held_as(event: WaitingEvent) -> ColumnElement[bool]:
    return events.c.lease_until == to_epoch_ms(event.lease_until)


def _event(row: Row[*tuple[Any, ...]], lease_until: datetime) -> WaitingEvent:
    accepted = AcceptedEvent(
        request_id=row.request_id,
        function_id=row.function_id,
        function_arn=row.function_arn,
        qualifier=row.qualifier,
        sealed_payload=row.sealed_payload,
        accepted_at=from_epoch_ms(row.accepted_at),
    )
    return WaitingEvent(
        id=row.id,
        accepted=accepted,
        failures=row.failures,
        refusals=row.refusals,
        lease_until=lease_until,
    )
