"""The rotations whose window has opened, and how one of them begins.

A window that passed while nothing ran here, because the server was down, isn't made up for outside
the schedule: the rotation moves to the window that is open at this moment, or else to the next.
"""

from datetime import datetime

from keyturn.model.secret import Secret, Window
from keyturn.rotation import begin as beginning, plan, schedule
from keyturn.store import rotations, secrets as rows
from keyturn.store.database import Connection


def secret_ids(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the secrets whose window has opened, the longest open first."""
    return rows.due_ids(connection, now, most)


def next_moment(connection: Connection, now: datetime) -> datetime | None:
    """Return when there will be something to do next; in the past while there is now."""
    moments = (rows.next_opening_at(connection), rotations.next_due_at(connection, now))
    return min((at for at in moments if at is not None), default=None)


def is_idle(connection: Connection, now: datetime) -> bool:
    """Return whether nothing is due at ``now``, and nobody is at a rotation."""
    return not (
        rows.due_ids(connection, now, 1)
        or rotations.count_claimable(connection, now=now, most=1)
        or rotations.is_any_held(connection)
    )


def begin(connection: Connection, secret_id: int, now: datetime) -> None:
    """Begin the rotation of a secret whose window has opened, unless that was done meanwhile.

    The secret's next window is planned first: if this rotation fails for as long as the window is
    open, that is when it is tried again. Success plans anew, from the moment of success.
    """
    secret = rows.find_by_id(connection, secret_id)
    window = None if secret is None else _open_window(secret, now)
    if secret is None or window is None:
        return
    plan.plan_following(connection, secret, window, now)
    is_missed = schedule.standing(window, now) is schedule.Standing.MISSED
    if not is_missed and rotations.find_running(connection, secret_id) is None:
        beginning.due(connection, secret, window, now)


def _open_window(secret: Secret, now: datetime) -> Window | None:
    window = secret.next_window
    is_open = secret.deleted_at is None and window is not None and window.opens_at <= now
    return window if is_open else None
