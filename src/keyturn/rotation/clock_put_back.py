"""A clock that was ahead and is put back must not make anything wait for what it wrote down.

Every wait has a longest length, so what waits longer has met such a clock.
"""

from datetime import datetime, timedelta
from typing import Final

from keyturn.rotation import plan
from keyturn.rotation.machine import BACKOFF_SECONDS_MAX, JITTER_SHARE_MAX
from keyturn.rotation.run import LEASE
from keyturn.store import rotation_claims, secrets as rows
from keyturn.store.database import Connection

#: Clocks of machines are corrected by less than this all the time.
TOLERANCE: Final = timedelta(minutes=1)

_WAIT_MAX: Final = timedelta(seconds=BACKOFF_SECONDS_MAX) * (1 + JITTER_SHARE_MAX)


def heal(connection: Connection, now: datetime) -> None:
    """Shorten every wait that is longer than it can be, and plan anew what counts from later."""
    rotation_claims.heal_after_clock_put_back(
        connection, now=now, due_until=now + _WAIT_MAX, lease_until=now + LEASE
    )
    for secret_id in rows.ids_rotated_after(connection, now):
        rows.save(connection, secret_id, last_valid_rotation_at=now)
        plan.plan_next(connection, secret_id, now, last_valid_rotation_at=now)
