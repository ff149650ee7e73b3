"""Rotations, as rows, and the writes of whoever holds one.

The rules, which every caller may rely on:

* A secret has at most one running rotation: a partial unique index holds it.
* Every write of a holder names the fence that it claimed under (``rotation_claims``). When
  somebody else has claimed the rotation since, nothing is written: ``LeaseLostError``.
* The last ``ROTATIONS_PER_SECRET_KEPT`` rotations of a secret are kept, with their steps.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    false,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.limits import ROTATIONS_PER_SECRET_KEPT
from keyturn.model.rotation import (
    FIRST_STEP,
    Cause,
    Failure,
    Kind,
    Position,
    Rotation,
    State,
    Step,
    Target,
)
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
    Column("cause", Text),
    Column("fence", Integer, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", BigInteger),
    Column("host", Text),
    Column("target_user", Text),
    Column("admin_id", RowId),
    Column("may_be_set", Boolean, nullable=False, server_default=false()),
    Index("ix_rotations_secret_id", "secret_id"),
)

is_running: Final = rotations.c.state == State.RUNNING.value
Index(
    "uq_rotations_running",
    rotations.c.secret_id,
    unique=True,
    sqlite_where=is_running,
    postgresql_where=is_running,
)
Index(
    "ix_rotations_due",
    rotations.c.due_at,
    rotations.c.id,
    rotations.c.host,
    rotations.c.lease_until,
    sqlite_where=is_running,
    postgresql_where=is_running,
)
Index(
    "ix_rotations_held",
    rotations.c.lease_owner,
    sqlite_where=rotations.c.lease_owner.is_not(None),
    postgresql_where=rotations.c.lease_owner.is_not(None),
)


# Built once: to build a statement costs more than to run it.
COLUMNS: Final = tuple(
    column for column in rotations.c if column.name not in ("lease_owner", "lease_until")
)
_RUNNING: Final = select(*COLUMNS).where(
    rotations.c.secret_id == bindparam("of_secret"), is_running
)
# SQLite gives a number again once its row is gone: that of a deleted secret's rotation may be
# another's by now. Its token never is.
_WRITE_FENCED: Final = update(rotations).where(
    rotations.c.id == bindparam("of_id"),
    rotations.c.token == bindparam("of_token"),
    rotations.c.fence == bindparam("of_fence"),
    is_running,
)


class LeaseLostError(Exception):
    """Somebody else holds the rotation: what was to be written is theirs to decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRotation:
    """A rotation that is about to begin; its members are those of ``Rotation``."""

    token: str
    kind: Kind
    begins_at: datetime
    retry_until: datetime
    target: Target
    attempt: int = 1


def insert_rotation(
    connection: Connection,
    secret_id: int,
    new: NewRotation,
    *,
    started_from: str | None,
    now: datetime,
) -> None:
    """Store a rotation, and forget the oldest of the secret when there are too many."""
    connection.execute(
        insert(rotations).values(
            secret_id=secret_id,
            token=new.token,
            started_from=started_from,
            kind=new.kind.value,
            state=State.RUNNING.value,
            step=FIRST_STEP[new.kind].value,
            attempt=new.attempt,
            due_at=to_epoch_ms(new.begins_at),
            retry_until=to_epoch_ms(new.retry_until),
            started_at=to_epoch_ms(now),
            fence=0,
            host=new.target.host,
            target_user=new.target.user,
            admin_id=new.target.admin_id,
        )
    )
    _forget_oldest(connection, secret_id)


def find_running(connection: Connection, secret_id: int) -> Rotation | None:
    """Return the rotation of a secret that is under way."""
    row = connection.execute(_RUNNING, {"of_secret": secret_id}).one_or_none()
    return None if row is None else rotation_of(row)


def find_latest(connection: Connection, secret_id: int) -> Rotation | None:
    """Return the rotation of a secret that began last."""
    latest = list_latest(connection, secret_id, 1)
    return latest[0] if latest else None


def list_latest(connection: Connection, secret_id: int, most: int) -> list[Rotation]:
    """Return the rotations of a secret that began last, the latest first."""
    rows = connection.execute(
        select(*COLUMNS)
        .where(rotations.c.secret_id == secret_id)
        .order_by(rotations.c.id.desc())
        .limit(most)
    )
    return [rotation_of(row) for row in rows]


def release(connection: Connection, rotation: Rotation, due_at: datetime) -> None:
    """Let go of a rotation until ``due_at``, unless it is somebody else's by then."""
    with suppress(LeaseLostError):
        _write_fenced(connection, rotation, {"due_at": to_epoch_ms(due_at), **_UNHELD})


def advance(connection: Connection, rotation: Rotation, *, may_be_set: bool) -> None:
    """Note the step that the rotation is at, and whether the target may have the value by then.

    Raises:
        LeaseLostError: somebody else has claimed the rotation.
    """
    _write_fenced(connection, rotation, {**_at(rotation.position), "may_be_set": may_be_set})


