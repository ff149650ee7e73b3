"""A year in the life of one secret on a virtual clock, with random rules, checked by the oracle.

A secret is rotated as the engine does it: it has one planned window at a time. In some windows the
rotation succeeds, in some it fails, some pass while nothing runs; values are set by hand, rotation
is turned off and on; at any moment, and often on the very edge of a window or of a day. After each
of these the window that ``next_window`` or ``window_after`` names is compared with that of
``support.schedule_oracle``, which reads the same text hour by hour.

A year is made from its number alone: one that failed is ``Year(number).live()``.
"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251 - it comes in with its seed, so that a failure repeats
from typing import Final

from keyturn.model.secret import Window
from keyturn.rotation import schedule
from support.clock import FixedClock
from support.random_rules import legal_rules
from support.schedule_oracle import DAY, HOUR, Oracle, Past, Rules, broken_rules

INSTANT: Final = timedelta(milliseconds=1)

#: Before a year as any other, a leap year, and 2096 and 2100, the second of which is none.
BEGINNINGS: Final = (
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2027, 10, 1, tzinfo=UTC),
    datetime(2095, 12, 1, tzinfo=UTC),
    datetime(2099, 10, 1, tzinfo=UTC),
)

#: How often each is what happens next.
HAPPENINGS: Final = {
    "rotate": 8,
    "fail": 4,
    "miss": 3,
    "set_by_hand": 1,
    "look_afresh": 1,
    "turn_on": 1,
}


def parsed(rules: Rules) -> schedule.RotationRules:
    """Have the product read the rules."""
    return schedule.parse(
        automatically_after_days=rules.days,
        schedule_expression=rules.expression,
        duration=rules.duration,
    )


def rules_of_year(random: Random) -> Rules:
    """Return rules that AWS takes."""
    while broken_rules(rules := legal_rules(random)):
        pass
    return rules


class Year:
    """What happens to one secret, and the window that is planned for it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.random = Random(number)  # noqa: S311 - nothing secret
        self.written = rules_of_year(self.random)
        self.rules = parsed(self.written)
        self.oracle = Oracle(self.written)
        self.happened: Counter[str] = Counter()
        self.clock = FixedClock(self.random.choice(BEGINNINGS))
        self.pass_to(self.moment(self.now, self.now + 90 * DAY))
        self.turn_on()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def live(self) -> "Year":
        """Let a year pass."""
        over_at = self.now + 365 * DAY
        while self.now < over_at:
            [name] = self.random.choices(list(HAPPENINGS), list(HAPPENINGS.values()))
            getattr(self, name)()
            self.happened[name] += 1
        return self

    def rotate(self) -> None:
        """Rotate in the window, perhaps not at the first attempt."""
        used = self.planned
        self.fail()
        self.pass_to(self.moment(self.now, used.closes_at))
        self.plan_next("rotated")

    def fail(self) -> None:
        """Begin in the window. The next one is planned before anything is tried."""
        self.pass_to(self.moment(max(self.now, self.planned.opens_at), self.planned.closes_at))
        self.plan_following("begun")

    def miss(self) -> None:
        """Come back when the window is over, or long over."""
        self.pass_to(self.some_time_from(self.planned.closes_at))
        self.plan_following("missed")

    def set_by_hand(self) -> None:
        """Give the secret another value, before the window or in it."""
        self.pass_to(self.moment(self.now, self.planned.closes_at))
        self.plan_next("set by hand")

    def turn_on(self) -> None:
        """Turn rotation on as for a secret that never rotated."""
        self.pass_to(self.some_time_from(self.now))
        self.past = Past(turned_on_at=self.now)
        window = schedule.next_window(self.rules, last_valid_rotation_at=None, now=self.now)
        self.planned = self.checked("turned on", window)

    def look_afresh(self) -> None:
        """Plan by the last rotation alone."""
        if self.past.rotated_at is not None:
            self.pass_to(self.some_time_from(self.now))
            self.plan_by(self.past.rotated_at, "looked at afresh")

    def plan_next(self, what: str) -> None:
        """Plan what follows a valid rotation."""
        self.plan_by(self.now, what)

    def plan_by(self, rotated_at: datetime, what: str) -> None:
        self.past = replace(self.past, rotated_at=rotated_at, given_up=None)
        window = schedule.next_window(self.rules, last_valid_rotation_at=rotated_at, now=self.now)
        self.planned = self.checked(what, window)

    def plan_following(self, what: str) -> None:
        """Plan what follows the planned window if nothing succeeds in it."""
        self.past = replace(self.past, given_up=self.planned.opens_at)
        window = schedule.window_after(self.rules, self.planned, now=self.now)
        self.planned = self.checked(what, window)

    def checked(self, what: str, found: Window) -> Window:
        """Return ``found`` if it is the window that the oracle finds."""
        opens_at, closes_at = self.oracle.window(self.past, self.now)
        assert (found.opens_at, found.closes_at) == (opens_at, closes_at), (
            f"Year({self.number}) with {self.written}, {what} at {self.now}, {self.past}:"
            f" the product says {found.opens_at} to {found.closes_at},"
            f" the oracle {opens_at} to {closes_at}"
        )
        return found

    def some_time_from(self, first: datetime) -> datetime:
        return self.moment(first, first + self.random.choice([HOUR, DAY, 40 * DAY]))

    def moment(self, first: datetime, end: datetime) -> datetime:
        """Return an instant from ``first`` to before ``end``: any, or one on some edge."""
        anywhere = first + self.random.randrange((end - first) // INSTANT) * INSTANT
        on_the_hour = anywhere.replace(minute=0, second=0, microsecond=0)
        midnight = on_the_hour.replace(hour=0)
        edge = self.random.choice(
            [first, end - INSTANT, on_the_hour, midnight, midnight - INSTANT]
        )
        return edge if first <= edge < end and self.random.random() < 0.5 else anywhere

    def pass_to(self, at: datetime) -> None:
        self.clock.advance(at - self.now)
