from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import State, Step
from keyturn.model.secret import SecretValue
from keyturn.rotation.run import PAUSE_AFTER_ERROR
from keyturn.secrets import versions
from keyturn.store import rotations
from rotation.simulator import FIRST, NOW, TOKEN, Simulation

STEPS = list(Step)
# Claim and begin, a record after each step: more commits than any rotation without failures makes.
COMMITS_MAX = 7


def test_a_rotation_without_crashes_calls_each_step_once(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()

    simulation.run_to_the_end()

    assert [event["Step"] for event in simulation.script.events] == [s.value for s in STEPS]
    assert simulation.latest().state is State.SUCCEEDED
    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


@pytest.mark.parametrize("before_commit", [True, False])
@pytest.mark.parametrize("crash_at", range(1, COMMITS_MAX + 1))
@pytest.mark.parametrize("failing_step", [None, *STEPS])
def test_a_crash_around_any_commit_ends_in_the_same_rotation(
    tmp_path: Path, failing_step: Step | None, crash_at: int, before_commit: bool
) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()
    if failing_step is not None:
        simulation.script.failures[failing_step] = 1
    simulation.database.crash_at = crash_at
    simulation.database.crashes_before_commit = before_commit

    simulation.run_to_the_end()

    assert {event["ClientRequestToken"] for event in simulation.script.events} == {TOKEN}
    assert simulation.latest().state is State.SUCCEEDED
    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_the_crashes_of_the_test_above_really_happen(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()
    simulation.database.crash_at = 3

    simulation.run_to_the_end()

    assert simulation.crashes == 1


@pytest.mark.parametrize(("step", "times"), list(product(STEPS, [1, 2, 3])))
def test_a_step_that_fails_a_few_times_is_tried_again_under_the_same_token(
    tmp_path: Path, step: Step, times: int
) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()
    simulation.script.failures[step] = times

    simulation.run_to_the_end()

    assert simulation.latest().attempt == times + 1
    assert {event["ClientRequestToken"] for event in simulation.script.events} == {TOKEN}
    simulation.assert_sound()


def test_a_rotation_that_keeps_failing_leaves_the_live_value_and_says_why(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 1000

    simulation.run_to_the_end()

    latest = simulation.latest()
    assert latest.state is State.FAILED
    assert latest.reason is not None
    assert "setSecret" in latest.reason
    assert simulation.stages() == {"AWSCURRENT": FIRST, "AWSPENDING": TOKEN}
    assert simulation.current_value() == simulation.script.accepted == "first"


def test_a_pending_version_left_by_one_window_is_tried_first_in_the_next(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 1000
    simulation.run_to_the_end()
    simulation.script.failures.clear()

    simulation.clock.advance(timedelta(days=10))
    simulation.begin_due()
    simulation.run_to_the_end()

    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_due_rotation_begins_once_in_its_window(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()
    simulation.run_to_the_end()

    simulation.clock.advance(timedelta(days=10) - timedelta(hours=11))
    before = simulation.begin_due()
    simulation.clock.advance(timedelta(hours=2))
    in_window = simulation.begin_due()
    again = simulation.begin_due()
    simulation.run_to_the_end()

    assert (before, in_window, again) == (0, 1, 0)
    assert simulation.latest().token != TOKEN
    simulation.assert_sound()


def test_a_function_that_does_not_move_current_is_not_believed(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.script.moves_current = False
    simulation.rotate()

    simulation.run_to_the_end()

    latest = simulation.latest()
    assert latest.state is State.FAILED
    assert latest.reason is not None
    assert "AWSCURRENT" in latest.reason


@pytest.mark.parametrize("step", STEPS)
def test_a_value_set_by_hand_during_a_rotation_abandons_it(tmp_path: Path, step: Step) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()

    def put(at: Step) -> None:
        if at is not step:
            return
        value = SecretValue("string", Plaintext(b"by-hand"))
        new = versions.NewVersion(token="by-hand".ljust(32, "-"), value=value)
        with simulation.plain.write() as connection:
            secret = simulation.secret(connection)
            versions.store_value(connection, simulation.keyring, secret, new, NOW)

    simulation.script.before_step = put

    simulation.run_to_the_end()

    assert simulation.running() is None
    assert "AWSPENDING" not in simulation.stages()
    if step is not Step.FINISH:
        assert simulation.latest().state is State.ABANDONED
        assert simulation.current_value() == "by-hand"


def test_a_test_of_the_configuration_runs_one_step_on_a_copy_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    simulation = Simulation(tmp_path)

    version_id = simulation.rotate(is_immediate=False)
    during = simulation.stages()
    simulation.run_to_the_end()

    assert during == {"AWSCURRENT": FIRST, "AWSPENDING": version_id}
    assert [event["Step"] for event in simulation.script.events] == ["testSecret"]
    assert simulation.stages() == {"AWSCURRENT": FIRST}
    simulation.assert_sound()


def test_a_cancelled_rotation_is_not_written_to_by_its_holder(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()

    def cancel(at: Step) -> None:
        if at is Step.SET:
            running = simulation.running()
            assert running is not None
            with simulation.plain.write() as connection:
                rotations.cancel(connection, running, now=NOW)

    simulation.script.before_step = cancel

    simulation.run_to_the_end()

    assert simulation.latest().state is State.CANCELLED
    assert [event["Step"] for event in simulation.script.events] == ["createSecret", "setSecret"]


def test_a_lease_that_another_engine_took_over_is_lost_to_its_first_holder(
    tmp_path: Path,
) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()

    def take_over(at: Step) -> None:
        if at is Step.SET:
            later = NOW + timedelta(hours=1)
            with simulation.plain.write() as connection:
                taken = rotations.claim_due(
                    connection, owner="another", now=later, lease_until=later
                )
            assert taken is not None

    simulation.script.before_step = take_over
    runner = simulation._runner()

    assert runner.run_next()

    assert [event["Step"] for event in simulation.script.events] == ["createSecret", "setSecret"]


def test_an_error_of_our_own_lets_go_of_the_rotation_and_it_is_tried_again(
    tmp_path: Path,
) -> None:
    simulation = Simulation(tmp_path)
    simulation.rotate()

    def stumble(at: Step) -> None:
        if at is Step.TEST:
            raise RuntimeError("a bug")

    simulation.script.before_step = stumble
    with pytest.raises(RuntimeError):
        simulation._runner().run_next()
    simulation.script.before_step = lambda _step: None

    assert not simulation._runner().run_next()
    simulation.clock.advance(PAUSE_AFTER_ERROR)
    simulation.run_to_the_end()

    assert simulation.latest().state is State.SUCCEEDED
    simulation.assert_sound()
