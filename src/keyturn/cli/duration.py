"""How far a clock is to be moved, as it is typed: ``30d``, ``12h``, ``90m``, ``1d12h``."""

from datetime import timedelta
import re
from typing import Final

from keyturn.model.errors import InvalidInputError

#: Ten years: more than any schedule or recovery window takes to come round.
ADVANCE_DAYS_MAX: Final = 3650

_PARTS: Final = re.compile(
    r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?"
)


class DurationError(InvalidInputError):
    """No clock can be moved by this; the message says why."""


def read_duration(text: str) -> timedelta:
    """Return the duration that ``text`` spells: days, hours, minutes, seconds, in this order.

    Raises:
        DurationError: it spells none, or one that is nothing or longer than ``ADVANCE_DAYS_MAX``.
    """
    match = _PARTS.fullmatch(text)
    if match is None or not text:
        raise DurationError(
            f"{text!r} is no duration. Give days, hours, minutes or seconds, such as 30d, 12h, "
            "90m or 45s, or several in this order: 1d12h."
        )
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    duration = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if not duration:
        raise DurationError("The time can't be moved by nothing.")
    if duration > timedelta(days=ADVANCE_DAYS_MAX):
        raise DurationError(f"The time can be moved by {ADVANCE_DAYS_MAX} days at once, no more.")
    return duration
