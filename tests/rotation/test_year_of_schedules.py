"""A year with each of a thousand schedules, and thousands of rules beside the legal ones."""

from collections.abc import Iterable
from random import Random  # noqa: TID251 - it comes in with its seed, so that a failure repeats
import re
from typing import Final

import pytest

from keyturn.rotation.schedule import InvalidScheduleError, ScheduleRule
from rotation.scheduled_year import HAPPENINGS, Year, parsed, rules_of_year
from support.random_rules import rules_beside
from support.schedule_oracle import HOUR, Rules, broken_rules

#: A few come up twice.
YEARS: Final = range(1100)
RULES_BESIDE: Final = range(2000)
# Enough for many processes to share, and few enough that starting each is nothing.
PARTS: Final = 40


def of_part(part: int, numbers: Iterable[int]) -> list[int]:
    return [number for number in numbers if number % PARTS == part]


def random(number: int) -> Random:
    return Random(number)  # noqa: S311 - nothing secret


def refused_for(rules: Rules) -> str | None:
    try:
        parsed(rules)
    except InvalidScheduleError as refusal:
        return refusal.rule.name
    return None


@pytest.mark.parametrize("part", range(PARTS))
def test_every_window_of_a_year_is_the_oracles(part: int) -> None:
    years = [Year(number).live() for number in of_part(part, YEARS)]

    assert {name for year in years for name in year.happened} == set(HAPPENINGS)


@pytest.mark.parametrize("part", range(PARTS))
def test_lengths_of_windows_and_gaps_between_them_are_the_oracles(part: int) -> None:
    for year in map(Year, of_part(part, YEARS)):
        found = (year.rules.window_hours * HOUR, year.rules.automatically_after_days)
        expected = (year.oracle.width, year.oracle.automatically_after_days)
        assert found == expected, f"Year({year.number}) with {year.written}"


@pytest.mark.parametrize("part", range(PARTS))
def test_rules_are_refused_exactly_if_the_oracle_knows_one_that_they_break(part: int) -> None:
    for number in of_part(part, RULES_BESIDE):
        rules = rules_beside(random(number))

        broken, found = broken_rules(rules), refused_for(rules)

        assert (found in broken) if broken else found is None, (
            f"rules_beside(random({number})) is {rules}:"
            f" the product says {found or 'legal'}, the oracle {broken or 'legal'}"
        )


def test_rules_beside_legal_ones_break_each_rule_alone_and_sometimes_none() -> None:
    broken = [broken_rules(rules_beside(random(number))) for number in RULES_BESIDE]

    assert {next(iter(names)) for names in broken if len(names) == 1} == {
        rule.name for rule in ScheduleRule
    }
    assert set() in broken


def in_field(place: int, pattern: str) -> str:
    """Return a pattern for something in one field of a cron expression; minutes are field 0."""
    return rf"cron\((\S+ ){{{place}}}\S*{pattern}"


FEATURES: Final = (
    r"^\d+ None",
    r"rate\(\d+ days?\)",
    r"rate\(\d+ hours?\)",
    "None$",
    r"\d+h$",
    *(
        in_field(place, pattern)
        for place in (1, 2, 3, 4)
        for pattern in (",", "-", r"\d/", r"\*/", "(?<= )/", r"-\w+/")
    ),
    # Around the end of the day, the month, the year and the week.
    in_field(1, r"2\d-1?\d[ /]"),
    in_field(2, r"[23]\d-1?\d[ /,]"),
    in_field(3, "(12|NOV|DEC)-([1-9]|JAN|FEB)[ /,]"),
    in_field(4, "([67]|FRI|SAT)-([1-5]|SUN|MON)[ /,]"),
    in_field(2, "(?<![A-Z])L"),
    in_field(2, "[A-Z]{3}L"),
    in_field(4, "(?<![A-Z1-7])L"),
    in_field(4, "[A-Z]{3}L"),
    in_field(4, "[1-7]L"),
    in_field(4, "[A-Z]{3}#[1-5]"),
    in_field(4, "[1-7]#[1-5]"),
    in_field(3, "[a-z]{3}"),
    in_field(4, "[a-z]{3}"),
    in_field(2, "29 (2|FEB) "),
)


def test_a_thousand_different_schedules_have_every_form_and_feature() -> None:
    years = {rules_of_year(random(number)) for number in YEARS}
    written = [f"{each.days} {each.expression} {each.duration}" for each in years]

    missing = [
        feature for feature in FEATURES if not any(re.search(feature, each) for each in written)
    ]

    assert len(years) >= 1000
    assert missing == []
