"""Rotations, as rows; claims as leases with fencing.

The rules, which every caller may rely on:

* A secret has at most one running rotation: a partial unique index holds it.
* ``claim_due`` gives a rotation to one owner until its lease ends, and raises its fence.
* Every write of a holder names the fence that it claimed under. When somebody else has claimed the
  rotation since, nothing is written and ``LeaseLostError`` says so.
"""

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
    Integer,
    Row,
    Table,
    Text,
    and_,
    func,
    insert,
    or_,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.rotation import FIRST_STEP, Kind, Rotation, State, Step
from keyturn.store.metadata import RowId, metadata

rotations = Table(
    "rotations",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("secret_id", ForeignKey("secrets.id", ondelete="CASCADE"), nullable=False),
    Column("token", Text, nullable=False),
    Column("started_from", Text),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("retry_until", BigInteger, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("reason", Text),
    Column("fence", Integer, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", BigInteger),
    Index("ix_rotations_secret_id", "secret_id"),
)

_is_running: Final = rotations.c.state == State.RUNNING.value
Index(
    "uq_rotations_running",
    rotations.c.secret_id,
    unique=True,
    sqlite_where=_is_running,
    postgresql_where=_is_running,
)
Index(
    "ix_rotations_due",
    rotations.c.due_at,
    sqlite_where=_is_running,
    postgresql_where=_is_running,
)


class LeaseLostError(Exception):
    """Somebody else holds the rotation: what was to be written is theirs to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRotation:
    """A rotation that is about to begin; its members are those of ``Rotation``."""

    secret_id: int
    token: str
    started_from: str | None
    kind: Kind
    begins_at: datetime
    retry_until: datetime


def insert_rotation(connection: Connection, new: NewRotation) -> None:
    """Store a rotation that is due at once."""
    connection.execute(
        insert(rotations).values(
            secret_id=new.secret_id,
            token=new.token,
            started_from=new.started_from,
            kind=new.kind.value,
            state=State.RUNNING.value,
            step=FIRST_STEP[new.kind].value,
            attempt=1,
            due_at=to_epoch_ms(new.begins_at),
            retry_until=to_epoch_ms(new.retry_until),
            started_at=to_epoch_ms(new.begins_at),
            fence=0,
        )
    )


def find_running(connection: Connection, secret_id: int) -> Rotation | None:
    """Return the rotation of a secret that is under way."""
    row = connection.execute(
        select(*_COLUMNS).where(rotations.c.secret_id == secret_id, _is_running)
    ).one_or_none()
    return None if row is None else _rotation(row)


def find_latest(connection: Connection, secret_id: int) -> Rotation | None:
    """Return the rotation of a secret that began last."""
    row = connection.execute(
        select(*_COLUMNS)
        .where(rotations.c.secret_id == secret_id)
        .order_by(rotations.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _rotation(row)


def claim_due(
    connection: Connection, *, owner: str, now: datetime, lease_until: datetime
) -> Rotation | None:
    """Lease the longest-due rotation that nobody holds; None if none is due."""
    now_ms = to_epoch_ms(now)
    longest_due = (
        select(rotations.c.id)
        .where(_is_running, rotations.c.due_at <= now_ms, _is_free(now_ms))
        .order_by(rotations.c.due_at, rotations.c.id)
        .limit(1)
        .scalar_subquery()
    )
    row = connection.execute(
        update(rotations)
        .where(rotations.c.id == longest_due)
        .values(
            lease_owner=owner,
            lease_until=to_epoch_ms(lease_until),
            fence=rotations.c.fence + 1,
        )
        .returning(*_COLUMNS)
    ).one_or_none()
    return None if row is None else _rotation(row)


def count_claimable(connection: Connection, *, now: datetime, most: int) -> int:
    """Return how many rotations ``claim_due`` would give now, counting up to ``most``."""
    now_ms = to_epoch_ms(now)
    claimable = (
        select(rotations.c.id)
        .where(_is_running, rotations.c.due_at <= now_ms, _is_free(now_ms))
        .limit(most)
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(claimable)).scalar_one())


def is_any_held(connection: Connection) -> bool:
    """Return whether any rotation is leased to somebody, whether the lease has ended or not."""
    held = select(rotations.c.id).where(_is_running, rotations.c.lease_owner.is_not(None))
    return connection.execute(held.limit(1)).first() is not None


def next_due_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when the next running rotation will be due that isn't due yet."""
    due_at = connection.execute(
        select(func.min(rotations.c.due_at)).where(
            _is_running, rotations.c.due_at > to_epoch_ms(now)
        )
    ).scalar()
    return None if due_at is None else from_epoch_ms(due_at)


def release_leases_of(connection: Connection, owner: str) -> None:
    """End every lease of an owner that is known to be gone."""
    connection.execute(
        update(rotations)
        .where(rotations.c.lease_owner == owner)
        .values(lease_owner=None, lease_until=None)
    )


def release(connection: Connection, rotation: Rotation, due_at: datetime) -> None:
    """Let go of a rotation until ``due_at``, unless it is somebody else's by then."""
    connection.execute(
        update(rotations)
        .where(_held(rotation), _is_running)
        .values(due_at=to_epoch_ms(due_at), lease_owner=None, lease_until=None)
    )


def prolong(
    connection: Connection,
    rotation: Rotation,
    *,
    step: Step,
    attempt: int,
    lease_until: datetime,
) -> None:
    """Note the step that the rotation is at, and hold its lease until ``lease_until``.

    Raises:
        LeaseLostError: somebody else has claimed the rotation.
    """
    _write_fenced(
        connection,
        rotation,
        step=step.value,
        attempt=attempt,
        lease_until=to_epoch_ms(lease_until),
    )


def postpone(
    connection: Connection,
    rotation: Rotation,
    *,
    step: Step,
    attempt: int,
    due_at: datetime,
    reason: str,
) -> None:
    """Let go of the rotation until ``due_at``, when ``attempt`` begins at ``step``.

    Raises:
        LeaseLostError: somebody else has claimed the rotation.
    """
    _write_fenced(
        connection,
        rotation,
        step=step.value,
        attempt=attempt,
        due_at=to_epoch_ms(due_at),
        reason=reason,
        lease_owner=None,
        lease_until=None,
    )


def hand_over(
    connection: Connection, rotation: Rotation, *, step: Step, attempt: int, now: datetime
) -> None:
    """Let go of the rotation between two steps: whoever comes first begins at ``step``.

    Raises:
        LeaseLostError: somebody else has claimed the rotation.
    """
    _write_fenced(
        connection,
        rotation,
        step=step.value,
        attempt=attempt,
        due_at=to_epoch_ms(now),
        lease_owner=None,
        lease_until=None,
    )


def end(
    connection: Connection,
    rotation: Rotation,
    state: State,
    *,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Close a rotation that the caller holds.

    Raises:
        LeaseLostError: somebody else has claimed or closed the rotation.
    """
    _write_fenced(
        connection,
        rotation,
        state=state.value,
        ended_at=to_epoch_ms(now),
        reason=reason,
        lease_owner=None,
        lease_until=None,
    )


def cancel(
    connection: Connection, rotation: Rotation, *, now: datetime, state: State = State.CANCELLED
) -> None:
    """Close a running rotation whoever holds it; the holder's next write is refused."""
    connection.execute(
        update(rotations)
        .where(rotations.c.id == rotation.id, _is_running)
        .values(
            state=state.value,
            ended_at=to_epoch_ms(now),
            fence=rotations.c.fence + 1,
            lease_owner=None,
            lease_until=None,
        )
    )


_COLUMNS: Final = (
    rotations.c.id,
    rotations.c.secret_id,
    rotations.c.token,
    rotations.c.started_from,
    rotations.c.kind,
    rotations.c.state,
    rotations.c.step,
    rotations.c.attempt,
    rotations.c.due_at,
    rotations.c.retry_until,
    rotations.c.started_at,
    rotations.c.fence,
    rotations.c.reason,
)


def _is_free(now_ms: int) -> ColumnElement[bool]:
    return or_(rotations.c.lease_until.is_(None), rotations.c.lease_until <= now_ms)


def _held(rotation: Rotation) -> ColumnElement[bool]:
    # SQLite gives a number again once its row is gone: that of a deleted secret's rotation may be
    # another's by now. Its token never is.
    return and_(
        rotations.c.id == rotation.id,
        rotations.c.token == rotation.token,
        rotations.c.fence == rotation.fence,
    )


def _write_fenced(connection: Connection, rotation: Rotation, **columns: str | int | None) -> None:
    result = connection.execute(
        update(rotations).where(_held(rotation), _is_running).values(columns)
    )
    if result.rowcount != 1:
        raise LeaseLostError


def _rotation(row: Row[*tuple[Any, ...]]) -> Rotation:
    return Rotation(
        id=row.id,
        secret_id=row.secret_id,
        token=row.token,
        started_from=row.started_from,
        kind=Kind(row.kind),
        state=State(row.state),
        step=Step(row.step),
        attempt=row.attempt,
        due_at=from_epoch_ms(row.due_at),
        retry_until=from_epoch_ms(row.retry_until),
        started_at=from_epoch_ms(row.started_at),
        fence=row.fence,
        reason=row.reason,
    )
