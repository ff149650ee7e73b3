"""The rotations whose moment has come, and how one of them begins.

A window that passed while nothing ran here, because the server was down, isn't made up for outside
the schedule: the rotation moves to the window that is open at this moment, or else to the next.
"""

from datetime import datetime
from typing import Final

from keyturn.keys.keyring import Keyring
from keyturn.model.secret import Secret, Window
from keyturn.rotation import abandon, begin as beginning, plan, schedule
from keyturn.store import rotation_claims, rotations, secrets as rows
from keyturn.store.database import Connection
from keyturn.store.rotation_claims import Claimant


def secret_ids(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the secrets that are to rotate, the longest due first."""
    return rows.due_ids(connection, now, most)


def next_moment(connection: Connection, now: datetime) -> datetime | None:
    """Return when there will be something to do next; in the past while there is now."""
    moments = (rows.next_rotates_at(connection), rotation_claims.next_due_at(connection, now))
    return min((at for at in moments if at is not None), default=None)


def is_idle(connection: Connection, now: datetime) -> bool:
    """Return whether nothing is due at ``now``, and nobody is at a rotation."""
    return not (
        rows.due_ids(connection, now, 1)
        or rotation_claims.is_any_held(connection)
        or rotation_claims.count_claimable(connection, _ANYBODY, now=now, most=1)
    )


def begin(connection: Connection, keyring: Keyring, secret_id: int, now: datetime) -> None:
    """Begin the rotation of a secret whose moment has come, unless that was done meanwhile.

    The secret's next window is planned first: if this rotation fails for as long as the window is
    open, that is when it is tried again. Success plans anew, from the moment of success. While
    another rotation is under way, the window waits for it to end.
    """
    secret = rows.find_by_id(connection, secret_id)
    window = None if secret is None else _due_window(secret, now)
    if secret is None or window is None:
        return
    abandon.if_pointless(connection, secret, now)
    is_missed = schedule.standing(window, now) is schedule.Standing.MISSED
    if not is_missed and rotations.find_running(connection, secret_id) is not None:
        plan.look_again(connection, secret_id, now)
        return
    plan.plan_following(connection, secret, window, now)
    if not is_missed:
        beginning.due(connection, keyring, secret, window, now)


#: Asks what there is to claim, and claims nothing.
_ANYBODY: Final = Claimant(owner="", at=(), per_host_max=1)


def _due_window(secret: Secret, now: datetime) -> Window | None:
    is_due = secret.rotates_at is not None and secret.rotates_at <= now
    return secret.next_window if is_due and secret.deleted_at is None else None
