"""Who is at which rotation: leases with fencing, and whom nobody may be at just now.

The rules, which every caller may rely on:

* ``claim_due`` gives a rotation to one owner until its lease ends, and raises its fence: whatever
  an earlier holder writes afterwards is refused.
* The longest-due rotation comes first, among those that may be claimed.
* At most ``per_host_max`` rotations that touch one host are held at once; one that has troubles
  (``rotation_hosts``) is left alone for a while, and then tried by one rotation at a time.
* Two of one secret, or that touch the same user of a host, are never held at once, nor one with
  that of the admin secret which it logs in with. A rotation that was closed while its function ran
  counts as held until the holder lets go.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, or_, select, update

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.rotation import Rotation
from keyturn.store import rotation_hosts
from keyturn.store.rotations import COLUMNS, is_running, rotation_of, rotations


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimant:
    """Whoever claims rotations.

    Attributes:
        owner: the name that its leases are under.
        at: the numbers of those that it is at. A lease that ended meanwhile, because a clock
            jumped, doesn't make it begin one twice.
        per_host_max: how many rotations may touch one host at once.
    """

    owner: str
    at: Collection[int]
    per_host_max: int


def claim_due(
    connection: Connection, claimant: Claimant, *, now: datetime, lease_until: datetime
) -> Rotation | None:
    """Lease the longest-due rotation that may be claimed; None if there is none."""
    may_be_claimed = _may_be_claimed(connection, claimant, now)
    longest_due = (
        select(rotations.c.id)
        .where(*may_be_claimed)
        .order_by(rotations.c.due_at, rotations.c.id)
        .limit(1)
        .scalar_subquery()
    )
    row = connection.execute(
        update(rotations)
        .where(rotations.c.id == longest_due)
        .values(
            lease_owner=claimant.owner,
            lease_until=to_epoch_ms(lease_until),
            fence=rotations.c.fence + 1,
        )
        .returning(*COLUMNS)
    ).one_or_none()
    return None if row is None else rotation_of(row)


def count_claimable(
    connection: Connection, claimant: Claimant, *, now: datetime, most: int
) -> int:
    """Return how many rotations may be claimed now, each for itself, counting up to ``most``."""
    may_be_claimed = _may_be_claimed(connection, claimant, now)
    claimable = select(rotations.c.id).where(*may_be_claimed).limit(most).subquery()
    return int(connection.execute(select(func.count()).select_from(claimable)).scalar_one())


def is_any_held(connection: Connection) -> bool:
    """Return whether any rotation is leased to somebody, whether the lease has ended or not."""
    held = select(rotations.c.id).where(rotations.c.lease_owner.is_not(None))
    return connection.execute(held.limit(1)).first() is not None


def next_due_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when the next rotation will be due that isn't due yet, or a host is tried again."""
    due_at = connection.execute(
        select(func.min(rotations.c.due_at)).where(
            is_running, rotations.c.due_at > to_epoch_ms(now)
        )
    ).scalar()
    moments = (
        None if due_at is None else from_epoch_ms(due_at),
        rotation_hosts.next_tried_at(connection, now),
    )
    return min((at for at in moments if at is not None), default=None)


def prolong(connection: Connection, owner: str, held: Collection[int], until: datetime) -> None:
    """Hold an owner's leases until ``until``, those that nobody has taken over."""
    connection.execute(
        update(rotations)
        .where(rotations.c.id.in_(list(held)), rotations.c.lease_owner == owner)
        .values(lease_until=to_epoch_ms(until))
    )


def let_go(connection: Connection, rotation: Rotation, owner: str) -> None:
    """End an owner's lease of a rotation, also of one that somebody has closed meanwhile."""
    connection.execute(
        update(rotations)
        .where(
            rotations.c.id == rotation.id,
            rotations.c.token == rotation.token,
            rotations.c.lease_owner == owner,
        )
        .values(lease_owner=None, lease_until=None)
    )


def heal_after_clock_put_back(
    connection: Connection, *, now: datetime, due_until: datetime, lease_until: datetime
) -> None:
    """Shorten the waits that a clock has made too long that was put back since.

    Args:
        due_until: no rotation waits longer than until then by itself.
        lease_until: no lease lasts longer.
    """
    too_late = rotations.c.due_at > to_epoch_ms(due_until)
    connection.execute(
        update(rotations).where(is_running, too_late).values(due_at=to_epoch_ms(now))
    )
    too_long = rotations.c.lease_until > to_epoch_ms(lease_until)
    connection.execute(
        update(rotations)
        .where(rotations.c.lease_owner.is_not(None), too_long)
        .values(lease_until=to_epoch_ms(lease_until))
    )


def release_leases_of(connection: Connection, owner: str) -> None:
    """End every lease of an owner that is known to be gone."""
    connection.execute(
        update(rotations)
        .where(rotations.c.lease_owner == owner)
        .values(lease_owner=None, lease_until=None)
    )


def _may_be_claimed(
    connection: Connection, claimant: Claimant, now: datetime
) -> list[ColumnElement[bool]]:
    now_ms = to_epoch_ms(now)
    held = _held(connection, claimant, now_ms)
    admins = [row.admin_id for row in held if row.admin_id is not None]
    secrets = [row.secret_id for row in held]
    return [
        is_running,
        rotations.c.due_at <= now_ms,
        or_(rotations.c.lease_until.is_(None), rotations.c.lease_until <= now_ms),
        rotations.c.id.not_in(list(claimant.at)),
        _none_of(rotations.c.host, _full_hosts(connection, claimant, held, now)),
        _none_of(rotations.c.target_user, [row.target_user for row in held]),
        rotations.c.secret_id.not_in([*secrets, *admins]),
        _none_of(rotations.c.admin_id, secrets),
    ]


def _held(connection: Connection, claimant: Claimant, now_ms: int) -> list[Row[*tuple[Any, ...]]]:
    columns = (
        rotations.c.id,
        rotations.c.secret_id,
        rotations.c.host,
        rotations.c.target_user,
        rotations.c.admin_id,
        rotations.c.lease_until,
    )
    rows = connection.execute(select(*columns).where(rotations.c.lease_owner.is_not(None)))
    return [row for row in rows if row.lease_until > now_ms or row.id in claimant.at]


def _full_hosts(
    connection: Connection,
    claimant: Claimant,
    held: list[Row[*tuple[Any, ...]]],
    now: datetime,
) -> list[str]:
    counts = Counter(row.host for row in held if row.host is not None)
    full = {host for host, count in counts.items() if count >= claimant.per_host_max}
    for host, is_blocked in rotation_hosts.troubled(connection, now).items():
        if is_blocked or counts[host]:
            full.add(host)
    return sorted(full)


def _none_of(
    column: ColumnElement[Any], values: Collection[str | int | None]
) -> ColumnElement[bool]:
    known = sorted({value for value in values if value is not None}, key=str)
    return or_(column.is_(None), column.not_in(known))
