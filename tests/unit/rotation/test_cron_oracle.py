"""``cron`` against a second reading of the same grammar that tries every hour, one by one.

Fresh expressions each time, over 120 years. ``tests/rotation/test_year_of_schedules.py`` lives
through a year with those that it always has.
"""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies as st

from keyturn.rotation import cron
from keyturn.rotation.cron_field import CronTextError
from support import random_rules
from support.schedule_oracle import HOUR, IllegalTextError, day_of, read_cron

expressions = st.randoms(use_true_random=False).map(random_rules.cron)
instants = st.integers(0, 120 * 366 * 24 * 60).map(
    lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def is_legal(expression: str) -> bool:
    try:
        read_cron(expression)
    except IllegalTextError:
        return False
    return True


def scanned(expression: str, hour: datetime) -> datetime:
    """Return the first hour from ``hour`` on at which ``expression`` fires."""
    meant = read_cron(expression)
    while not (hour.hour in meant.hours and meant.fires_on(day_of(hour.date()))):
        hour += HOUR
    return hour


def fields_of(expression: str) -> str:
    return expression.removeprefix("cron(").removesuffix(")")


@settings(deadline=None)
@given(expressions.filter(is_legal), instants)
def test_next_fire_is_the_first_hour_that_a_scan_finds(expression: str, after: datetime) -> None:
    fire = cron.read(fields_of(expression)).next_fire(after=after)

    assert fire == scanned(expression, after.replace(minute=0) + HOUR)


@settings(deadline=None)
@given(expressions)
def test_an_expression_is_refused_exactly_if_it_never_fires_or_too_often(expression: str) -> None:
    try:
        cron.read(fields_of(expression))
        is_read = True
    except CronTextError:
        is_read = False

    assert is_read == is_legal(expression)
