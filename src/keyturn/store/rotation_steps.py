"""The record of each rotation's steps, as rows: begun before it is invoked, ended afterwards."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    Table,
    Text,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.limits import ATTEMPTS_PER_ROTATION_KEPT
from keyturn.model.rotation import Failure, Position, Rotation, Step
from keyturn.store.metadata import RowId, metadata
from keyturn.store.rotations import failure_of, rotations

steps = Table(
    "rotation_steps",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("rotation_id", ForeignKey("rotations.id", ondelete="CASCADE"), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("step", Text, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("request_id", Text),
    Column("reason", Text),
    Column("cause", Text),
    Index("ix_rotation_steps_rotation_id", "rotation_id"),
)


# Built once: to build a statement costs more than to run it.
_BEGIN: Final = insert(steps)
# SQLite gives a number again once its row is gone: a step is told by its rotation's token too.
_END: Final = update(steps).where(
    steps.c.id == bindparam("of_id"),
    steps.c.rotation_id.in_(
        select(rotations.c.id).where(
            rotations.c.id == bindparam("of_rotation"),
            rotations.c.token == bindparam("of_token"),
        )
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One line of a rotation's history; ``failure`` is None when it succeeded."""

    attempt: int
    step: Step
    began_at: datetime
    ended_at: datetime | None
    request_id: str | None
    failure: Failure | None


def begin(connection: Connection, rotation_id: int, position: Position, *, now: datetime) -> int:
    """Record that a step begins; return our number for it. Attempts of long ago are forgotten."""
    if position.attempt > ATTEMPTS_PER_ROTATION_KEPT:
        forgotten = steps.c.attempt <= position.attempt - ATTEMPTS_PER_ROTATION_KEPT
        connection.execute(delete(steps).where(steps.c.rotation_id == rotation_id, forgotten))
    result = connection.execute(
        _BEGIN,
        {
            "rotation_id": rotation_id,
            "attempt": position.attempt,
            "step": position.step.value,
            "began_at": to_epoch_ms(now),
        },
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def end(
    connection: Connection,
    rotation: Rotation,
    step_id: int,
    *,
    now: datetime,
    request_id: str | None,
    failure: Failure | None,
) -> None:
    """Record how a step ended; ``failure`` is None when it succeeded."""
    connection.execute(
        _END,
        {
            "of_id": step_id,
            "of_rotation": rotation.id,
            "of_token": rotation.token,
            "ended_at": to_epoch_ms(now),
            "request_id": request_id,
            "reason": None if failure is None else failure.reason,
            "cause": None if failure is None else failure.cause.value,
        },
    )


def of_rotation(connection: Connection, rotation_id: int) -> list[StepRecord]:
    """Return the recorded steps of a rotation, in their order."""
    rows = connection.execute(
        select(
            steps.c.attempt,
            steps.c.step,
            steps.c.began_at,
            steps.c.ended_at,
            steps.c.request_id,
            steps.c.reason,
            steps.c.cause,
        )
        .where(steps.c.rotation_id == rotation_id)
        .order_by(steps.c.id)
    )
    return [_step(row) for row in rows]


def _step(row: Row[*tuple[Any, ...]]) -> StepRecord:
    return StepRecord(
        attempt=row.attempt,
        step=Step(row.step),
        began_at=from_epoch_ms(row.began_at),
        ended_at=None if row.ended_at is None else from_epoch_ms(row.ended_at),
        request_id=row.request_id,
        failure=failure_of(row),
    )