def postpone(
    connection: Connection,
    rotation: Rotation,
    position: Position,
    *,
    due_at: datetime,
    failure: Failure,
) -> None:
    """Let go of the rotation until ``due_at``, when it goes on at ``position``.

    Raises:
        LeaseLostError: somebody else has claimed the rotation.
    """
    let_go = {"due_at": to_epoch_ms(due_at), "may_be_set": rotation.may_be_set, **_UNHELD}
    _write_fenced(connection, rotation, {**_at(position), **let_go, **_why(failure)})


def hand_over(
    connection: Connection, rotation: Rotation, position: Position, *, due_at: datetime
) -> None:
    """Let go of the rotation between two steps: whoever comes first begins at ``position``.

    Raises:
        LeaseLostError: somebody else has claimed the rotation.
    """
    let_go = {"due_at": to_epoch_ms(due_at), **_UNHELD}
    _write_fenced(connection, rotation, {**_at(position), **let_go})


def end(
    connection: Connection,
    rotation: Rotation,
    state: State,
    *,
    now: datetime,
    failure: Failure | None = None,
) -> None:
    """Close a rotation that the caller holds.

    Raises:
        LeaseLostError: somebody else has claimed or closed the rotation.
    """
    ended = {"state": state.value, "ended_at": to_epoch_ms(now), **_UNHELD}
    known = {"may_be_set": rotation.may_be_set, **_why(failure)}
    _write_fenced(connection, rotation, {**ended, **known})


def hasten(connection: Connection, rotation: Rotation, now: datetime) -> bool:
    """Let a rotation that waits be due now; return whether it waited, and nobody is at it."""
    waiting = and_(rotations.c.id == rotation.id, is_running, rotations.c.lease_owner.is_(None))
    due = {"due_at": to_epoch_ms(now)}
    return connection.execute(update(rotations).where(waiting).values(due)).rowcount == 1


def close(connection: Connection, rotation: Rotation, state: State, *, now: datetime) -> bool:
    """Close a rotation whoever holds it; return whether it was running.

    The holder's next write is refused. Its lease stays: the function that it called may still be
    at the target, and nobody else may go there meanwhile.
    """
    closed = {"state": state.value, "ended_at": to_epoch_ms(now)}
    changed = connection.execute(
        update(rotations)
        .where(rotations.c.id == rotation.id, rotations.c.token == rotation.token, is_running)
        .values({**closed, "fence": rotations.c.fence + 1})
    )
    return changed.rowcount == 1


def rotation_of(row: Row[*tuple[Any, ...]]) -> Rotation:
    """Return the rotation that a row of ``COLUMNS`` is."""
    return Rotation(
        id=row.id,
        secret_id=row.secret_id,
        token=row.token,
        started_from=row.started_from,
        position=Position(Kind(row.kind), Step(row.step), row.attempt),
        state=State(row.state),
        due_at=from_epoch_ms(row.due_at),
        retry_until=from_epoch_ms(row.retry_until),
        started_at=from_epoch_ms(row.started_at),
        target=Target(host=row.host, user=row.target_user, admin_id=row.admin_id),
        may_be_set=row.may_be_set,
        fence=row.fence,
        ended_at=None if row.ended_at is None else from_epoch_ms(row.ended_at),
        failure=failure_of(row),
    )


def failure_of(row: Row[*tuple[Any, ...]]) -> Failure | None:
    """Return the failure that a row with a cause and a reason tells of."""
    if row.reason is None:
        return None
    # What failed before causes were kept has none.
    return Failure(Cause(row.cause or Cause.UNKNOWN.value), row.reason)


_UNHELD: Final = {"lease_owner": None, "lease_until": None}


def _forget_oldest(connection: Connection, secret_id: int) -> None:
    kept = (
        select(rotations.c.id)
        .where(rotations.c.secret_id == secret_id)
        .order_by(rotations.c.id.desc())
        .limit(1)
        .offset(ROTATIONS_PER_SECRET_KEPT - 1)
        .scalar_subquery()
    )
    connection.execute(
        delete(rotations).where(rotations.c.secret_id == secret_id, rotations.c.id < kept)
    )


def _write_fenced(
    connection: Connection, rotation: Rotation, columns: Mapping[str, str | int | bool | None]
) -> None:
    held = {"of_id": rotation.id, "of_token": rotation.token, "of_fence": rotation.fence}
    if connection.execute(_WRITE_FENCED, {**held, **columns}).rowcount != 1:
        raise LeaseLostError


def _at(position: Position) -> dict[str, str | int]:
    return {"step": position.step.value, "attempt": position.attempt}


def _why(failure: Failure | None) -> dict[str, str | None]:
    if failure is None:
        return {"reason": None, "cause": None}
    return {"reason": failure.reason, "cause": failure.cause.value}
