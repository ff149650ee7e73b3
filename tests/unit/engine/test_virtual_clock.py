"""A clock that runs with the machine's, ahead of it by what somebody moved it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyturn.engine import clock_file
from keyturn.engine.virtual_clock import (
    LATEST_AT,
    Arrival,
    ClockLimitError,
    Journey,
    Outcomes,
    Progress,
    VirtualClock,
)
from support.clock import FixedClock

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
OUTCOMES = Outcomes(succeeded=4, failed=3, abandoned=2)
ARRIVAL = Arrival(at=NOW + DAY, outcomes=OUTCOMES, unfinished=1)


@pytest.fixture
def machine() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    clock_file.make(tmp_path / "clock")
    return tmp_path / "clock"


@pytest.fixture
def clock(path: Path, machine: FixedClock) -> VirtualClock:
    return VirtualClock(path, machine)


def progress(journey: Journey) -> Progress:
    return Progress(journey=journey, until=NOW + DAY, outcomes=OUTCOMES)


def jump(clock: VirtualClock, at: datetime) -> None:
    clock.jump(at, progress(clock.set_out(DAY)))


def test_clock_that_nobody_moved_is_the_machine_s(clock: VirtualClock) -> None:
    assert (clock.now(), clock.ahead) == (NOW, timedelta(0))


def test_time_flows_before_and_after_a_jump(clock: VirtualClock, machine: FixedClock) -> None:
    machine.advance(MILLISECOND)
    jump(clock, NOW + DAY)
    machine.advance(MILLISECOND)

    assert clock.now() == NOW + DAY + MILLISECOND
    assert clock.ahead == DAY - MILLISECOND


def test_time_never_goes_back(clock: VirtualClock) -> None:
    jump(clock, NOW + DAY)

    jump(clock, NOW + DAY - MILLISECOND)

    assert clock.now() == NOW + DAY


def test_every_process_tells_the_same_time_also_after_a_restart(
    clock: VirtualClock, path: Path, machine: FixedClock
) -> None:
    other = VirtualClock(path, machine)

    jump(clock, NOW + DAY)

    assert other.now() == VirtualClock(path, machine).now() == NOW + DAY


def test_journey_is_asked_for_until_it_is_over(
    clock: VirtualClock, path: Path, machine: FixedClock
) -> None:
    engine = VirtualClock(path, machine)
    none_yet = engine.journey()

    journey = clock.set_out(DAY)
    asked, unfinished = engine.journey(), clock.arrival_of(journey)
    engine.arrive(progress(journey), unfinished=1)

    assert (none_yet, asked, unfinished) == (None, journey, None)
    assert (journey.began_at, journey.target_at) == (NOW, NOW + DAY)
    assert engine.journey() is None
    assert clock.arrival_of(journey) == ARRIVAL


def test_jump_does_not_end_a_journey_and_arrival_moves_nothing(clock: VirtualClock) -> None:
    journey = clock.set_out(DAY)

    clock.jump(NOW + DAY, progress(journey))
    asked, unfinished = clock.journey(), clock.arrival_of(journey)
    clock.arrive(progress(journey), unfinished=0)

    assert (asked, unfinished) == (journey, None)
    assert clock.now() == NOW + DAY


def test_progress_is_kept_with_each_jump_also_for_the_next_engine(
    clock: VirtualClock, path: Path, machine: FixedClock
) -> None:
    journey = clock.set_out(DAY)
    at_first = clock.progress_of(journey)

    clock.jump(NOW + DAY, progress(journey))

    assert at_first == Progress(journey=journey, until=NOW, outcomes=Outcomes())
    assert VirtualClock(path, machine).progress_of(journey) == progress(journey)


def test_journey_that_is_given_up_is_asked_for_no_longer(clock: VirtualClock) -> None:
    journey = clock.set_out(DAY)

    clock.give_up(journey)

    assert clock.journey() is None
    assert clock.arrival_of(journey) is None


def test_one_journey_s_progress_and_arrival_are_not_the_next_one_s(clock: VirtualClock) -> None:
    clock.arrive(progress(clock.set_out(DAY)), unfinished=1)
    clock.give_up(clock.set_out(DAY))

    following = clock.set_out(DAY)

    assert clock.journey() == following
    assert clock.progress_of(following).outcomes == Outcomes()
    assert clock.arrival_of(following) is None


def test_journey_beyond_the_latest_time_is_refused_and_not_asked_for(clock: VirtualClock) -> None:
    by = LATEST_AT - NOW

    with pytest.raises(ClockLimitError, match="beyond 2200-01-01"):
        clock.set_out(by + MILLISECOND)

    assert clock.journey() is None
    assert clock.set_out(by).target_at == LATEST_AT
