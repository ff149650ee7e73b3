"""``cron`` against a second reading of the same grammar that tries every hour, one by one.

An expression is made together with a question for each field: "is this hour, day or month in it?".
The questions share nothing with the code under test: no sets of numbers, no months laid out.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, pairwise

from hypothesis import given, reject, settings, strategies as st

from keyturn.rotation import cron
from keyturn.rotation.cron_field import CronTextError

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
NAMES_OF_MONTHS = "JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC"
NAMES_OF_WEEKDAYS = "SUN,MON,TUE,WED,THU,FRI,SAT"

Question = Callable[[datetime], bool]
Item = tuple[str, Question]


@dataclass(frozen=True)
class Expression:
    hours: Item
    days: Item
    months: Item
    by_weekday: bool

    @property
    def text(self) -> str:
        month_days, weekdays = ("?", self.days[0]) if self.by_weekday else (self.days[0], "?")
        return f"0 {self.hours[0]} {month_days} {self.months[0]} {weekdays} *"


def weekday_of(at: datetime) -> int:
    return at.isoweekday() % 7 + 1


def is_last_of_month(at: datetime, days: int) -> bool:
    """Whether ``at`` is in the last ``days`` days of its month."""
    return at.day > monthrange(at.year, at.month)[1] - days


@dataclass(frozen=True)
class Part:
    """One field's numbers: which of them an instant has, and how they may be written."""

    of: Callable[[datetime], int]
    low: int
    high: int
    names: str = ""

    def spelt(self, number: int) -> str:
        # Odd numbers by name, where there are names, so that both spellings are tried.
        return (
            self.names.split(",")[number - self.low] if self.names and number % 2 else str(number)
        )

    def has(self, at: datetime, first: int, last: int) -> bool:
        number = self.of(at)
        return first <= number <= last if first <= last else number >= first or number <= last

    def distance(self, at: datetime, first: int) -> int:
        return (self.of(at) - first) % (self.high - self.low + 1)

    def single(self, number: int) -> Item:
        return self.spelt(number), lambda at: self.of(at) == number

    def ranged(self, first: int, last: int) -> Item:
        return f"{self.spelt(first)}-{self.spelt(last)}", lambda at: self.has(at, first, last)

    def stepped(self, first: int, step: int) -> Item:
        return (
            f"{self.spelt(first)}/{step}",
            lambda at: self.of(at) >= first and (self.of(at) - first) % step == 0,
        )

    def ranged_and_stepped(self, first: int, last: int, step: int) -> Item:
        return (
            f"{self.spelt(first)}-{self.spelt(last)}/{step}",
            lambda at: self.has(at, first, last) and self.distance(at, first) % step == 0,
        )

    def stepped_from_low(self, prefix: str, step: int) -> Item:
        return f"{prefix}/{step}", lambda at: (self.of(at) - self.low) % step == 0

    def items(self) -> st.SearchStrategy[Item]:
        numbers = st.integers(self.low, self.high)
        steps = st.integers(1, self.high)
        return st.one_of(
            st.builds(self.single, numbers),
            st.builds(self.ranged, numbers, numbers),
            st.builds(self.stepped, numbers, steps),
            st.builds(self.ranged_and_stepped, numbers, numbers, steps),
            st.builds(self.stepped_from_low, st.sampled_from(["", "*"]), steps),
            st.just(("*", lambda _: True)),
        )


HOURS = Part(lambda at: at.hour, 0, 23)
MONTH_DAYS = Part(lambda at: at.day, 1, 31)
MONTHS = Part(lambda at: at.month, 1, 12, NAMES_OF_MONTHS)
WEEKDAYS = Part(weekday_of, 1, 7, NAMES_OF_WEEKDAYS)


def last_weekday(number: int, *, named: bool) -> Item:
    name = NAMES_OF_WEEKDAYS.split(",")[number - 1] if named else str(number)
    return f"{name}L", lambda at: weekday_of(at) == number and is_last_of_month(at, 7)


def nth_weekday(number: int, nth: int) -> Item:
    return (
        f"{number}#{nth}",
        lambda at: weekday_of(at) == number and (nth - 1) * 7 < at.day <= nth * 7,
    )


def listed(items: st.SearchStrategy[Item]) -> st.SearchStrategy[Item]:
    def joined(parts: list[Item]) -> Item:
        return ",".join(text for text, _ in parts), lambda at: any(asked(at) for _, asked in parts)

    return st.lists(items, min_size=1, max_size=3).map(joined)


weekday_numbers = st.integers(1, 7)
month_day_items = st.one_of(
    MONTH_DAYS.items(),
    st.just(("L", lambda at: is_last_of_month(at, 1))),
    st.builds(last_weekday, weekday_numbers, named=st.just(value=True)),
)
weekday_items = st.one_of(
    WEEKDAYS.items(),
    st.just(("L", lambda at: weekday_of(at) == 7)),
    st.builds(last_weekday, weekday_numbers, named=st.booleans()),
    st.builds(nth_weekday, weekday_numbers, st.integers(1, 5)),
)
sparse_hours = st.one_of(
    st.integers(0, 23).map(lambda n: (str(n), lambda at: at.hour == n)),
    st.integers(4, 23).map(lambda n: (f"/{n}", lambda at: at.hour % n == 0)),
)
hour_items = st.one_of(sparse_hours, listed(HOURS.items()))
months = listed(MONTHS.items())
expressions = st.one_of(
    st.builds(Expression, hour_items, listed(month_day_items), months, st.just(value=False)),
    st.builds(Expression, hour_items, listed(weekday_items), months, st.just(value=True)),
)
instants = st.integers(0, 120 * 366 * 24 * 60).map(
    lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def scanned(expression: Expression, start: datetime, days: int) -> Iterator[datetime]:
    """Yield every hour at which ``expression`` fires in the ``days`` from midnight ``start``."""
    for n in range(days):
        day = start + n * DAY
        if expression.days[1](day) and expression.months[1](day):
            yield from (day + h * HOUR for h in range(24) if expression.hours[1](day + h * HOUR))


@settings(deadline=None)
@given(expressions, instants)
def test_next_fire_is_the_first_hour_that_a_scan_finds(
    expression: Expression, after: datetime
) -> None:
    try:
        fire = cron.read(expression.text).next_fire(after=after)
    except CronTextError:
        reject()

    found = scanned(expression, after.replace(hour=0, minute=0), days=41 * 366)
    assert fire == next(at for at in found if at > after)


@settings(deadline=None, max_examples=50)
@given(expressions)
def test_an_expression_is_refused_exactly_if_it_never_fires_or_too_often(
    expression: Expression,
) -> None:
    # After 28 years the calendar repeats, and another year has the gap to the first fire again.
    scan = scanned(expression, datetime(2001, 1, 1, tzinfo=UTC), days=29 * 366)
    gaps = (later - earlier for earlier, later in pairwise(scan))
    first_gap = next(gaps, None)
    is_legal = first_gap is not None and all(gap >= 4 * HOUR for gap in chain([first_gap], gaps))

    try:
        cron.read(expression.text)
        is_read = True
    except CronTextError:
        is_read = False

    assert is_read == is_legal
