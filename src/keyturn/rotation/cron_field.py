"""The numbers that one field of a ``cron()`` expression stands for. Pure.

A field is a list of items with commas between them. An item is ``*``, a number or a name, a
range ``a-b``, or any of these with an increment: ``*/n``, ``a/n`` (from ``a`` to the end of the
field), ``a-b/n``, and ``/n``, which AWS reads as from the lowest value.
"""

from collections.abc import Iterable
from dataclasses import dataclass
import re
from typing import Final

_NUMBER: Final = re.compile(r"[0-9]{1,2}")


class CronTextError(ValueError):
    """A text that AWS's grammar doesn't allow. ``schedule`` turns it into a refusal."""


@dataclass(frozen=True, slots=True)
class CronField:
    """What one field may hold. ``names`` are upper-case and stand for ``low`` and up."""

    low: int
    high: int
    names: tuple[str, ...] = ()

    def read(self, text: str) -> frozenset[int]:
        """Return the numbers that a list of items stands for.

        Raises:
            CronTextError: an item isn't legal in this field.
        """
        return frozenset(number for item in text.split(",") for number in self._item(item))

    def number(self, text: str) -> int:
        """Return the one number that a number or a name stands for.

        Raises:
            CronTextError: it is neither, or outside the field.
        """
        if text in self.names:
            return self.low + self.names.index(text)
        return _bounded(text, self.low, self.high)

    def _item(self, item: str) -> Iterable[int]:
        spoken, slash, increment = item.partition("/")
        step = _bounded(increment, 1, self.high) if slash else 1
        first, last = self._ends(spoken, is_stepped=bool(slash))
        size = self.high - self.low + 1
        return (self.low + (n - self.low) % size for n in range(first, last + 1, step))

    def _ends(self, spoken: str, *, is_stepped: bool) -> tuple[int, int]:
        """Return where an item begins and ends; the end is beyond ``high`` if it wraps around."""
        if spoken == "*" or (is_stepped and not spoken):
            return self.low, self.high
        first_text, dash, last_text = spoken.partition("-")
        first = self.number(first_text)
        if not dash:
            return first, self.high if is_stepped else first
        last = self.number(last_text)
        return first, last if last >= first else last + self.high - self.low + 1


def _bounded(text: str, low: int, high: int) -> int:
    if _NUMBER.fullmatch(text) is None or not low <= int(text) <= high:
        raise CronTextError
    return int(text)


HOURS: Final = CronField(0, 23)
MONTH_DAYS: Final = CronField(1, 31)
MONTHS: Final = CronField(
    1,
    12,
    ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
)
WEEKDAYS: Final = CronField(1, 7, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
