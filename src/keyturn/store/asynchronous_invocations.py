"""Events that wait to be given to a function, as rows.

* An event is durable when it was accepted, and goes when it is done with, or with its function.
* Whoever takes an event holds it until its lease ends or the next engine starts; then another may
  take it. So each is given to its function at least once, as on AWS, and perhaps more often.
* To look for what is due costs a few rows of an index for each function that has events, however
  many those are: the queue of one function doesn't slow down the others'.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    Row,
    Select,
    Table,
    Text,
    and_,
    bindparam,
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
    Column("accepted_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("refusals", Integer, nullable=False),
    Column("lease_until", BigInteger),
    # The last: SQLite would read through it to get at a column behind it.
    Column("sealed_payload", LargeBinary, nullable=False),
    Index("ix_asynchronous_invocations_due", "function_id", "due_at", "id", "lease_until"),
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


def due_ids(
    connection: Connection,
    now: datetime,
    *,
    most: int,
    of_one_function_max: int,
    running: Mapping[int, int],
    kept_for_idle: int = 0,
) -> list[int]:
    """Return which events can be taken, those that wait longest first.

    Args:
        of_one_function_max: how many events of one function may run at once.
        running: how many do, by the functions' ids.
        kept_for_idle: how many of ``most`` are for functions of which no event runs.
    """
    rows = connection.execute(
        _FIRST_DUE_OF_EACH_FUNCTION,
        {"now": to_epoch_ms(now), "of_each_max": of_one_function_max},
    ).all()
    begun, found = Counter(running), list[int]()
    for event_id, function_id in rows:
        if len(found) == most:
            break
        is_kept = most - len(found) <= kept_for_idle
        if begun[function_id] < (1 if is_kept else of_one_function_max):
            begun[function_id] += 1
            found.append(event_id)
    return found


def claim(
    connection: Connection, event_ids: Collection[int], now: datetime, *, lease_until: datetime
) -> list[WaitingEvent]:
    """Take those of these events that nobody holds."""
    is_meant = and_(events.c.id.in_(event_ids), _is_free(events, to_epoch_ms(now)))
    rows = connection.execute(
        select(events).where(is_meant).order_by(events.c.due_at, events.c.id)
    ).all()
    connection.execute(update(events).where(is_meant).values(lease_until=to_epoch_ms(lease_until)))
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


def _is_free(table: FromClause, now: int | BindParameter[int]) -> ColumnElement[bool]:
    return or_(table.c.lease_until.is_(None), table.c.lease_until < now)


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


def _first_due_of_each_function() -> Select[int, int]:
    # The functions are found one after the other: DISTINCT would look at every event.
    waiting = select(func.min(events.c.function_id).label("function_id")).cte(
        "waiting", recursive=True
    )
    following = select(func.min(events.c.function_id)).where(
        events.c.function_id > waiting.c.function_id
    )
    waiting = waiting.union_all(
        select(following.scalar_subquery())
        .select_from(waiting)
        .where(waiting.c.function_id.is_not(None))
    )
    now = bindparam("now", type_=BigInteger)
    due = events.alias("due")
    first_due = (
        select(due.c.id)
        .where(due.c.function_id == waiting.c.function_id, due.c.due_at <= now, _is_free(due, now))
        .order_by(due.c.due_at, due.c.id)
        .limit(bindparam("of_each_max", type_=Integer))
    )
    return (
        select(events.c.id, events.c.function_id)
        .join_from(waiting, events, events.c.id.in_(first_due))
        .order_by(events.c.due_at, events.c.id)
    )


_FIRST_DUE_OF_EACH_FUNCTION: Final = _first_due_of_each_function()
