"""When a secret rotates next, written down so that the engine finds it by an index."""

from datetime import datetime

from keyturn.model.secret import RotationSettings, Secret, Window
from keyturn.rotation import schedule
from keyturn.store import secrets as rows
from keyturn.store.database import Connection


def plan_next(connection: Connection, secret_id: int, now: datetime, *, has_rotated: bool) -> None:
    """Store the window of the next rotation, or none when nothing is scheduled.

    Args:
        has_rotated: the secret got a new value at ``now``, or is about to; so that a window which
            is open at ``now`` isn't used again. AWS counts a value set by hand as a rotation.
    """
    secret = rows.find_by_id(connection, secret_id)
    assert secret is not None
    rules = rules_of(secret.rotation)
    if rules is None:
        rows.save(connection, secret_id, window_opens_at=None, window_closes_at=None)
        return
    base = now if has_rotated else None
    window = schedule.next_window(rules, last_valid_rotation_at=base, now=now)
    _save(connection, secret_id, window)


def plan_following(connection: Connection, secret: Secret, window: Window, now: datetime) -> None:
    """Store the window that comes after ``window`` if no rotation succeeds in it."""
    rules = rules_of(secret.rotation)
    assert rules is not None
    following = schedule.window_after(rules, window, now=now)
    _save(connection, secret.id, following)


def rules_of(rotation: RotationSettings | None) -> schedule.RotationRules | None:
    """Return the rules of a secret whose rotation is on and scheduled."""
    if rotation is None or not rotation.is_enabled:
        return None
    if rotation.schedule_expression is not None:
        return schedule.parse(
            automatically_after_days=None,
            schedule_expression=rotation.schedule_expression,
            duration=rotation.duration,
        )
    if rotation.automatically_after_days is None:
        return None
    return schedule.parse(
        automatically_after_days=rotation.automatically_after_days,
        schedule_expression=None,
        duration=rotation.duration,
    )


def _save(connection: Connection, secret_id: int, window: Window) -> None:
    rows.save(
        connection,
        secret_id,
        window_opens_at=window.opens_at,
        window_closes_at=window.closes_at,
    )
