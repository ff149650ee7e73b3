"""The rotations whose window has opened, and how one of them begins.

A window that passed while nothing ran here, because the server was down, isn't made up for outside
the schedule: the rotation moves to the window that is open at this moment, or else to the next.
"""

from datetime import datetime

from keyturn.model.secret import Secret, Window
from keyturn.rotation import begin as beginning, plan
from keyturn.store import rotations, secrets as rows
from keyturn.store.database import Connection


def secret_ids(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the secrets whose window has opened, the longest open first."""
    return rows.due_ids(connection, now, most)


def next_opening_at(connection: Connection) -> datetime | None:
    """Return when the next window of any secret opens."""
    return rows.next_opening_at(connection)


def begin(connection: Connection, secret_id: int, now: datetime) -> None:
    """Begin the rotation of a secret whose window has opened, unless that was done meanwhile.

    Afterwards the secret's window lies ahead, whatever happened here: it isn't found again now.
    """
    secret = rows.find_by_id(connection, secret_id)
    window = None if secret is None else _open_window(secret, now)
    if secret is None or window is None:
        return
    if window.closes_at <= now:
        plan.plan_after_missed(connection, secret, now)
        return
    if rotations.find_running(connection, secret_id) is None:
        beginning.due(connection, secret, window, now)
    plan.plan_next(connection, secret_id, now, has_rotated=True)


def _open_window(secret: Secret, now: datetime) -> Window | None:
    window = secret.next_window
    is_open = secret.deleted_at is None and window is not None and window.opens_at <= now
    return window if is_open else None
