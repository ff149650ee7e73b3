"""The clock of a server whose time can be moved, for tests.

The rules, which every caller may rely on:

* It runs as fast as the machine's clock, ahead of it by an offset that only grows: time flows
  between two jumps, and never goes back.
* Every process of a server tells the same time at once, also after a restart.
* Only the engine moves it, and says when a journey is over. Only ``keyturn clock advance`` asks
  for one or gives it up, and one such command runs at a time.

Secrets and rotation live in this time. What clients and functions bring along lives in the
machine's: signatures, sessions and deadlines (``keyturn.core``).
"""

from dataclasses import astuple, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from keyturn.engine.clock_file import ClockFile
from keyturn.model.clock import Clock, from_epoch_ms, to_epoch_ms
from keyturn.model.errors import LimitError

#: Where journeys end at the latest. Schedules look half a century ahead, and dates end in 9999.
LATEST_AT: Final = datetime(2200, 1, 1, tzinfo=UTC)

_NOWHERE: Final = 0


class ClockLimitError(LimitError):
    """A journey would end after ``LATEST_AT``."""

    def __init__(self) -> None:
        super().__init__(
            f"The clock can't be moved beyond {LATEST_AT:%Y-%m-%d}. Move it by less, or begin "
            "again with an empty data directory."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A time that somebody wants the clock to be moved to, through all that is due on the way."""

    number: int
    began_at: datetime
    target_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """How many rotations ended in which way."""

    succeeded: int = 0
    failed: int = 0
    abandoned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a journey has come: ``outcomes`` are those of rotations that ended by ``until``."""

    journey: Journey
    until: datetime
    outcomes: Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """The end of a journey: when it was, which rotations ended on the way, how many didn't."""

    at: datetime
    outcomes: Outcomes
    unfinished: int


@dataclass(frozen=True, slots=True)
class _Time:
    """The engine's record, as it is kept. ``arrived_ms`` is 0 before the journey is over."""

    ahead_ms: int
    journey_number: int
    until_ms: int
    succeeded: int
    failed: int
    abandoned: int
    arrived_ms: int
    unfinished: int

    @property
    def outcomes(self) -> Outcomes:
        return Outcomes(succeeded=self.succeeded, failed=self.failed, abandoned=self.abandoned)

    def at(self, progress: Progress) -> "_Time":
        outcomes = progress.outcomes
        return _Time(
            ahead_ms=self.ahead_ms,
            journey_number=progress.journey.number,
            until_ms=to_epoch_ms(progress.until),
            succeeded=outcomes.succeeded,
            failed=outcomes.failed,
            abandoned=outcomes.abandoned,
            arrived_ms=0,
            unfinished=0,
        )


class VirtualClock:
    """Tells the time, and keeps what the engine and the command line tell each other about it."""

    def __init__(self, path: Path, machine: Clock) -> None:
        self._file = ClockFile(path)
        self._machine = machine

    def now(self) -> datetime:
        """Return the current instant; see ``keyturn.model.clock.Clock``."""
        return self._machine.now() + self.ahead

    @property
    def ahead(self) -> timedelta:
        """How far it is ahead of the machine's clock."""
        return timedelta(milliseconds=self._time().ahead_ms)

    def set_out(self, by: timedelta) -> Journey:
        """Ask for a journey that ends ``by`` from now.

        Raises:
            ClockLimitError: it would end too late.
        """
        now = self.now()
        if by > LATEST_AT - now:
            raise ClockLimitError
        number, *_ = self._file.journey.read()
        journey = Journey(number=number + 1, began_at=now, target_at=now + by)
        self._file.journey.write(journey.number, to_epoch_ms(now), to_epoch_ms(now + by))
        return journey

    def give_up(self, journey: Journey) -> None:
        """Ask for a journey no longer: what is due by then is finished, and the clock let be."""
        self._file.journey.write(journey.number, to_epoch_ms(journey.began_at), _NOWHERE)

    def journey(self) -> Journey | None:
        """Return the journey that is asked for and isn't over."""
        number, began_ms, target_ms, *_ = self._file.journey.read()
        time = self._time()
        is_over = time.journey_number == number and time.arrived_ms > 0
        if target_ms == _NOWHERE or is_over:
            return None
        return Journey(
            number=number, began_at=from_epoch_ms(began_ms), target_at=from_epoch_ms(target_ms)
        )

    def progress_of(self, journey: Journey) -> Progress:
        """Return how far a journey has come."""
        time = self._time()
        if time.journey_number != journey.number:
            return Progress(journey=journey, until=journey.began_at, outcomes=Outcomes())
        return Progress(
            journey=journey, until=from_epoch_ms(time.until_ms), outcomes=time.outcomes
        )

    def jump(self, at: datetime, progress: Progress) -> None:
        """Move to ``at``, unless that is over, and note what the journey has brought so far."""
        time = self._time().at(progress)
        ahead_ms = to_epoch_ms(at) - to_epoch_ms(self._machine.now())
        self._keep(replace(time, ahead_ms=max(ahead_ms, time.ahead_ms)))

    def arrive(self, progress: Progress, unfinished: int) -> None:
        """Say that a journey is over."""
        time = self._time().at(progress)
        self._keep(replace(time, arrived_ms=time.until_ms, unfinished=unfinished))

    def arrival_of(self, journey: Journey) -> Arrival | None:
        """Return how a journey ended; None while it isn't over."""
        time = self._time()
        if time.journey_number != journey.number or time.arrived_ms == 0:
            return None
        return Arrival(
            at=from_epoch_ms(time.arrived_ms), outcomes=time.outcomes, unfinished=time.unfinished
        )

    def _time(self) -> _Time:
        return _Time(*self._file.time.read())

    def _keep(self, time: _Time) -> None:
        self._file.time.write(*astuple(time))
