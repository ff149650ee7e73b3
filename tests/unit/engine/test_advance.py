"""The command's side of a journey: it waits for the clock, and never for a server that is gone."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyturn.engine import clock_file
from keyturn.engine.advance import ServerGoneError, advance
from keyturn.engine.virtual_clock import Arrival, Journey, Outcomes, Progress, VirtualClock
from support.clock import FixedClock

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
OUTCOMES = Outcomes(succeeded=1)


@pytest.fixture
def clock(tmp_path: Path) -> VirtualClock:
    clock_file.make(tmp_path / "clock")
    return VirtualClock(tmp_path / "clock", FixedClock(NOW))


class Engine:
    """Moves half-way each time that the command looks, and then arrives."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.taps = 0
        self.seen: list[datetime] = []

    def tap(self) -> None:
        assert self._clock.journey() is not None
        self.taps += 1

    def watch(self, journey: Journey, now: datetime) -> None:
        self.seen.append(now)
        progress = Progress(journey=journey, until=now + DAY / 2, outcomes=OUTCOMES)
        self._clock.jump(progress.until, progress)
        if progress.until >= journey.target_at:
            self._clock.arrive(progress, unfinished=2)


def test_engine_is_tapped_and_watched_until_it_has_arrived(clock: VirtualClock) -> None:
    engine = Engine(clock)

    arrival = advance(clock, DAY, tap=engine.tap, is_served=lambda: True, watch=engine.watch)

    assert arrival == Arrival(at=NOW + DAY, outcomes=OUTCOMES, unfinished=2)
    assert engine.taps == 1
    assert engine.seen == [NOW, NOW + DAY / 2]


def test_server_that_is_gone_is_not_waited_for_and_its_journey_given_up(
    clock: VirtualClock,
) -> None:
    with pytest.raises(ServerGoneError, match=r"2026-01-14T10:30:00Z.*Start it again"):
        advance(clock, DAY, tap=lambda: None, is_served=lambda: False, watch=Engine(clock).watch)

    assert clock.journey() is None
    assert clock.now() == NOW


def test_interrupt_gives_the_journey_up(clock: VirtualClock) -> None:
    def interrupt(_journey: Journey, _now: datetime) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advance(clock, DAY, tap=lambda: None, is_served=lambda: True, watch=interrupt)

    assert clock.journey() is None
