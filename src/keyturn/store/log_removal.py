"""What goes from the logs: groups and streams that were deleted, and events that are too old.

* What is deleted is gone for everybody at once: its row goes by a name that none can have. What
  was in it follows in portions, each a transaction of its own, so that nobody waits for the write
  lock while a large group goes. Whoever dies in between left a note, and the next goes on.
* Every portion costs as much as it deletes. Only the look for groups with old events grows, with
  the number of groups.
"""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Table,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.log_tables import events, groups, streams
from keyturn.store.metadata import RowId, metadata

removals = Table(
    "log_removals",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("group_id", ForeignKey("log_groups.id", ondelete="CASCADE"), nullable=False),
    Column("stream_id", ForeignKey("log_streams.id", ondelete="CASCADE")),
)

_DAY_MS: Final = 86_400_000


def remove_group(connection: Connection, group_id: int) -> None:
    """Delete a log group with all that is in it."""
    connection.execute(insert(removals).values(group_id=group_id))
    # No account has this number.
    gone = {"account": "", "region": "", "name": str(group_id)}
    connection.execute(update(groups).where(groups.c.id == group_id).values(gone))


def remove_stream(connection: Connection, group_id: int, stream_id: int) -> None:
    """Delete a log stream with all that is in it."""
    connection.execute(insert(removals).values(group_id=group_id, stream_id=stream_id))
    # AWS: a stream's name has no colon.
    connection.execute(
        update(streams).where(streams.c.id == stream_id).values(name=f":{stream_id}")
    )


def sweep(connection: Connection, most: int) -> bool:
    """Delete up to ``most`` events of what was deleted; return whether there may be more."""
    row = connection.execute(
        select(removals.c.group_id, removals.c.stream_id).order_by(removals.c.id).limit(1)
    ).one_or_none()
    if row is None:
        return False
    if row.stream_id is None:
        place, whole = (
            events.c.group_id == row.group_id,
            delete(groups).where(groups.c.id == row.group_id),
        )
    else:
        place, whole = (
            events.c.stream_id == row.stream_id,
            delete(streams).where(streams.c.id == row.stream_id),
        )
    if _delete_events(connection, row.group_id, place, most) < most:
        # The note goes with it.
        connection.execute(whole)
    return True


def groups_with_events_to_expire(
    connection: Connection, now: datetime, unless_set: timedelta
) -> list[tuple[int, datetime]]:
    """Return the groups with events that are too old, each with the moment that events must reach.

    Args:
        unless_set: how long a group's events are kept when nobody said.
    """
    kept_ms = func.coalesce(
        groups.c.retention_days * _DAY_MS, unless_set // timedelta(milliseconds=1)
    )
    oldest_ms = to_epoch_ms(now) - kept_ms
    rows = connection.execute(
        select(groups.c.id, oldest_ms.label("oldest")).where(
            exists().where(events.c.group_id == groups.c.id, events.c.at < oldest_ms)
        )
    )
    return [(row.id, from_epoch_ms(row.oldest)) for row in rows]


def expire(connection: Connection, group_id: int, oldest: datetime, most: int) -> int:
    """Delete up to ``most`` events of a group from before ``oldest``; return how many."""
    is_old = events.c.at < to_epoch_ms(oldest)
    return _delete_events(connection, group_id, (events.c.group_id == group_id) & is_old, most)


def _delete_events(
    connection: Connection, group_id: int, place: ColumnElement[bool], most: int
) -> int:
    wanted = select(events.c.id).where(place).order_by(events.c.at, events.c.id).limit(most)
    sizes = connection.execute(
        delete(events).where(events.c.id.in_(wanted)).returning(events.c.size_bytes)
    ).scalars()
    deleted = list(sizes)
    connection.execute(
        update(groups)
        .where(groups.c.id == group_id)
        .values(stored_bytes=groups.c.stored_bytes - sum(deleted))
    )
    return len(deleted)
