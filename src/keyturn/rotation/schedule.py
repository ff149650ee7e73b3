"""When a secret rotates: RotationRules, and the windows that follow from them. Pure.

The rules, which every caller may rely on:

* Everything is UTC. A window opens on the hour and is half-open; windows never overlap.
* Days (AutomaticallyAfterDays and ``rate(N days)``) count from the day of the last valid rotation.
  The window opens at 00:00 and never reaches into the next day. A secret that is overdue, because
  a window was missed or failed, has such a window each day until it rotates: it isn't left with
  its old value for another N days.
* ``rate(N hours)``: windows open every N hours from the hour of the last valid rotation, and may
  cross midnight. AWS doesn't say what it counts from.
* ``cron()``: windows open when it fires and never reach into the next day. The window in which a
  valid rotation happened isn't used again.
* With no valid rotation yet, days and hours count from ``now``, and a ``cron()`` window that is
  open at ``now`` may be used.
* A window that is over is skipped: the next one is the first that is open or ahead.
* Without a Duration, a schedule in days is open to the end of the UTC day, and one in hours for
  one hour. A ``cron()`` is in hours when it fires more than once a day, however it is spelt.
* AutomaticallyAfterDays of an expression is the smallest gap between the times it fires, in whole
  days and at least 1.

Where in a window a rotation begins is not decided here.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
import re
from typing import Final

from keyturn.model.secret import Window
from keyturn.rotation.cadence import (
    Cadence,
    EveryDays,
    EveryHours,
    InvalidScheduleError,
    ScheduleRule,
    read_cadence,
)
from keyturn.rotation.cron import Cron

__all__ = [
    "InvalidScheduleError",
    "RotationRules",
    "ScheduleRule",
    "Standing",
    "next_window",
    "parse",
    "standing",
    "window_after",
]

DURATION_HOURS_MIN: Final = 1
DURATION_HOURS_MAX: Final = 24

_HOURS_PER_DAY: Final = 24
_DAY: Final = timedelta(days=1)

_DURATION: Final = re.compile(r"([0-9]{1,2})h")


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRules:
    """Rules that hold. Made by ``parse`` alone.

    Attributes:
        automatically_after_days: as given, or computed from ``schedule_expression``.
        schedule_expression: verbatim.
        duration: verbatim.
        window_hours: how long each window is open.
    """

    automatically_after_days: int
    schedule_expression: str | None
    duration: str | None
    cadence: Cadence
    window_hours: int


class Standing(Enum):
    """How a window lies to an instant."""

    AHEAD = auto()
    OPEN = auto()
    MISSED = auto()


def parse(
    *, automatically_after_days: int | None, schedule_expression: str | None, duration: str | None
) -> RotationRules:
    """Return the rules that the members of RotationRules spell.

    Raises:
        InvalidScheduleError: they break one of ``ScheduleRule``.
    """
    cadence = read_cadence(automatically_after_days, schedule_expression)
    window_hours = _default_hours(cadence) if duration is None else _read_duration(duration)
    _check_fit(cadence, window_hours)
    return RotationRules(
        automatically_after_days=max(1, cadence.gap_hours_min // _HOURS_PER_DAY),
        schedule_expression=schedule_expression,
        duration=duration,
        cadence=cadence,
        window_hours=window_hours,
    )


def next_window(
    rules: RotationRules, *, last_valid_rotation_at: datetime | None, now: datetime
) -> Window:
    """Return the window of the next rotation: open at ``now``, or the first one ahead.

    Args:
        last_valid_rotation_at: the last rotation that succeeded, or the last time that AWSCURRENT
            was set by hand, whichever is later. None to count from ``now``, as when rotation is
            turned on for a secret that never rotated.
    """
    base = last_valid_rotation_at or now
    match rules.cadence:
        case EveryDays(days):
            due_at = _midnight(base) + timedelta(days=days)
            return _window_on_grid(rules, due_at, _DAY, now)
        case EveryHours(hours):
            period = timedelta(hours=hours)
            return _window_on_grid(rules, _on_the_hour(base) + period, period, now)
        case Cron() as fires:
            return _window_of_cron(rules, fires, last_valid_rotation_at, now)


def window_after(rules: RotationRules, window: Window, *, now: datetime) -> Window:
    """Return the window that follows ``window`` if no rotation succeeds in it.

    It opens when ``window`` has closed or later, and isn't over at ``now``.
    """
    at = max(now, window.closes_at)
    match rules.cadence:
        case EveryDays():
            return _window_on_grid(rules, _midnight(window.opens_at), _DAY, at)
        case EveryHours(hours):
            return _window_on_grid(rules, window.opens_at, timedelta(hours=hours), at)
        case Cron() as fires:
            return _window_of_cron(rules, fires, window.opens_at, at)


def standing(window: Window, now: datetime) -> Standing:
    """Return whether ``window`` is ahead, open or missed at ``now``."""
    if now < window.opens_at:
        return Standing.AHEAD
    return Standing.OPEN if now < window.closes_at else Standing.MISSED


def _read_duration(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None or not DURATION_HOURS_MIN <= int(match[1]) <= DURATION_HOURS_MAX:
        raise InvalidScheduleError(ScheduleRule.DURATION)
    return int(match[1])


def _default_hours(cadence: Cadence) -> int:
    match cadence:
        case EveryDays():
            return _HOURS_PER_DAY
        case Cron(hours=(hour,)):
            return _HOURS_PER_DAY - hour
        case EveryHours() | Cron():
            return 1


def _check_fit(cadence: Cadence, window_hours: int) -> None:
    if isinstance(cadence, Cron) and cadence.hours[-1] + window_hours > _HOURS_PER_DAY:
        raise InvalidScheduleError(ScheduleRule.DURATION_WITHIN_DAY)
    if window_hours > cadence.gap_hours_min:
        raise InvalidScheduleError(ScheduleRule.DURATION_WITHIN_GAP)


def _window_on_grid(
    rules: RotationRules, first: datetime, period: timedelta, now: datetime
) -> Window:
    """Return the first window not over at ``now`` among those that open each ``period``."""
    width = timedelta(hours=rules.window_hours)
    periods_over = max(0, (now - width - first) // period + 1)
    return _window(first + periods_over * period, width)


def _window_of_cron(
    rules: RotationRules, fires: Cron, used_at: datetime | None, now: datetime
) -> Window:
    """Return the first window that opens after ``used_at`` and isn't over at ``now``."""
    width = timedelta(hours=rules.window_hours)
    after = now - width if used_at is None else max(now - width, used_at)
    return _window(fires.next_fire(after=after), width)


def _window(opens_at: datetime, width: timedelta) -> Window:
    return Window(opens_at=opens_at, closes_at=opens_at + width)


def _on_the_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
