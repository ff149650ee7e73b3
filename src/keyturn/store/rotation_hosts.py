"""Hosts that rotations failed to reach, as rows. A host that is well has none."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.metadata import metadata

#: The host is left alone from so many failures in a row on.
FAILURES_MAX: Final = 3
#: No host is left alone for longer at once. Who waits longer has met a clock that was put back.
PAUSE_SECONDS_MAX: Final = 1800

hosts = Table(
    "rotation_hosts",
    metadata,
    # A mark of the host, not its name: what a secret's value says isn't stored in the clear.
    Column("host", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("blocked_until", BigInteger, nullable=False),
)

_is_troubled: Final = hosts.c.failures >= FAILURES_MAX


def failures_of(connection: Connection, host: str) -> int:
    """Return how often in a row the host wasn't reached."""
    found = connection.execute(select(hosts.c.failures).where(hosts.c.host == host)).scalar()
    return found or 0


def note_failure(
    connection: Connection, host: str, *, failures: int, blocked_until: datetime
) -> None:
    """Note that the host wasn't reached, for the ``failures``-th time in a row."""
    values = {"failures": failures, "blocked_until": to_epoch_ms(blocked_until)}
    changed = connection.execute(update(hosts).where(hosts.c.host == host).values(values))
    if changed.rowcount == 0:
        connection.execute(insert(hosts).values(host=host, **values))


def note_success(connection: Connection, host: str) -> None:
    """Note that the host answers."""
    connection.execute(delete(hosts).where(hosts.c.host == host))


def troubled(connection: Connection, now: datetime) -> dict[str, bool]:
    """Return the hosts that must be gone easy on, each with whether nobody may try it now."""
    rows = connection.execute(select(hosts.c.host, hosts.c.blocked_until).where(_is_troubled))
    latest = now + timedelta(seconds=PAUSE_SECONDS_MAX)
    return {row.host: now < from_epoch_ms(row.blocked_until) <= latest for row in rows}


def forget_before(connection: Connection, at: datetime) -> None:
    """Forget the troubles of hosts that nobody has tried since ``at``."""
    connection.execute(delete(hosts).where(hosts.c.blocked_until < to_epoch_ms(at)))


def next_tried_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when the next host may be tried again that nobody may try now."""
    latest = now + timedelta(seconds=PAUSE_SECONDS_MAX)
    at = connection.execute(
        select(func.min(hosts.c.blocked_until)).where(
            _is_troubled, hosts.c.blocked_until.between(to_epoch_ms(now) + 1, to_epoch_ms(latest))
        )
    ).scalar()
    return None if at is None else from_epoch_ms(at)
