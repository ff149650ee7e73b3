"""How often a secret rotates, as RotationRules spell it. Pure.

The rules, which every caller may rely on:

* There is exactly one of AutomaticallyAfterDays and ScheduleExpression.
* ``rate(4 hour)`` and ``rate(1 days)`` are as good as their grammatical forms.
* Nothing is more frequent than once in four hours.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotationRulesType.html
"""

from dataclasses import dataclass
from enum import Enum, auto
import re
from typing import Final

from keyturn.model.errors import InvalidInputError
from keyturn.rotation import cron
from keyturn.rotation.cron_field import CronTextError

AFTER_DAYS_MIN: Final = 1
AFTER_DAYS_MAX: Final = 1000
RATE_DAYS_MIN: Final = 1
RATE_DAYS_MAX: Final = 999
RATE_HOURS_MIN: Final = 4
RATE_HOURS_MAX: Final = 23

_HOURS_PER_DAY: Final = 24

_RATE: Final = re.compile(r"rate\(([0-9]{1,9}) (hour|day)s?\)")
_CRON: Final = re.compile(r"cron\(([0-9A-Za-z#?*/, -]+)\)")


class ScheduleRule(Enum):
    """What RotationRules must keep to."""

    #: Either AutomaticallyAfterDays or ScheduleExpression must be there.
    NOT_NEITHER = auto()
    #: They can't both be there.
    NOT_BOTH = auto()
    #: AutomaticallyAfterDays is 1 to 1000.
    AFTER_DAYS = auto()
    #: The expression follows AWS's grammar, fires at some time, at most every four hours.
    EXPRESSION = auto()
    #: ``rate(N hours)`` is 4 to 23.
    RATE_HOURS = auto()
    #: ``rate(N days)`` is 1 to 999.
    RATE_DAYS = auto()
    #: Duration is 1h to 24h.
    DURATION = auto()
    #: A window closes before the next one opens.
    DURATION_WITHIN_GAP = auto()
    #: A window of ``cron()`` closes on the UTC day it opened.
    DURATION_WITHIN_DAY = auto()


class InvalidScheduleError(InvalidInputError):
    """RotationRules break a rule."""

    def __init__(self, rule: ScheduleRule) -> None:
        super().__init__(rule)
        self.rule = rule


@dataclass(frozen=True, slots=True)
class EveryDays:
    """AutomaticallyAfterDays, or ``rate(N days)``."""

    days: int

    @property
    def gap_hours_min(self) -> int:
        return self.days * _HOURS_PER_DAY


@dataclass(frozen=True, slots=True)
class EveryHours:
    """``rate(N hours)``."""

    hours: int

    @property
    def gap_hours_min(self) -> int:
        return self.hours


Cadence = EveryDays | EveryHours | cron.Cron


def read_cadence(automatically_after_days: int | None, expression: str | None) -> Cadence:
    """Return how often a secret rotates.

    Raises:
        InvalidScheduleError: there is no cadence, more than one, or one that AWS doesn't allow.
    """
    if automatically_after_days is None:
        if expression is None:
            raise InvalidScheduleError(ScheduleRule.NOT_NEITHER)
        return _read_expression(expression)
    if expression is not None:
        raise InvalidScheduleError(ScheduleRule.NOT_BOTH)
    if not AFTER_DAYS_MIN <= automatically_after_days <= AFTER_DAYS_MAX:
        raise InvalidScheduleError(ScheduleRule.AFTER_DAYS)
    return EveryDays(automatically_after_days)


def _read_expression(text: str) -> Cadence:
    if rate := _RATE.fullmatch(text):
        return _read_rate(int(rate[1]), rate[2])
    fields = _CRON.fullmatch(text)
    if fields is None:
        raise InvalidScheduleError(ScheduleRule.EXPRESSION)
    try:
        return cron.read(fields[1])
    except CronTextError:
        raise InvalidScheduleError(ScheduleRule.EXPRESSION) from None


def _read_rate(count: int, unit: str) -> EveryDays | EveryHours:
    if unit == "hour":
        if not RATE_HOURS_MIN <= count <= RATE_HOURS_MAX:
            raise InvalidScheduleError(ScheduleRule.RATE_HOURS)
        return EveryHours(count)
    if not RATE_DAYS_MIN <= count <= RATE_DAYS_MAX:
        raise InvalidScheduleError(ScheduleRule.RATE_DAYS)
    return EveryDays(count)
