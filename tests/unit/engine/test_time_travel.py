"""A clock is moved through everything that is due, on a real store, engine and all.

The engine's other jobs take turns with the one that moves the clock, in one thread: ``do_due``
does what is due. The simulation's own clock follows the virtual one.
"""

from datetime import date, timedelta
from pathlib import Path
import threading

import pytest

from keyturn.engine import clock_file
from keyturn.engine.housekeeping import Housekeeping
from keyturn.engine.time_travel import TimeTravel
from keyturn.engine.virtual_clock import Arrival, Journey, Outcomes, VirtualClock
from keyturn.model.limits import ROTATIONS_PER_SECRET_KEPT
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import State, Step
from keyturn.model.secret import SecretValue
from keyturn.secrets import lifecycle, versions
from keyturn.store import secrets as rows
from rotation.simulator import ACCOUNT, NOW, REGION, Simulation
from support.clock import FixedClock

DAY = timedelta(days=1)
ALWAYS = 1_000_000
NONE, ONE, THREE = Outcomes(), Outcomes(succeeded=1), Outcomes(succeeded=3)
_ROUNDS_MAX = 20_000


class Bench:
    """One secret that rotates every few days, and the job that moves its time."""

    def __init__(self, folder: Path, *, days: int = 10) -> None:
        clock_file.make(folder / "clock")
        self.simulation = Simulation(folder, expression=f"rate({days} days)")
        self.clock = VirtualClock(folder / "clock", FixedClock(NOW))
        self.wake = threading.Event()
        self.travel = self.new_engine()

    def new_engine(self) -> TimeTravel:
        clock, database = self.clock, self.simulation.plain
        housekeeping = Housekeeping(
            database, lambda: None, lambda: None, clock=FixedClock(NOW), secrets_clock=clock
        )
        tapped = threading.Event()
        tapped.set()
        return TimeTravel(database, clock, tapped, self.wake, housekeeping)

    def rotate(self) -> None:
        self.simulation.rotate()
        self.simulation.run_to_the_end()
        assert self.simulation.clock.now() == self.clock.now()

    def do_due(self) -> None:
        self.simulation.clock.advance(self.clock.now() - self.simulation.clock.now())
        self.simulation.begin_due()
        while self.simulation.runner().run_next():
            continue

    def advance(self, by: timedelta) -> Arrival:
        return self.arrive(self.clock.set_out(by))

    def arrive(self, journey: Journey) -> Arrival:
        for _ in range(_ROUNDS_MAX):
            self.travel.go_on()
            arrival = self.clock.arrival_of(journey)
            if arrival is not None:
                return arrival
            self.do_due()
        raise AssertionError("the clock doesn't arrive")

    def last_rotated_on(self) -> date:
        with self.simulation.plain.read() as connection:
            at = self.simulation.secret(connection).last_rotated_at
        assert at is not None
        return at.date()

    def delete_another(self, *, recovery_days: int) -> int:
        value = SecretValue("string", Plaintext(b"x"))
        new = lifecycle.NewSecret(
            account=ACCOUNT,
            region=REGION,
            name="other",
            first_version=versions.NewVersion(token="t" * 32, value=value),
            description=None,
            kms_key_id=None,
            tags=None,
        )
        with self.simulation.plain.write() as connection:
            secret, _ = lifecycle.create(connection, self.simulation.keyring, new, NOW)
            lifecycle.schedule_deletion(
                connection, secret, recovery_days=recovery_days, now=self.clock.now()
            )
        return secret.id

    def is_there(self, secret_id: int) -> bool:
        with self.simulation.plain.read() as connection:
            return rows.find_by_id(connection, secret_id) is not None


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def rotations_of(bench: Bench) -> int:
    return [event["Step"] for event in bench.simulation.script.events].count(Step.FINISH)


def test_every_window_on_the_way_is_rotated_in(bench: Bench) -> None:
    bench.rotate()

    arrival = bench.advance(35 * DAY)

    assert arrival.outcomes == THREE
    assert rotations_of(bench) == 4
    assert bench.last_rotated_on() == NOW.date() + 30 * DAY
    bench.simulation.assert_sound()


def test_rotations_are_counted_also_where_more_end_than_are_kept(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path, days=1)
    bench.rotate()
    days = ROTATIONS_PER_SECRET_KEPT + 20

    arrival = bench.advance(days * DAY)

    assert arrival.outcomes.succeeded in (days, days - 1)


def test_test_of_a_configuration_is_not_counted(bench: Bench) -> None:
    bench.simulation.rotate(is_immediate=False)

    arrival = bench.advance(timedelta(hours=1))

    assert [event["Step"] for event in bench.simulation.script.events] == [Step.TEST]
    assert (arrival.outcomes, arrival.unfinished) == (NONE, 0)


