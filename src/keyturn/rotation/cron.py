"""When a ``cron()`` expression fires, in UTC. Pure: no clock, no IO.

The rules, which every caller may rely on:

* Six fields, one space between them: minutes, hours, days of the month, months, days of the week,
  years. Minutes are ``0`` and years ``*``; exactly one of the two day fields is ``?``.
* Sunday is day 1 of the week. Names are read in any case.
* An increment counts from the start of its own field, so hours begin again each day and days each
  month: ``2/10`` hours are 2, 12, 22 and then 2 again. ``/8`` counts from the lowest value.
* A range may wrap around: ``FRI-MON`` is four days.
* ``L`` is the last day of the month, or of the week (Saturday). ``SUNL`` is the last Sunday of the
  month: AWS documents it for the days of the month, and here it is legal in both day fields.
  ``SUN#1`` is the first Sunday. In the days of the week, ``1`` may stand for ``SUN``.
* Whatever was read fires at some time, and at least four hours pass before it fires again.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_schedule.html
"""

from calendar import SATURDAY, monthrange
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import chain, pairwise
import re
from typing import Final, NamedTuple

from keyturn.rotation.cron_field import HOURS, MONTH_DAYS, MONTHS, WEEKDAYS, CronTextError

_FIELDS: Final = 6
_HOURS_PER_DAY: Final = 24
_GAP_HOURS_MIN: Final = 4
_CACHED_MAX: Final = 1024

# Leap days and weekdays repeat after 28 years. Where a century skips its leap day, a 29 February
# on one weekday is up to 40 years from the next, so a search this long misses nothing.
_CYCLE_START: Final = date(2000, 1, 1)
_SEARCH_MONTHS: Final = 56 * 12

_LAST: Final = -1
_NTH_MAX: Final = 5
_LAST_WEEKDAY: Final = re.compile(r"([A-Z]{3}|[1-7])L")
_NTH_WEEKDAY: Final = re.compile(rf"([A-Z]{{3}}|[1-7])#([1-{_NTH_MAX}])")


class Pick(NamedTuple):
    """The nth day of a month, among all its days or among those of one ``calendar`` weekday."""

    weekday: int | None
    nth: int

    def among(self, first_weekday: int, length: int) -> Sequence[int]:
        """Return the day in a month of that shape, or nothing where the month is too short."""
        if self.weekday is None:
            days = range(1, length + 1)
        else:
            days = range(1 + (self.weekday - first_weekday) % 7, length + 1, 7)
        return days[-1:] if self.nth == _LAST else days[self.nth - 1 : self.nth]


@dataclass(frozen=True, slots=True)
class Cron:
    """One legal expression. ``hours`` ascend."""

    hours: tuple[int, ...]
    picks: frozenset[Pick]
    months: frozenset[int]
    gap_hours_min: int
    """The fewest hours from any time it fires to the next."""

    def next_fire(self, *, after: datetime) -> datetime:
        """Return the first time it fires that is later than ``after``."""
        fires = (
            datetime.combine(day, time(hour), UTC)
            for day in _days_from(after.date(), self.months, self.picks)
            for hour in self.hours
        )
        return next(fire for fire in fires if fire > after)


# Finding the smallest gap walks through the whole cycle, and few expressions are in use at a time.
@lru_cache(maxsize=_CACHED_MAX)
def read(text: str) -> Cron:
    """Return what the six fields of ``text`` say.

    Raises:
        CronTextError: they aren't legal, never fire, or fire more often than AWS allows.
    """
    fields = text.upper().split(" ")
    if len(fields) != _FIELDS:
        raise CronTextError
    minutes, hours_text, month_days, months_text, weekdays, years = fields
    if (minutes, years) != ("0", "*"):
        raise CronTextError
    hours = tuple(sorted(HOURS.read(hours_text)))
    months = MONTHS.read(months_text)
    picks = _read_days(month_days, weekdays)
    gap_hours_min = _gap_hours_min(hours, months, picks)
    if gap_hours_min is None or gap_hours_min < _GAP_HOURS_MIN:
        raise CronTextError
    return Cron(hours, picks, months, gap_hours_min)


def _read_days(month_days: str, weekdays: str) -> frozenset[Pick]:
    match month_days, weekdays:
        case ("?", "?"):
            raise CronTextError
        case ("?", text):
            return _union(_read_weekday_item, text)
        case (text, "?"):
            return _union(_read_month_day_item, text)
        case _:
            raise CronTextError


def _union(read_item: Callable[[str], Iterable[Pick]], text: str) -> frozenset[Pick]:
    return frozenset(chain.from_iterable(read_item(item) for item in text.split(",")))


def _read_month_day_item(item: str) -> Iterable[Pick]:
    if item == "L":
        return [Pick(None, _LAST)]
    if item.endswith("L") and item[:-1] in WEEKDAYS.names:
        return [Pick(_weekday(item[:-1]), _LAST)]
    return [Pick(None, day) for day in MONTH_DAYS.read(item)]


def _read_weekday_item(item: str) -> Iterable[Pick]:
    if item == "L":
        return _every_week(SATURDAY)
    if last := _LAST_WEEKDAY.fullmatch(item):
        return [Pick(_weekday(last[1]), _LAST)]
    if nth := _NTH_WEEKDAY.fullmatch(item):
        return [Pick(_weekday(nth[1]), int(nth[2]))]
    return chain.from_iterable(_every_week(_from_sunday(day)) for day in WEEKDAYS.read(item))


def _every_week(weekday: int) -> Iterable[Pick]:
    return [Pick(weekday, nth) for nth in range(1, _NTH_MAX + 1)]


def _weekday(text: str) -> int:
    return _from_sunday(WEEKDAYS.number(text))


def _from_sunday(day: int) -> int:
    """Return the ``calendar`` weekday, where Monday is 0, of one that counts from Sunday 1."""
    return (day - 2) % 7


def _gap_hours_min(
    hours: tuple[int, ...], months: frozenset[int], picks: frozenset[Pick]
) -> int | None:
    """Return the fewest hours between two fires in a row; None if there are no two."""
    gap_days = _gap_days_min(_days_from(_CYCLE_START, months, picks))
    if gap_days is None:
        return None
    over_midnight = gap_days * _HOURS_PER_DAY - hours[-1] + hours[0]
    return min([over_midnight, *(later - earlier for earlier, later in pairwise(hours))])


def _gap_days_min(days: Iterable[date]) -> int | None:
    smallest = None
    for earlier, later in pairwise(days):
        gap = (later - earlier).days
        smallest = gap if smallest is None else min(smallest, gap)
        if smallest == 1:
            break
    return smallest


def _days_from(first: date, months: frozenset[int], picks: frozenset[Pick]) -> Iterator[date]:
    """Yield the days from ``first`` on, as far as any search needs to look."""
    start = first.year * 12 + first.month - 1
    for index in range(start, start + _SEARCH_MONTHS):
        year, month = index // 12, index % 12 + 1
        if month not in months:
            continue
        first_weekday, length = monthrange(year, month)
        chosen = {day for pick in picks for day in pick.among(first_weekday, length)}
        days = (date(year, month, day) for day in sorted(chosen))
        yield from (day for day in days if day >= first)
