"""Windows that come, pass and are missed, and clocks that jump."""

from datetime import datetime, timedelta

import pytest

from keyturn.model.rotation import Cause, State, Step
from keyturn.rotation.begin import RETRY_WITHOUT_WINDOW
from keyturn.store.database import Database
from rotation.simulator import FIRST, NOW, TOKEN, Simulation

A_DAY = timedelta(days=1)
OTHER_TOKEN = "22222222-2222-4222-8222-222222222222"


def rotated(store: Database, expression: str = "rate(10 days)") -> Simulation:
    """Return a simulation whose secret has just rotated."""
    simulation = Simulation(store, expression=expression)
    simulation.rotate()
    simulation.run_to_the_end()
    return simulation


def next_window_opens_at(simulation: Simulation) -> datetime:
    with simulation.plain.read() as connection:
        window = simulation.secret(connection).next_window
    assert window is not None
    return window.opens_at


def live_until(simulation: Simulation, end: datetime, *, look_every: timedelta) -> int:
    """Let an engine look now and then; return how many rotations it began."""
    began = 0
    while simulation.clock.now() < end:
        simulation.clock.advance(look_every)
        before = len(simulation.history())
        simulation.begin_due()
        simulation.run_to_the_end()
        began += len(simulation.history()) - before
    return began


def test_each_window_is_rotated_in_once(store: Database) -> None:
    simulation = rotated(store)

    began = live_until(simulation, NOW + timedelta(days=35), look_every=timedelta(hours=3))

    assert began == 3
    simulation.assert_sound()


def test_repeating_the_rules_does_not_put_the_rotation_off(store: Database) -> None:
    simulation = rotated(store)
    planned = next_window_opens_at(simulation)

    simulation.clock.advance(timedelta(days=5))
    simulation.rotate(token=OTHER_TOKEN, is_immediate=False)
    simulation.run_to_the_end()

    assert next_window_opens_at(simulation) == planned
    simulation.assert_sound()


def test_a_window_that_was_used_is_not_used_again_when_the_rules_are_repeated(
    store: Database,
) -> None:
    simulation = rotated(store, "cron(0 8 * * ? *)")

    simulation.rotate(token=OTHER_TOKEN, is_immediate=False)
    simulation.run_to_the_end()

    assert next_window_opens_at(simulation) == datetime(2026, 1, 15, 8, tzinfo=NOW.tzinfo)


def test_windows_missed_while_nothing_ran_are_not_made_up_for_one_by_one(
    store: Database,
) -> None:
    simulation = rotated(store)

    simulation.clock.advance(timedelta(days=100))
    began = live_until(
        simulation, simulation.clock.now() + timedelta(days=2), look_every=timedelta(hours=3)
    )

    assert began == 1
    simulation.assert_sound()


def test_a_missed_window_of_an_hour_is_waited_for_again(store: Database) -> None:
    simulation = rotated(store, "cron(0 0/12 * * ? *)")

    # The window at noon is missed by a minute.
    simulation.clock.advance(datetime(2026, 1, 14, 13, 1, tzinfo=NOW.tzinfo) - NOW)
    simulation.begin_due()

    assert simulation.running() is None
    assert next_window_opens_at(simulation) == datetime(2026, 1, 15, tzinfo=NOW.tzinfo)


def test_a_window_that_fails_to_its_end_is_followed_by_the_next_under_the_same_token(
    store: Database,
) -> None:
    simulation = rotated(store)
    simulation.script.failures[Step.SET] = 10_000
    live_until(simulation, NOW + timedelta(days=11, hours=2), look_every=timedelta(hours=6))
    failed = simulation.latest()
    simulation.script.failures.clear()

    live_until(simulation, NOW + timedelta(days=12), look_every=timedelta(hours=6))

    assert failed.state in (State.FAILED, State.RUNNING)
    assert simulation.latest().token == failed.token
    assert simulation.stages()["AWSCURRENT"] == failed.token
    simulation.assert_sound()


@pytest.mark.parametrize("step", list(Step))
def test_a_clock_that_jumps_ahead_during_a_step_does_not_begin_it_twice(
    store: Database, step: Step
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    runner = simulation.runner()

    def jump(at: Step) -> None:
        if at is step:
            simulation.clock.advance(400 * A_DAY)
            assert not runner.run_next()

    simulation.script.before_step = jump

    assert runner.run_next()

    assert [event["Step"] for event in simulation.script.events] == [each.value for each in Step]
    assert simulation.latest().state is State.SUCCEEDED
    simulation.assert_sound()


@pytest.mark.parametrize("step", list(Step))
def test_a_clock_that_is_put_back_during_a_rotation_does_no_harm(
    store: Database, step: Step
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[step] = 2

    def put_back(at: Step) -> None:
        if at is step:
            simulation.clock.advance(-A_DAY)

    simulation.script.before_step = put_back

    simulation.run_to_the_end()

    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    assert simulation.latest().state is State.SUCCEEDED
    simulation.assert_sound()


def test_a_clock_put_back_between_windows_rotates_no_more_often(store: Database) -> None:
    simulation = rotated(store)

    simulation.clock.advance(-30 * A_DAY)
    early = live_until(simulation, NOW + 9 * A_DAY, look_every=A_DAY)
    later = live_until(simulation, NOW + 12 * A_DAY, look_every=timedelta(hours=3))

    assert (early, later) == (0, 1)
    simulation.assert_sound()


def test_an_attempt_whose_time_has_passed_by_a_jump_of_the_clock_waits_for_the_next_window(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[Step.CREATE] = 1
    simulation.runner().run_next()

    simulation.clock.advance(RETRY_WITHOUT_WINDOW)
    simulation.run_to_the_end()

    latest = simulation.latest()
    assert latest.state is State.FAILED
    assert latest.failure is not None
    assert latest.failure.cause is Cause.STATEMENT_FAILED
    simulation.assert_sound()
