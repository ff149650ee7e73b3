"""When rotation windows open, decided hour by hour from RotationRules' own words.

    rules = Rules(expression="cron(0 16 1,15 * ? *)", duration="2h")
    broken_rules(rules)                                   # set(): AWS takes them
    Oracle(rules).window(Past(turned_on_at=now), now)     # (opens at, closes at)

It shares no code with ``keyturn.rotation`` and works nothing out: it asks of one hour after the
other whether the text says that a window opens at it. What it goes by:

* AWS's grammar, with what AWS leaves open as ``docs/aws-divergences.md`` has it. A number has one
  or two digits (one before L and #), an increment is at least 1 and at most the field's highest
  number, names are in any case, and a range that ends before it begins wraps around.
* Days count from the day of the last valid rotation and hours from its hour; without one they
  count from when rotation was turned on. An overdue secret has a window each day.
* A window isn't used twice: not after a valid rotation in it, nor once it was given up.
* Weekdays fall on the same days of the year, and leap years with them, every 28 years from 1901 to
  2099. So what holds in ``CYCLE`` holds always, but for 29 February around 2100.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple, NoReturn

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Rules:
    """RotationRules as a request spells them."""

    days: int | None = None
    expression: str | None = None
    duration: str | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """What has become of a secret so far.

    Attributes:
        rotated_at: the last valid rotation, which a value set by hand is too.
        given_up: when the last window opened in which nothing succeeded.
    """

    turned_on_at: datetime
    rotated_at: datetime | None = None
    given_up: datetime | None = None


class Day(NamedTuple):
    """A day as cron expressions speak of it; Sunday is weekday 1."""

    number: int
    month: int
    weekday: int
    left_in_month: int


Opens = Callable[[datetime, Past], bool]
"""Whether a window opens at an hour, to a secret with such a past."""

IsMeant = Callable[[Day], bool]
"""Whether an item of a day field stands for a day."""


class IllegalTextError(Exception):
    """The grammar has no such text."""


@cache
def day_of(at: date) -> Day:
    left = 0
    while (at + (left + 1) * DAY).month == at.month:
        left += 1
    return Day(at.day, at.month, at.isoweekday() % 7 + 1, left)


CYCLE: Final = tuple(day_of(date(2001, 1, 1) + n * DAY) for n in range(28 * 365 + 7))


@dataclass(frozen=True)
class Field:
    """The numbers of one cron field, and the names that they go by."""

    low: int
    high: int
    names: str = ""

    def number(self, word: str) -> int:
        """Return what one word stands for."""
        names = self.names.split()
        if word in names:
            return self.low + names.index(word)
        return counted(word, self.low, self.high)

    def numbers(self, item: str) -> set[int]:
        """Return what one item stands for: walk from its first number to its last, in steps."""
        spoken, *increments = item.split("/")
        if len(increments) > 1:
            refuse()
        step = counted(increments[0], 1, self.high) if increments else 1
        first, last = self._ends(spoken, goes_on=bool(increments))
        passed = [first]
        while passed[-1] != last:
            passed.append(self.low if passed[-1] == self.high else passed[-1] + 1)
        return set(passed[::step])

    def _ends(self, spoken: str, *, goes_on: bool) -> tuple[int, int]:
        if spoken == "*" or (goes_on and spoken == ""):
            return self.low, self.high
        words = spoken.split("-")
        if len(words) > 2:
            refuse()
        first = self.number(words[0])
        if len(words) == 2:
            return first, self.number(words[1])
        return first, self.high if goes_on else first


HOURS: Final = Field(0, 23)
MONTH_DAYS: Final = Field(1, 31)
MONTHS: Final = Field(1, 12, "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")
WEEKDAYS: Final = Field(1, 7, "SUN MON TUE WED THU FRI SAT")


def refuse() -> NoReturn:
    raise IllegalTextError


def counted(word: str, low: int, high: int) -> int:
    """Return the number that one or two digits spell."""
    if not (word.isascii() and word.isdigit() and len(word) <= 2 and low <= int(word) <= high):
        refuse()
    return int(word)


def month_day_item(item: str) -> IsMeant:
    if item == "L":
        return lambda day: day.left_in_month == 0
    if item.endswith("L"):
        # AWS has SUNL here, but no 1L.
        return last_weekday(item[:-1]) if item[:-1] in WEEKDAYS.names.split() else refuse()
    numbers = MONTH_DAYS.numbers(item)
    return lambda day: day.number in numbers


def weekday_item(item: str) -> IsMeant:
    if item == "L":
        return lambda day: day.weekday == 7
    if item.endswith("L"):
        return last_weekday(item[:-1])
    if "#" in item:
        return nth_weekday(*item.split("#", 1))
    numbers = WEEKDAYS.numbers(item)
    return lambda day: day.weekday in numbers


def last_weekday(word: str) -> IsMeant:
    weekday = one_weekday(word)
    return lambda day: day.weekday == weekday and day.left_in_month < 7


def nth_weekday(word: str, nth_word: str) -> IsMeant:
    weekday = one_weekday(word)
    nth = counted(nth_word, 1, 5) if len(nth_word) == 1 else refuse()
    return lambda day: day.weekday == weekday and 7 * nth - 6 <= day.number <= 7 * nth


def one_weekday(word: str) -> int:
    return WEEKDAYS.number(word) if len(word) in {1, 3} else refuse()


@dataclass(frozen=True)
class Cron:
    """What the six fields say."""

    hours: frozenset[int]
    months: frozenset[int]
    days: tuple[IsMeant, ...]
    gap_hours: int
    """The fewest from one time it fires to the next."""

    def fires_on(self, day: Day) -> bool:
        return day.month in self.months and any(is_meant(day) for is_meant in self.days)


@cache
def read_cron(text: str) -> Cron:
    """Read ``cron(...)``: what the fields say, if AWS takes it."""
    words = text.removeprefix("cron(").removesuffix(")").upper().split(" ")
    if len(words) != 6:
        refuse()
    minute, hours, month_days, months, weekdays, year = words
    if minute != "0" or year != "*" or (month_days == "?") == (weekdays == "?"):
        refuse()
    if weekdays == "?":
        days = [month_day_item(item) for item in month_days.split(",")]
    else:
        days = [weekday_item(item) for item in weekdays.split(",")]
    cron = Cron(numbers_in(HOURS, hours), numbers_in(MONTHS, months), tuple(days), gap_hours=0)
    gap_hours = least_gap_hours(cron)
    return replace(cron, gap_hours=gap_hours) if gap_hours >= 4 else refuse()


def least_gap_hours(cron: Cron) -> int:
    hours = sorted(cron.hours)
    gaps = [later - earlier for earlier, later in pairwise(hours)]
    return min([*gaps, *(days * 24 - hours[-1] + hours[0] for days in gaps_in_days(cron))])


def gaps_in_days(cron: Cron) -> list[int]:
    fired = [n for n, day in enumerate(CYCLE) if cron.fires_on(day)]
    if not fired:
        refuse()
    return [later - earlier for earlier, later in pairwise([*fired, fired[0] + len(CYCLE)])]


def numbers_in(field: Field, text: str) -> frozenset[int]:
    return frozenset(number for item in text.split(",") for number in field.numbers(item))


def read_rate(text: str) -> tuple[int, str]:
    """Read ``rate(...)``: how many of what, "hour" or "day"."""
    words = text.removeprefix("rate(").removesuffix(")").split(" ")
    if len(words) != 2 or words[1] not in {"hour", "hours", "day", "days"}:
        refuse()
    if not (words[0].isascii() and words[0].isdigit()):
        refuse()
    return int(words[0]), words[1].removesuffix("s")


def broken_rules(rules: Rules) -> set[str]:
    """Return which rules these break, by ``ScheduleRule``'s names; none if AWS takes them.

    AWS doesn't say which it names when more than one is broken.
    """
    broken = broken_by_frequency(rules)
    if rules.duration is not None and not is_duration(rules.duration):
        broken.add("DURATION")
    return broken or broken_by_windows(rules)


def broken_by_frequency(rules: Rules) -> set[str]:
    match rules:
        case Rules(days=None, expression=None):
            return {"NOT_NEITHER"}
        case Rules(days=None, expression=str(text)):
            return broken_by_expression(text)
        case Rules(days=days, expression=None):
            return set() if days is not None and 1 <= days <= 1000 else {"AFTER_DAYS"}
        case _:
            return {"NOT_BOTH"}


def broken_by_expression(text: str) -> set[str]:
    try:
        if text.startswith("cron(") and text.endswith(")"):
            read_cron(text)
            return set()
        if not (text.startswith("rate(") and text.endswith(")")):
            refuse()
        count, unit = read_rate(text)
    except IllegalTextError:
        return {"EXPRESSION"}
    if unit == "hour":
        return set() if 4 <= count <= 23 else {"RATE_HOURS"}
    return set() if 1 <= count <= 999 else {"RATE_DAYS"}


def is_duration(text: str) -> bool:
    try:
        counted(text.removesuffix("h"), 1, 24)
    except IllegalTextError:
        return False
    return text.endswith("h")


def broken_by_windows(rules: Rules) -> set[str]:
    """Return what is wrong with windows as long as these."""
    oracle = Oracle(rules)
    broken = set()
    if oracle.width > oracle.gap:
        broken.add("DURATION_WITHIN_GAP")
    # A rate in hours may cross midnight, and one in days opens at it.
    if isinstance(oracle.schedule, Cron) and any(
        timedelta(hours=hour) + oracle.width > DAY for hour in oracle.schedule.hours
    ):
        broken.add("DURATION_WITHIN_DAY")
    return broken


class Oracle:
    """What happens when, under rules that AWS takes."""

    def __init__(self, rules: Rules) -> None:
        text = rules.expression
        self.schedule: Cron | tuple[int, str]
        if text is None:
            assert rules.days is not None
            self.schedule = rules.days, "day"
        else:
            self.schedule = read_cron(text) if text.startswith("cron") else read_rate(text)
        self.gap = self._gap()
        self.width = self._width(rules.duration)
        self.opens = self._opens()

    @property
    def automatically_after_days(self) -> int:
        """What DescribeSecret says."""
        return max(1, self.gap // DAY)

    def window(self, past: Past, now: datetime) -> tuple[datetime, datetime]:
        """Return the window that a secret's next rotation is due in; it isn't over at ``now``."""
        # No window that is open is older than the longest there are.
        hour = on_the_hour(now) - DAY
        while hour + self.width <= now or is_given_up(hour, past) or not self.opens(hour, past):
            hour += HOUR
        return hour, hour + self.width

    def _gap(self) -> timedelta:
        match self.schedule:
            case Cron() as cron:
                return cron.gap_hours * HOUR
            case count, "hour":
                return count * HOUR
            case count, _:
                return count * DAY

    def _width(self, duration: str | None) -> timedelta:
        if duration is not None:
            return int(duration.removesuffix("h")) * HOUR
        match self.schedule:
            case Cron(hours=hours) if len(hours) == 1:
                return DAY - min(hours) * HOUR
            case Cron() | (_, "hour"):
                return HOUR
            case _:
                return DAY

    def _opens(self) -> Opens:
        match self.schedule:
            case Cron() as cron:
                return lambda hour, past: (
                    hour.hour in cron.hours
                    and cron.fires_on(day_of(hour.date()))
                    and not is_used(hour, past)
                )
            case count, "hour":
                return lambda hour, past: is_nth_hour(hour, past, count)
            case count, _:
                return lambda hour, past: (
                    hour.hour == 0 and (hour.date() - base_of(past).date()).days >= count
                )


def is_nth_hour(hour: datetime, past: Past, count: int) -> bool:
    passed = (hour - on_the_hour(base_of(past))) // HOUR
    return passed > 0 and passed % count == 0


def is_used(hour: datetime, past: Past) -> bool:
    return past.rotated_at is not None and hour <= past.rotated_at


def is_given_up(hour: datetime, past: Past) -> bool:
    return past.given_up is not None and hour <= past.given_up


def base_of(past: Past) -> datetime:
    return past.rotated_at or past.turned_on_at


def on_the_hour(at: datetime) -> datetime:
    return datetime(at.year, at.month, at.day, at.hour, tzinfo=UTC)
