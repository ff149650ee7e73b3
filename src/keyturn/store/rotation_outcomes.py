"""How rotations ended, counted. Tests of a configuration don't count."""

from collections import Counter
from datetime import datetime

from sqlalchemy import Connection, func, select

from keyturn.model.clock import to_epoch_ms
from keyturn.model.rotation import Kind, State
from keyturn.store.rotations import rotations


def count_ended(connection: Connection, *, after: datetime, until: datetime) -> Counter[State]:
    """Return how many rotations ended in each state later than ``after``, and by ``until``."""
    rows = connection.execute(
        select(rotations.c.state, func.count())
        .where(
            rotations.c.kind == Kind.ROTATION.value,
            rotations.c.ended_at > to_epoch_ms(after),
            rotations.c.ended_at <= to_epoch_ms(until),
        )
        .group_by(rotations.c.state)
    )
    return Counter({State(state): number for state, number in rows})


def count_running(connection: Connection) -> int:
    """Return how many rotations haven't ended: they are under way, or wait for an attempt."""
    running = select(func.count()).where(
        rotations.c.kind == Kind.ROTATION.value, rotations.c.state == State.RUNNING.value
    )
    return int(connection.execute(running).scalar_one())
