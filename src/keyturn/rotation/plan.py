"""When a secret rotates next, written down so that the engine finds it by an index."""

from datetime import datetime, timedelta
from typing import Final

from keyturn.model.secret import RotationSettings, Secret, Window
from keyturn.rotation import schedule
from keyturn.rotation.moment import moment_in
from keyturn.store import secrets as rows
from keyturn.store.database import Connection

LOOK_AGAIN_AFTER: Final = timedelta(minutes=5)


def plan_next(
    connection: Connection,
    secret_id: int,
    now: datetime,
    *,
    last_valid_rotation_at: datetime | None,
) -> None:
    """Store the window of the next rotation, or none when nothing is scheduled.

    Args:
        last_valid_rotation_at: what the schedule counts from; a window that is open then isn't
            used again. None for a secret whose value never changed while rotation was on.
    """
    secret = rows.find_by_id(connection, secret_id)
    assert secret is not None
    rules = rules_of(secret.rotation)
    if rules is None:
        plan_nothing(connection, secret_id)
        return
    window = schedule.next_window(rules, last_valid_rotation_at=last_valid_rotation_at, now=now)
    _save(connection, secret, window, now)


def note_valid_rotation(connection: Connection, secret_id: int, now: datetime) -> None:
    """Note that the secret has a new value, and plan from here.

    AWS counts a value that was set by hand as a rotation.
    """
    secret = rows.find_by_id(connection, secret_id)
    assert secret is not None
    is_scheduled = rules_of(secret.rotation) is not None
    if is_scheduled or secret.last_valid_rotation_at is not None:
        rows.save(connection, secret_id, last_valid_rotation_at=now)
    if is_scheduled:
        plan_next(connection, secret_id, now, last_valid_rotation_at=now)


def plan_after_failure(connection: Connection, secret_id: int, now: datetime) -> None:
    """Bring the next window forward to where it would be had nothing been tried just now.

    A rotation that was asked for is planned as if it had succeeded. Once it has failed, a secret
    that is overdue must not wait for another period.
    """
    secret = rows.find_by_id(connection, secret_id)
    assert secret is not None
    rules = rules_of(secret.rotation)
    if rules is None or secret.next_window is None:
        return
    counted_from = secret.last_valid_rotation_at or secret.created_at
    window = schedule.next_window(rules, last_valid_rotation_at=counted_from, now=now)
    if window.opens_at <= now:
        window = schedule.window_after(rules, window, now=now)
    if window.opens_at < secret.next_window.opens_at:
        _save(connection, secret, window, now)


def look_again(connection: Connection, secret_id: int, now: datetime) -> None:
    """Try the secret's window again a little later: its rotation can't begin just now."""
    rows.save(connection, secret_id, rotates_at=now + LOOK_AGAIN_AFTER)


def plan_nothing(connection: Connection, secret_id: int) -> None:
    """Store that the secret doesn't rotate by itself."""
    rows.save(connection, secret_id, window_opens_at=None, window_closes_at=None, rotates_at=None)


def plan_following(connection: Connection, secret: Secret, window: Window, now: datetime) -> None:
    """Store the window that comes after ``window`` if no rotation succeeds in it."""
    rules = rules_of(secret.rotation)
    assert rules is not None
    following = schedule.window_after(rules, window, now=now)
    _save(connection, secret, following, now)


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


def _save(connection: Connection, secret: Secret, window: Window, now: datetime) -> None:
    # Or whoever repeats the rules again and again would put the rotation off for ever.
    is_planned = window == secret.next_window and secret.rotates_at is not None
    rows.save(
        connection,
        secret.id,
        window_opens_at=window.opens_at,
        window_closes_at=window.closes_at,
        rotates_at=secret.rotates_at if is_planned else moment_in(window, secret.arn, now=now),
    )