def test_clock_arrives_at_the_target_and_no_earlier(bench: Bench) -> None:
    bench.rotate()
    began_at = bench.clock.now()

    arrival = bench.advance(35 * DAY)

    assert arrival.at == bench.clock.now() == began_at + 35 * DAY


def test_many_small_steps_lead_to_the_same_as_one(bench: Bench) -> None:
    bench.rotate()

    arrivals = [bench.advance(timedelta(hours=12)) for _ in range(70)]

    assert sum(arrival.outcomes.succeeded for arrival in arrivals) == 3


def test_nothing_is_skipped_while_nobody_has_looked_at_what_is_due(bench: Bench) -> None:
    bench.rotate()
    bench.clock.set_out(35 * DAY)

    bench.travel.go_on()
    at_first_window = bench.clock.now()
    for _ in range(5):
        bench.travel.go_on()

    assert bench.clock.now() == at_first_window
    assert at_first_window.date() == NOW.date() + 10 * DAY


def test_jump_has_the_rotations_looked_at(bench: Bench) -> None:
    bench.rotate()
    bench.clock.set_out(35 * DAY)

    bench.travel.go_on()

    assert bench.wake.is_set()


def test_clock_is_not_moved_while_a_step_runs(bench: Bench) -> None:
    bench.simulation.rotate()
    bench.clock.set_out(35 * DAY)
    moved = []

    def look(_step: Step) -> None:
        before = bench.clock.now()
        bench.travel.go_on()
        moved.append(bench.clock.now() != before)

    bench.simulation.script.before_step = look
    bench.do_due()

    assert moved == [False] * len(Step)


def test_rotation_that_can_not_succeed_ends_with_its_window_and_the_clock_arrives(
    bench: Bench,
) -> None:
    bench.rotate()
    bench.simulation.script.failures = {Step.CREATE: ALWAYS}

    arrival = bench.advance(12 * DAY)

    assert arrival.at == bench.clock.now()
    assert arrival.outcomes.succeeded == 0
    assert arrival.outcomes.failed >= 1
    assert ALWAYS - bench.simulation.script.failures[Step.CREATE] > 10


def test_rotation_that_is_still_tried_on_arrival_is_told_from_one_that_succeeded(
    bench: Bench,
) -> None:
    bench.rotate()
    bench.simulation.script.failures = {Step.TEST: ALWAYS}

    arrival = bench.advance(11 * DAY)

    assert (arrival.outcomes, arrival.unfinished) == (NONE, 1)


def test_rotation_of_a_secret_that_was_deleted_goes_with_it_and_is_tried_no_more(
    bench: Bench,
) -> None:
    bench.rotate()
    bench.simulation.script.failures = {Step.TEST: ALWAYS}
    bench.advance(11 * DAY)
    calls = len(bench.simulation.script.events)
    with bench.simulation.plain.write() as connection:
        secret = bench.simulation.secret(connection)
        lifecycle.schedule_deletion(connection, secret, recovery_days=7, now=bench.clock.now())

    arrival = bench.advance(7 * DAY)

    assert (arrival.outcomes, arrival.unfinished) == (NONE, 1)
    assert len(bench.simulation.script.events) == calls
    assert not bench.is_there(secret.id)


def test_failed_attempt_is_tried_again_when_its_time_comes(bench: Bench) -> None:
    bench.rotate()
    bench.simulation.script.failures = {Step.SET: 2}

    arrival = bench.advance(11 * DAY)

    assert arrival.outcomes == ONE
    assert bench.simulation.latest().state is State.SUCCEEDED
    attempts = [event["Step"] for event in bench.simulation.script.events].count(Step.CREATE)
    assert attempts == 1 + 3


def test_secret_whose_recovery_window_is_over_is_gone_on_arrival(bench: Bench) -> None:
    short, arrival_day = bench.delete_another(recovery_days=7), 7

    bench.advance(arrival_day * DAY - timedelta(milliseconds=1))
    is_there_before = bench.is_there(short)
    bench.advance(timedelta(milliseconds=1))

    assert is_there_before
    assert not bench.is_there(short)


def test_journey_that_is_given_up_leaves_the_clock_where_it_is(bench: Bench) -> None:
    bench.rotate()
    journey = bench.clock.set_out(35 * DAY)
    bench.travel.go_on()
    stopped_at = bench.clock.now()

    bench.clock.give_up(journey)
    bench.do_due()
    bench.travel.go_on()

    assert bench.clock.now() == stopped_at
    bench.simulation.assert_sound()


def test_next_engine_goes_on_where_one_was_cut_off(bench: Bench) -> None:
    bench.rotate()
    journey = bench.clock.set_out(35 * DAY)
    bench.travel.go_on()

    bench.travel = bench.new_engine()
    arrival = bench.arrive(journey)

    assert arrival.outcomes == THREE
