"""What ``cron()`` expressions mean, and which of them are legal."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest

from keyturn.rotation import cron
from keyturn.rotation.cron_field import CronTextError


def fires(text: str, *, after: datetime, count: int) -> list[datetime]:
    expression = cron.read(text)
    found: list[datetime] = []
    for _ in range(count):
        after = expression.next_fire(after=after)
        found.append(after)
    return found


def days(text: str, count: int, year: int = 2026) -> list[str]:
    """The days on which ``text`` fires, from the start of ``year``."""
    eve = datetime(year - 1, 12, 31, 23, tzinfo=UTC)
    return [f"{fire:%Y-%m-%d}" for fire in fires(text, after=eve, count=count)]


def hours(text: str, count: int) -> list[str]:
    """The hours at which ``text`` fires, from 2026-01-01."""
    eve = datetime(2025, 12, 31, 23, tzinfo=UTC)
    return [f"{fire:%d %H}" for fire in fires(text, after=eve, count=count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 /8 * * ? *", ["01 00", "01 08", "01 16", "02 00"]),
        ("0 */8 * * ? *", ["01 00", "01 08", "01 16", "02 00"]),
        ("0 8/8 * * ? *", ["01 08", "01 16", "02 08", "02 16"]),
        ("0 4/12 * * ? *", ["01 04", "01 16", "02 04", "02 16"]),
        ("0 2/10 * * ? *", ["01 02", "01 12", "01 22", "02 02"]),
        ("0 8-20/6 * * ? *", ["01 08", "01 14", "01 20", "02 08"]),
        ("0 8,20 * * ? *", ["01 08", "01 20", "02 08"]),
        ("0 20,08 * * ? *", ["01 08", "01 20", "02 08"]),
        ("0 22-2/4 * * ? *", ["01 02", "01 22", "02 02", "02 22"]),
        ("0 10 * * ? *", ["01 10", "02 10", "03 10"]),
    ],
)
def test_hours_begin_again_each_day(text: str, expected: list[str]) -> None:
    assert hours(text, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 1 * ? *", ["2026-01-01", "2026-02-01", "2026-03-01"]),
        ("0 0 1,15 * ? *", ["2026-01-01", "2026-01-15", "2026-02-01"]),
        ("0 0 30-2 * ? *", ["2026-01-01", "2026-01-02", "2026-01-30", "2026-01-31", "2026-02-01"]),
        ("0 0 10/10 * ? *", ["2026-01-10", "2026-01-20", "2026-01-30", "2026-02-10"]),
        ("0 0 31 * ? *", ["2026-01-31", "2026-03-31", "2026-05-31", "2026-07-31"]),
        ("0 0 L * ? *", ["2026-01-31", "2026-02-28", "2026-03-31"]),
        ("0 0 15,L * ? *", ["2026-01-15", "2026-01-31", "2026-02-15", "2026-02-28"]),
        ("0 0 SUNL * ? *", ["2026-01-25", "2026-02-22", "2026-03-29"]),
        ("0 0 1 1/3 ? *", ["2026-01-01", "2026-04-01", "2026-07-01", "2026-10-01", "2027-01-01"]),
        ("0 0 1 /6 ? *", ["2026-01-01", "2026-07-01", "2027-01-01"]),
        ("0 0 1 NOV-FEB ? *", ["2026-01-01", "2026-02-01", "2026-11-01", "2026-12-01"]),
        ("0 0 1 jan,OCT ? *", ["2026-01-01", "2026-10-01", "2027-01-01"]),
    ],
)
def test_days_of_the_month(text: str, expected: list[str]) -> None:
    assert days(text, len(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 ? * 2 *", ["2026-01-05", "2026-01-12", "2026-01-19"]),
        ("0 0 ? * Mon *", ["2026-01-05", "2026-01-12", "2026-01-19"]),
        ("0 0 ? * SUN *", ["2026-01-04", "2026-01-11"]),
        ("0 0 ? * 1 *", ["2026-01-04", "2026-01-11"]),
        ("0 0 ? * L *", ["2026-01-03", "2026-01-10"]),
        ("0 0 ? * 7 *", ["2026-01-03", "2026-01-10"]),
        ("0 0 ? * MON-WED *", ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-12"]),
        ("0 0 ? * FRI-SUN *", ["2026-01-02", "2026-01-03", "2026-01-04", "2026-01-09"]),
        ("0 0 ? * 1/3 *", ["2026-01-03", "2026-01-04", "2026-01-07", "2026-01-10"]),
        ("0 0 ? * /4 *", ["2026-01-01", "2026-01-04", "2026-01-08", "2026-01-11"]),
        ("0 0 ? * TUE#3 *", ["2026-01-20", "2026-02-17", "2026-03-17"]),
        ("0 0 ? * 3#3 *", ["2026-01-20", "2026-02-17", "2026-03-17"]),
        ("0 0 ? * THU#5 *", ["2026-01-29", "2026-04-30", "2026-07-30"]),
        ("0 0 ? * THUL *", ["2026-01-29", "2026-02-26", "2026-03-26"]),
        ("0 0 ? * 5L *", ["2026-01-29", "2026-02-26", "2026-03-26"]),
        ("0 0 ? * SUN#1,WED *", ["2026-01-04", "2026-01-07", "2026-01-14", "2026-01-21"]),
        ("0 0 ? 1/11 2#1 *", ["2026-01-05", "2026-12-07", "2027-01-04"]),
    ],
)
def test_days_of_the_week(text: str, expected: list[str]) -> None:
    assert days(text, len(expected)) == expected


def test_last_day_of_february_follows_leap_years() -> None:
    found = days("0 0 L 2 ? *", 5, year=2023)

    assert found == ["2023-02-28", "2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28"]


def test_leap_day_fires_every_four_years() -> None:
    assert days("0 0 29 2 ? *", 3) == ["2028-02-29", "2032-02-29", "2036-02-29"]


def test_leap_day_is_skipped_where_a_century_has_none() -> None:
    assert days("0 0 29 2 ? *", 2, year=2096) == ["2096-02-29", "2104-02-29"]


def test_a_leap_day_on_one_weekday_is_found_up_to_40_years_ahead() -> None:
    start = datetime(2060, 1, 1, tzinfo=UTC)

    found = [
        fire
        for weekday in range(1, 8)
        for fire in fires(f"0 0 ? 2 {weekday}#5 *", after=start, count=4)
    ]

    assert all((fire.month, fire.day) == (2, 29) for fire in found)
    assert max(later.year - earlier.year for earlier, later in pairwise(found)) == 40


def test_next_fire_is_later_than_an_instant_at_which_it_fires() -> None:
    at = datetime(2026, 1, 5, 8, tzinfo=UTC)

    assert cron.read("0 8 ? * MON *").next_fire(after=at) == datetime(2026, 1, 12, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "gap_hours"),
    [
        ("0 0 * * ? *", 24),
        ("0 /8 * * ? *", 8),
        ("0 2/10 * * ? *", 4),
        ("0 1/7 ? * MON *", 7),
        ("0 16 1,15 * ? *", 14 * 24),
        ("0 0 1 * ? *", 28 * 24),
        ("0 0 29 2 ? *", 1461 * 24),
        ("0 0 1 1 ? *", 365 * 24),
    ],
)
def test_smallest_gap_is_known(text: str, gap_hours: int) -> None:
    assert cron.read(text).gap_hours_min == gap_hours


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("0 0 * * ?", id="five fields"),
        pytest.param("0 0 * * ? * *", id="seven fields"),
        pytest.param("0  0 * * ? *", id="two spaces"),
        pytest.param("5 0 * * ? *", id="minutes"),
        pytest.param("* 0 * * ? *", id="every minute"),
        pytest.param("00 0 * * ? *", id="minutes spelt 00"),
        pytest.param("0 0 * * ? 2026", id="a year"),
        pytest.param("0 0 * * ? ?", id="year ?"),
        pytest.param("0 0 * * * *", id="no ?"),
        pytest.param("0 0 ? * ? *", id="two ?"),
        pytest.param("0 0 1 * MON *", id="both day fields"),
        pytest.param("0 0 ?,1 * MON *", id="? in a list"),
        pytest.param("0 24 * * ? *", id="hour 24"),
        pytest.param("0 -1 * * ? *", id="negative hour"),
        pytest.param("0 008 * * ? *", id="hour of three digits"),
        pytest.param("0 ٨ * * ? *", id="digit that isn't ASCII"),
        pytest.param("0 ? * * ? *", id="hour ?"),
        pytest.param("0 L * * ? *", id="hour L"),
        pytest.param("0 / * * ? *", id="bare slash"),
        pytest.param("0 2/ * * ? *", id="no increment"),
        pytest.param("0 2/0 * * ? *", id="increment 0"),
        pytest.param("0 0/24 * * ? *", id="increment beyond the field"),
        pytest.param("0 0/4/4 * * ? *", id="two increments"),
        pytest.param("0 , * * ? *", id="empty items"),
        pytest.param("0 8-12-16/4 * * ? *", id="two ranges"),
        pytest.param("0 0 0 * ? *", id="day 0"),
        pytest.param("0 0 32 * ? *", id="day 32"),
        pytest.param("0 0 15W * ? *", id="W"),
        pytest.param("0 0 L-3 * ? *", id="days before the last"),
        pytest.param("0 0 1L * ? *", id="numbered weekday in the days of the month"),
        pytest.param("0 0 SUN * ? *", id="weekday in the days of the month"),
        pytest.param("0 0 SUN#1 * ? *", id="nth weekday in the days of the month"),
        pytest.param("0 0 1 0 ? *", id="month 0"),
        pytest.param("0 0 1 13 ? *", id="month 13"),
        pytest.param("0 0 1 JANUARY ? *", id="whole name of a month"),
        pytest.param("0 0 ? * 0 *", id="weekday 0"),
        pytest.param("0 0 ? * 8 *", id="weekday 8"),
        pytest.param("0 0 ? * XYZL *", id="no such weekday"),
        pytest.param("0 0 ? * XYZ#1 *", id="no such nth weekday"),
        pytest.param("0 0 ? * MON#0 *", id="weekday #0"),
        pytest.param("0 0 ? * MON#6 *", id="weekday #6"),
        pytest.param("0 * * * ? *", id="every hour"),
        pytest.param("0 /3 * * ? *", id="every three hours"),
        pytest.param("0 8,11 * * ? *", id="three hours apart"),
        pytest.param("0 8-9 * * ? *", id="one hour apart"),
        pytest.param("0 1/7 * * ? *", id="three hours apart over midnight"),
        pytest.param("0 0 31 2 ? *", id="31 February"),
        pytest.param("0 0 31 4,6,9,11 ? *", id="31 of short months"),
        pytest.param("0 0 30 FEB ? *", id="30 February"),
    ],
)
def test_what_is_not_legal_is_refused(text: str) -> None:
    with pytest.raises(CronTextError):
        cron.read(text)
