"""RotationRules as they are written, and the windows that follow from them."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from keyturn.model.secret import Window
from keyturn.rotation import schedule
from keyturn.rotation.schedule import (
    InvalidScheduleError,
    RotationRules,
    ScheduleRule,
    Standing,
    next_window,
    standing,
    window_after,
)
from support.random_rules import legal_rules
from support.schedule_oracle import Rules

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
INSTANT = timedelta(milliseconds=1)

#: The user guide's examples are worked out for this Wednesday morning.
WEDNESDAY = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)


def every_days(days: int, duration: str | None = None) -> RotationRules:
    return schedule.parse(
        automatically_after_days=days, schedule_expression=None, duration=duration
    )


def by(expression: str, duration: str | None = None) -> RotationRules:
    return schedule.parse(
        automatically_after_days=None, schedule_expression=expression, duration=duration
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(opens: str, closes: str) -> Window:
    return Window(opens_at=utc(opens), closes_at=utc(closes))


def broken_rule(
    days: int | None = None, expression: str | None = None, duration: str | None = None
) -> ScheduleRule:
    with pytest.raises(InvalidScheduleError) as refusal:
        schedule.parse(
            automatically_after_days=days, schedule_expression=expression, duration=duration
        )
    return refusal.value.rule


# How rules are written.


def test_rules_keep_what_was_written_word_for_word() -> None:
    rules = by("cron(0 8 ? * mon *)", "03h")

    assert (rules.schedule_expression, rules.duration) == ("cron(0 8 ? * mon *)", "03h")


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        (every_days(30), 30),
        (by("rate(10 hours)"), 1),
        (by("rate(23 hours)"), 1),
        (by("rate(10 days)"), 10),
        (by("cron(0 16 1,15 * ? *)"), 14),
        (by("cron(0 0 ? * 2 *)"), 7),
        (by("cron(0 /8 * * ? *)"), 1),
        (by("cron(0 0 * * ? *)"), 1),
        (by("cron(0 8 1 * ? *)"), 28),
        (by("cron(0 8,20 ? * MON *)"), 1),
        (by("cron(0 0 29 2 ? *)"), 1461),
    ],
)
def test_automatically_after_days_is_the_smallest_gap_in_whole_days(
    rules: RotationRules, days: int
) -> None:
    assert rules.automatically_after_days == days


@pytest.mark.parametrize(
    ("rules", "hours"),
    [
        (every_days(1), 24),
        (by("rate(10 days)"), 24),
        (by("rate(4 hours)"), 1),
        (by("cron(0 8 1 * ? *)"), 16),
        (by("cron(0 0 ? * MON *)"), 24),
        (by("cron(0 23 * * ? *)"), 1),
        (by("cron(0 /8 * * ? *)"), 1),
        (by("cron(0 8,20 * * ? *)"), 1),
        (by("cron(0 8/20 * * ? *)"), 16),
        (by("rate(4 hours)", "4h"), 4),
        (by("rate(10 days)", "24h"), 24),
        (by("cron(0 20 * * ? *)", "4h"), 4),
        (by("cron(0 /8 * * ? *)", "8h"), 8),
        (by("cron(0 2/10 * * ? *)", "2h"), 2),
    ],
)
def test_a_window_is_as_long_as_its_duration_or_its_kind_of_schedule(
    rules: RotationRules, hours: int
) -> None:
    assert rules.window_hours == hours


@pytest.mark.parametrize(
    "expression",
    ["rate(4 hours)", "rate(23 hours)", "rate(5 hour)", "rate(1 day)", "rate(1 days)"],
)
def test_rates_within_their_limits_are_legal(expression: str) -> None:
    assert by(expression).schedule_expression == expression


@pytest.mark.parametrize(
    "expression", ["rate(0 hours)", "rate(1 hour)", "rate(3 hours)", "rate(24 hours)"]
)
def test_a_rate_in_hours_is_4_to_23(expression: str) -> None:
    assert broken_rule(expression=expression) is ScheduleRule.RATE_HOURS


def test_a_rate_in_days_is_1_to_999() -> None:
    assert by("rate(999 days)").automatically_after_days == 999
    assert broken_rule(expression="rate(1000 days)") is ScheduleRule.RATE_DAYS
    assert broken_rule(expression="rate(0 days)") is ScheduleRule.RATE_DAYS


def test_automatically_after_days_is_1_to_1000() -> None:
    assert every_days(1000).automatically_after_days == 1000
    assert every_days(1).automatically_after_days == 1
    assert broken_rule(days=1001) is ScheduleRule.AFTER_DAYS
    assert broken_rule(days=0) is ScheduleRule.AFTER_DAYS


def test_a_frequency_and_an_expression_together_are_refused() -> None:
    assert broken_rule(days=1, expression="rate(1 day)") is ScheduleRule.NOT_BOTH


def test_rules_without_a_schedule_are_refused() -> None:
    assert broken_rule(duration="3h") is ScheduleRule.NOT_NEITHER


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "10 days",
        "rate(10)",
        "rate(10  days)",
        "rate( 10 days)",
        "rate(10 days )",
        "rate(-1 days)",
        "rate(1.5 days)",
        "rate(10 minutes)",
        "rate(2 weeks)",
        "rate(1 dayss)",
        "rate(1234567890 days)",
        "Rate(10 days)",
        "rate(10 days)\n",
        "at(2026-01-01T00:00:00)",
        "cron()",
        "cron(0 8 * * ?)",
        "cron(0 8 * * ? *",
        "cron(0 8 * * ? *) ",
        "CRON(0 8 * * ? *)",
        "cron(0 8 1 * MON *)",
        "cron(5 8 * * ? *)",
        "cron(0 /3 * * ? *)",
        "cron(0 0 31 2 ? *)",
        "cron(0 0 ? * FR\u0131 *)",
    ],
)
def test_other_expressions_are_refused(expression: str) -> None:
    assert broken_rule(expression=expression) is ScheduleRule.EXPRESSION


@pytest.mark.parametrize(
    "duration", ["0h", "00h", "25h", "100h", "h", "", "3", "3H", "3 h", "-1h"]
)
def test_a_duration_is_1h_to_24h(duration: str) -> None:
    assert broken_rule(days=1, duration=duration) is ScheduleRule.DURATION


def test_a_window_longer_than_the_rate_is_refused() -> None:
    rule = broken_rule(expression="rate(4 hours)", duration="5h")

    assert rule is ScheduleRule.DURATION_WITHIN_GAP


def test_a_cron_window_that_reaches_the_next_one_is_refused() -> None:
    rule = broken_rule(expression="cron(0 0,6,12 * * ? *)", duration="7h")

    assert rule is ScheduleRule.DURATION_WITHIN_GAP


def test_a_cron_window_that_reaches_the_next_day_is_refused() -> None:
    rule = broken_rule(expression="cron(0 20 * * ? *)", duration="5h")

    assert rule is ScheduleRule.DURATION_WITHIN_DAY


def test_the_last_cron_window_of_a_day_is_the_one_that_must_fit() -> None:
    rule = broken_rule(expression="cron(0 2/10 * * ? *)", duration="3h")

    assert rule is ScheduleRule.DURATION_WITHIN_DAY


# Which window is next.


@pytest.mark.parametrize(
    ("rules", "opens", "next_rotation_date"),
    [
        (every_days(1), "2026-01-15 00:00", "2026-01-15 23:59:59"),
        (by("rate(10 days)"), "2026-01-24 00:00", "2026-01-24 23:59:59"),
        (by("rate(10 days)", "3h"), "2026-01-24 00:00", "2026-01-24 02:59:59"),
        (by("cron(0 8 1 * ? *)"), "2026-02-01 08:00", "2026-02-01 23:59:59"),
        (by("cron(0 16 1,15 * ? *)", "2h"), "2026-01-15 16:00", "2026-01-15 17:59:59"),
        (by("cron(0 18 ? * SAT *)"), "2026-01-17 18:00", "2026-01-17 23:59:59"),
        (by("cron(0 /8 * * ? *)"), "2026-01-14 16:00", "2026-01-14 16:59:59"),
        (by("cron(0 2/10 * * ? *)"), "2026-01-14 12:00", "2026-01-14 12:59:59"),
        (by("cron(0 1 ? 1/3 SUN#1 *)"), "2026-04-05 01:00", "2026-04-05 23:59:59"),
        (by("cron(0 17 L * ? *)"), "2026-01-31 17:00", "2026-01-31 23:59:59"),
        (by("rate(4 hours)"), "2026-01-14 14:00", "2026-01-14 14:59:59"),
    ],
    ids=lambda value: getattr(value, "schedule_expression", None),
)
@pytest.mark.parametrize("last", [WEDNESDAY, None], ids=["just rotated", "just enabled"])
def test_worked_examples(
    rules: RotationRules, opens: str, next_rotation_date: str, last: datetime | None
) -> None:
    found = next_window(rules, last_valid_rotation_at=last, now=WEDNESDAY)

    assert (found.opens_at, found.last_second) == (utc(opens), utc(next_rotation_date))


def in_a_row(rules: RotationRules, count: int, *, now: datetime = WEDNESDAY) -> list[Window]:
    """The windows that follow each other if nothing succeeds in any."""
    found = [next_window(rules, last_valid_rotation_at=now, now=now)]
    while len(found) < count:
        found.append(window_after(rules, found[-1], now=found[-1].opens_at))
    return found


@pytest.mark.parametrize(
    ("rules", "opens", "hours"),
    [
        ("cron(0 /8 * * ? *)", ["01-14 16", "01-15 00", "01-15 08", "01-15 16"], 1),
        ("cron(0 2/10 * * ? *)", ["01-14 12", "01-14 22", "01-15 02", "01-15 12"], 1),
        ("cron(0 4/12 * * ? *)", ["01-14 16", "01-15 04", "01-15 16"], 1),
        ("cron(0 10 * * ? *)", ["01-15 10", "01-16 10", "01-17 10"], 14),
        ("cron(0 8 ? * MON-FRI *)", ["01-15 08", "01-16 08", "01-19 08"], 16),
        ("cron(0 0 ? * SUN#1 *)", ["02-01 00", "03-01 00", "04-05 00"], 24),
        ("cron(0 1 ? 1/3 SUN#1 *)", ["04-05 01", "07-05 01", "10-04 01"], 23),
        ("cron(0 17 SUNL * ? *)", ["01-25 17", "02-22 17", "03-29 17"], 7),
        ("cron(0 17 ? * TUE#3 *)", ["01-20 17", "02-17 17", "03-17 17"], 7),
    ],
)
def test_examples_of_the_guide_window_after_window(
    rules: str, opens: list[str], hours: int
) -> None:
    found = in_a_row(by(rules), len(opens))

    assert [f"{each.opens_at:%m-%d %H}" for each in found] == opens
    assert {each.closes_at - each.opens_at for each in found} == {hours * HOUR}


def test_the_day_of_a_rotation_at_718_is_the_day_of_its_window() -> None:
    rules, rotated_at = by("cron(0 0 ? * 2 *)"), utc("2023-10-16 07:18")

    used = next_window(rules, last_valid_rotation_at=utc("2023-10-09 07:00"), now=rotated_at)

    assert used == window("2023-10-16 00:00", "2023-10-17 00:00")


@pytest.mark.parametrize(
    ("rules", "rotated", "next_rotation_date"),
    [
        (every_days(30), "2026-01-22 06:42:22.340", "2026-02-21 23:59:59"),
        (every_days(30), "2026-02-03 09:00:00", "2026-03-05 23:59:59"),
        (by("cron(0 0 ? * 2 *)"), "2023-10-16 07:18:00", "2023-10-23 23:59:59"),
        (by("cron(0 0 ? * 2 *)"), "2026-09-07 12:00:00", "2026-09-14 23:59:59"),
        (by("cron(0 16 1,15 * ? *)", "2h"), "2022-10-01 16:30:00", "2022-10-15 17:59:59"),
    ],
)
def test_next_rotation_dates_that_aws_was_seen_to_give(
    rules: RotationRules, rotated: str, next_rotation_date: str
) -> None:
    at = utc(rotated)

    found = next_window(rules, last_valid_rotation_at=at, now=at)

    assert found.last_second == utc(next_rotation_date)


def test_a_cron_window_that_is_open_may_be_used_when_rotation_is_enabled() -> None:
    rules = by("cron(0 8 * * ? *)")

    found = next_window(rules, last_valid_rotation_at=None, now=WEDNESDAY)

    assert found == window("2026-01-14 08:00", "2026-01-15 00:00")


def test_a_cron_window_is_not_used_twice() -> None:
    rules = by("cron(0 8 * * ? *)")

    found = next_window(rules, last_valid_rotation_at=WEDNESDAY - HOUR, now=WEDNESDAY)

    assert found == window("2026-01-15 08:00", "2026-01-16 00:00")


def test_a_rotation_in_the_instant_a_cron_window_opens_uses_it() -> None:
    opened_at = utc("2026-01-14 08:00")

    found = next_window(by("cron(0 8 * * ? *)"), last_valid_rotation_at=opened_at, now=opened_at)

    assert found.opens_at == opened_at + DAY


def test_a_cron_window_that_opened_after_the_last_rotation_is_still_to_be_used() -> None:
    rules = by("cron(0 8 * * ? *)")

    found = next_window(rules, last_valid_rotation_at=utc("2026-01-14 07:59"), now=WEDNESDAY)

    assert found == window("2026-01-14 08:00", "2026-01-15 00:00")


def test_missed_cron_windows_are_skipped() -> None:
    rules = by("cron(0 16 1,15 * ? *)", "2h")

    found = next_window(rules, last_valid_rotation_at=utc("2025-10-15 16:10"), now=WEDNESDAY)

    assert found == window("2026-01-15 16:00", "2026-01-15 18:00")


def test_a_secret_overdue_by_days_is_due_today() -> None:
    found = next_window(
        every_days(30), last_valid_rotation_at=utc("2025-12-01 12:00"), now=WEDNESDAY
    )

    assert found == window("2026-01-14 00:00", "2026-01-15 00:00")


def test_a_secret_overdue_by_days_is_due_tomorrow_when_the_window_of_today_is_over() -> None:
    rules = by("rate(30 days)", "3h")

    found = next_window(rules, last_valid_rotation_at=utc("2025-12-01 12:00"), now=WEDNESDAY)

    assert found == window("2026-01-15 00:00", "2026-01-15 03:00")


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-01-14 13:59", "2026-01-14 14:00"),
        ("2026-01-14 14:00", "2026-01-14 14:00"),
        ("2026-01-14 14:59", "2026-01-14 14:00"),
        ("2026-01-14 15:00", "2026-01-14 18:00"),
        ("2026-01-16 10:15", "2026-01-16 10:00"),
        ("2026-01-16 11:00", "2026-01-16 14:00"),
    ],
)
def test_hours_stay_on_the_grid_of_the_last_rotation(now: str, opens: str) -> None:
    found = next_window(by("rate(4 hours)"), last_valid_rotation_at=WEDNESDAY, now=utc(now))

    assert found == Window(opens_at=utc(opens), closes_at=utc(opens) + HOUR)


def test_a_window_of_a_rate_in_hours_may_cross_midnight() -> None:
    rules = by("rate(12 hours)", "4h")

    found = next_window(rules, last_valid_rotation_at=WEDNESDAY, now=WEDNESDAY)

    assert found == window("2026-01-14 22:00", "2026-01-15 02:00")


@pytest.mark.parametrize(
    ("rotated", "opens"),
    [
        ("2024-01-30 12:00", "2024-02-29"),
        ("2023-01-30 12:00", "2023-03-01"),
        ("2025-12-31 23:59", "2026-01-30"),
        ("2024-02-29 00:00", "2024-03-30"),
        ("2028-01-30 12:00", "2028-02-29"),
        ("2100-01-30 12:00", "2100-03-01"),
    ],
)
def test_days_are_counted_over_ends_of_months_and_leap_days(rotated: str, opens: str) -> None:
    at = utc(rotated)

    found = next_window(every_days(30), last_valid_rotation_at=at, now=at)

    assert found == Window(opens_at=utc(opens), closes_at=utc(opens) + DAY)


@pytest.mark.parametrize(
    ("expression", "now", "days"),
    [
        ("cron(0 8 29 2 ? *)", "2026-01-14", ["2028-02-29", "2032-02-29"]),
        ("cron(0 8 29 2 ? *)", "2096-03-01", ["2104-02-29", "2108-02-29"]),
        ("cron(0 8 29 * ? *)", "2028-01-30", ["2028-02-29", "2028-03-29"]),
        ("cron(0 8 29 * ? *)", "2100-01-30", ["2100-03-29", "2100-04-29"]),
        ("cron(0 8 L * ? *)", "2028-02-01", ["2028-02-29", "2028-03-31", "2028-04-30"]),
        ("cron(0 8 L * ? *)", "2100-02-01", ["2100-02-28", "2100-03-31", "2100-04-30"]),
        ("cron(0 8 31 * ? *)", "2026-02-01", ["2026-03-31", "2026-05-31", "2026-07-31"]),
        ("cron(0 8 L 12 ? *)", "2026-02-01", ["2026-12-31", "2027-12-31"]),
        ("cron(0 8 * * ? *)", "2028-02-28 08:30", ["2028-02-29", "2028-03-01"]),
        ("cron(0 8 * * ? *)", "2100-02-28 08:30", ["2100-03-01", "2100-03-02"]),
    ],
)
def test_cron_windows_follow_leap_years_and_ends_of_months(
    expression: str, now: str, days: list[str]
) -> None:
    found = in_a_row(by(expression), len(days), now=utc(now))

    assert [f"{each.opens_at:%Y-%m-%d}" for each in found] == days


def test_windows_of_hours_go_on_over_a_leap_day_and_a_new_year() -> None:
    into_leap_day = in_a_row(by("rate(23 hours)"), 3, now=utc("2028-02-28 05:10"))
    into_new_year = in_a_row(by("rate(23 hours)"), 2, now=utc("2026-12-31 05:10"))

    assert [each.opens_at for each in into_leap_day] == [
        utc("2028-02-29 04:00"),
        utc("2028-03-01 03:00"),
        utc("2028-03-02 02:00"),
    ]
    assert [each.opens_at for each in into_new_year] == [
        utc("2027-01-01 04:00"),
        utc("2027-01-02 03:00"),
    ]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-01-15 15:59:59", Standing.AHEAD),
        ("2026-01-15 16:00:00", Standing.OPEN),
        ("2026-01-15 17:59:59.999", Standing.OPEN),
        ("2026-01-15 18:00:00", Standing.MISSED),
    ],
)
def test_a_window_is_half_open(now: str, expected: Standing) -> None:
    assert standing(window("2026-01-15 16:00", "2026-01-15 18:00"), utc(now)) is expected


@pytest.mark.parametrize(
    ("rules", "failed", "now", "opens"),
    [
        (every_days(30), "2026-01-14 00:00", "2026-01-14 10:30", "2026-01-15 00:00"),
        (every_days(30), "2026-01-14 00:00", "2026-01-20 10:30", "2026-01-20 00:00"),
        (by("rate(4 hours)"), "2026-01-14 10:00", "2026-01-14 10:30", "2026-01-14 14:00"),
        (by("rate(4 hours)"), "2026-01-14 10:00", "2026-01-14 15:00", "2026-01-14 18:00"),
        (by("cron(0 8 * * ? *)"), "2026-01-14 08:00", "2026-01-14 10:30", "2026-01-15 08:00"),
        (by("cron(0 8 * * ? *)"), "2026-01-14 08:00", "2026-01-20 07:00", "2026-01-20 08:00"),
        (by("cron(0 8 * * ? *)"), "2026-01-14 08:00", "2026-01-20 09:00", "2026-01-20 08:00"),
    ],
)
def test_after_a_window_in_which_nothing_succeeded_comes_the_next_that_is_not_over(
    rules: RotationRules, failed: str, now: str, opens: str
) -> None:
    width = timedelta(hours=rules.window_hours)
    used = Window(opens_at=utc(failed), closes_at=utc(failed) + width)

    found = window_after(rules, used, now=utc(now))

    assert found == Window(opens_at=utc(opens), closes_at=utc(opens) + width)


# What holds for all of them.


def rules_or_none(written: Rules) -> RotationRules | None:
    try:
        return schedule.parse(
            automatically_after_days=written.days,
            schedule_expression=written.expression,
            duration=written.duration,
        )
    except InvalidScheduleError:
        return None


notable_rules = st.sampled_from(
    [
        by("cron(0 /8 * * ? *)"),
        by("cron(0 /8 * * ? *)", "8h"),
        by("cron(0 2/10 * * ? *)", "2h"),
        by("cron(0 0 * * ? *)"),
        by("cron(0 8 ? * MON-FRI *)", "3h"),
        by("cron(0 1 ? 1/3 SUN#1 *)"),
        by("cron(0 17 L * ? *)"),
        by("cron(0 16 31 * ? *)", "1h"),
        by("cron(0 0 29 2 ? *)"),
    ]
)
durations = st.none() | st.integers(1, 24).map(lambda n: f"{n}h")
random_rules = (
    st.randoms(use_true_random=False)
    .map(legal_rules)
    .map(rules_or_none)
    .filter(lambda rules: rules is not None)
)
day_rules = st.builds(every_days, st.integers(1, 1000), durations)
hour_rules = st.integers(4, 23).flatmap(
    lambda n: st.builds(
        by, st.just(f"rate({n} hours)"), st.none() | st.integers(1, n).map(lambda h: f"{h}h")
    )
)
all_rules = st.one_of(notable_rules, random_rules, day_rules, hour_rules)
instants = st.integers(0, 140 * 366 * 24 * 60 * 60).map(
    lambda seconds: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
ages = st.none() | st.integers(0, 5 * 366 * 24 * 60).map(lambda n: timedelta(minutes=n))


def before(now: datetime, age: timedelta | None) -> datetime | None:
    return None if age is None else now - age


@given(all_rules, instants, ages)
def test_the_next_window_is_never_over(
    rules: RotationRules, now: datetime, age: timedelta | None
) -> None:
    found = next_window(rules, last_valid_rotation_at=before(now, age), now=now)

    assert standing(found, now) in {Standing.AHEAD, Standing.OPEN}


@given(all_rules, instants, ages)
def test_the_next_window_opens_after_the_last_rotation(
    rules: RotationRules, now: datetime, age: timedelta | None
) -> None:
    last = before(now, age)

    found = next_window(rules, last_valid_rotation_at=last, now=now)

    assert last is None or found.opens_at > last


@given(all_rules, instants)
def test_a_rotation_at_any_moment_of_a_window_uses_it_up(
    rules: RotationRules, now: datetime
) -> None:
    used = next_window(rules, last_valid_rotation_at=None, now=now)

    for at in (used.opens_at, used.last_second, used.closes_at - INSTANT):
        found = next_window(rules, last_valid_rotation_at=at, now=at)
        assert found.opens_at >= used.closes_at


@given(all_rules, instants)
def test_windows_in_a_row_never_overlap(rules: RotationRules, now: datetime) -> None:
    row = [next_window(rules, last_valid_rotation_at=None, now=now)]
    for _ in range(6):
        row.append(window_after(rules, row[-1], now=now))

    assert all(later.opens_at >= earlier.closes_at for earlier, later in pairwise(row))


@given(all_rules, instants, ages)
def test_windows_open_on_the_hour(
    rules: RotationRules, now: datetime, age: timedelta | None
) -> None:
    opens_at = next_window(rules, last_valid_rotation_at=before(now, age), now=now).opens_at

    assert (opens_at.minute, opens_at.second, opens_at.microsecond) == (0, 0, 0)


@given(st.one_of(notable_rules, day_rules), instants, ages)
def test_windows_of_days_and_cron_stay_within_one_utc_day(
    rules: RotationRules, now: datetime, age: timedelta | None
) -> None:
    found = next_window(rules, last_valid_rotation_at=before(now, age), now=now)

    assert found.opens_at.date() == found.last_second.date()


@given(all_rules, instants, st.integers(0, 400 * 24 * 60))
def test_a_missed_window_is_followed_by_what_the_last_rotation_says(
    rules: RotationRules, last: datetime, minutes_late: int
) -> None:
    missed = next_window(rules, last_valid_rotation_at=last, now=last)
    now = missed.closes_at + timedelta(minutes=minutes_late)

    found = window_after(rules, missed, now=now)

    assert found == next_window(rules, last_valid_rotation_at=last, now=now)
