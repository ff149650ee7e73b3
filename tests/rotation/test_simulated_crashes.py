from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest

from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Cause, State, Step
from keyturn.model.secret import SecretValue
from keyturn.rotation.begin import RETRY_WITHOUT_WINDOW
from keyturn.rotation.run import PAUSE_AFTER_ERROR
from keyturn.secrets import versions
from keyturn.store import rotation_claims, rotations
from keyturn.store.database import Database
from keyturn.store.rotation_claims import Claimant
from rotation.simulator import FIRST, NOW, TOKEN, PowerCutError, Simulation, Stumble

STEPS = list(Step)
# Every way in which a step can fail: before its work or after it, for each kind of remedy.
# That a function says to have failed before its work, it did.
STUMBLES = [
    *(
        Stumble(error, is_after=True)
        for error in ("Error", "Sandbox.Timedout", "ConnectionLostError")
    ),
    *(Stumble(error) for error in ("Error", "Sandbox.Timedout", "MissingKeyError")),
]
# Claim, begin, a record after each of the steps; and once more for the attempt after a failure.
COMMITS_MAX = 12
CALLS_MAX = 8
# Of all pairs of failures, so many that the test takes a few seconds.
EVERY = 7


def crash_at_commit(at: int, is_before: bool) -> Callable[[Simulation], None]:
    def arrange(simulation: Simulation) -> None:
        simulation.database.crash_at = at
        simulation.database.crashes_before_commit = is_before

    return arrange


def crash_in_call(number: int, is_after: bool) -> Callable[[Simulation], None]:
    def arrange(simulation: Simulation) -> None:
        simulation.script.cuts_power = (number, is_after)

    return arrange


CRASHES_AT_COMMITS = [
    crash_at_commit(at, is_before)
    for at in range(1, COMMITS_MAX + 1)
    for is_before in (True, False)
]
CRASHES_IN_CALLS = [
    crash_in_call(number, is_after)
    for number in range(1, CALLS_MAX + 1)
    for is_after in (True, False)
]


def test_a_rotation_without_crashes_calls_each_step_once(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()

    simulation.run_to_the_end()

    assert [event["Step"] for event in simulation.script.events] == [s.value for s in STEPS]
    assert simulation.latest().state is State.SUCCEEDED
    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


@pytest.mark.parametrize("failure", [None, *product(STEPS, STUMBLES)], ids=str)
def test_a_crash_at_any_point_ends_in_the_same_rotation(
    store: Database, failure: tuple[Step, Stumble] | None
) -> None:
    crashes = 0
    for crash in (*CRASHES_AT_COMMITS, *CRASHES_IN_CALLS):
        simulation = Simulation(store)
        simulation.rotate()
        if failure is not None:
            step, stumble = failure
            simulation.script.stumbles[step] = [stumble]
        crash(simulation)

        simulation.run_to_the_end()

        assert {event["ClientRequestToken"] for event in simulation.script.events} == {TOKEN}
        assert simulation.latest().state is State.SUCCEEDED
        assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
        simulation.assert_sound()
        crashes += simulation.crashes
    # A rotation without a failure ends before the last of the crashes would come.
    assert crashes >= (len(CRASHES_AT_COMMITS) + len(CRASHES_IN_CALLS)) / 2 - 1


@pytest.mark.parametrize("second", range(1, 7))
@pytest.mark.parametrize("first", range(1, 7))
def test_a_crash_soon_after_a_crash_does_no_harm(store: Database, first: int, second: int) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.refuses = 1
    simulation.crash_again_at = second
    simulation.database.crash_at = first

    simulation.run_to_the_end()

    assert simulation.crashes == 2
    assert simulation.latest().state is State.SUCCEEDED
    simulation.assert_sound()


def test_any_two_failures_in_a_row_end_in_the_same_rotation(store: Database) -> None:
    failures = list(product(STEPS, STUMBLES))
    for number, (one, other) in enumerate(product(failures, failures)):
        if number % EVERY:
            continue
        simulation = Simulation(store)
        simulation.rotate()
        for step, stumble in (one, other):
            simulation.script.stumbles.setdefault(step, []).append(stumble)

        simulation.run_to_the_end()

        assert simulation.latest().token == TOKEN
        simulation.assert_sound()


@pytest.mark.parametrize(("step", "times"), list(product(STEPS, [1, 2, 3])))
def test_a_step_that_fails_a_few_times_is_tried_again_under_the_same_token(
    store: Database, step: Step, times: int
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[step] = times

    simulation.run_to_the_end()

    assert simulation.latest().position.attempt == times + 1
    assert {event["ClientRequestToken"] for event in simulation.script.events} == {TOKEN}
    simulation.assert_sound()


def test_a_rotation_that_keeps_failing_leaves_the_live_value_and_says_why(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 1000

    simulation.run_to_the_end()

    latest = simulation.latest()
    assert latest.state is State.FAILED
    assert latest.failure is not None
    assert "setSecret" in latest.failure.reason
    assert simulation.stages() == {"AWSCURRENT": FIRST, "AWSPENDING": TOKEN}
    assert simulation.current_value() == simulation.script.accepted == "first"


def test_a_pending_version_left_by_one_window_is_tried_first_in_the_next(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 1000
    simulation.run_to_the_end()
    simulation.script.failures.clear()

    # A day has passed with attempts; its moment is in the first half of the tenth.
    simulation.clock.advance(timedelta(days=9, hours=2))
    assert simulation.begin_due() == 1
    simulation.run_to_the_end()

    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_due_rotation_begins_once_in_its_window(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.run_to_the_end()

    simulation.clock.advance(timedelta(days=10) - timedelta(hours=11))
    before = simulation.begin_due()
    # Its moment is in the first half of the window, which is the whole day.
    simulation.clock.advance(timedelta(hours=12, minutes=30))
    in_window = simulation.begin_due()
    again = simulation.begin_due()
    simulation.run_to_the_end()

    assert (before, in_window, again) == (0, 1, 0)
    assert simulation.latest().token != TOKEN
    simulation.assert_sound()


def test_a_function_that_does_not_move_current_is_not_believed(store: Database) -> None:
    simulation = Simulation(store)
    simulation.script.moves_current = False
    simulation.rotate()

    simulation.run_until(NOW + RETRY_WITHOUT_WINDOW)

    running = simulation.running()
    assert running is not None
    assert running.failure is not None
    assert running.failure.cause is Cause.LABELS_NOT_MOVED
    assert simulation.stages() == {"AWSCURRENT": FIRST, "AWSPENDING": TOKEN}


@pytest.mark.parametrize("step", [Step.TEST, Step.FINISH])
def test_a_rotation_whose_value_the_target_has_goes_on_when_its_window_is_over(
    store: Database, step: Step
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[step] = 1000
    simulation.run_until(NOW + 3 * RETRY_WITHOUT_WINDOW)
    simulation.script.failures.clear()

    simulation.run_to_the_end()

    assert simulation.clock.now() > NOW + 3 * RETRY_WITHOUT_WINDOW
    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_rotation_that_no_engine_took_up_in_its_window_waits_for_the_next(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()

    simulation.clock.advance(RETRY_WITHOUT_WINDOW)
    simulation.run_to_the_end()

    latest = simulation.latest()
    assert (latest.state, simulation.script.events) == (State.FAILED, [])
    assert latest.failure is not None
    assert latest.failure.cause is Cause.WINDOW_CLOSED
    simulation.assert_sound()


@pytest.mark.parametrize("is_changed", [False, True])
def test_a_rotation_cut_off_in_its_window_goes_on_later_only_if_the_target_may_be_changed(
    store: Database, is_changed: bool
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    # createSecret is the first call, setSecret the second.
    simulation.script.cuts_power = (2 if is_changed else 1, True)
    with pytest.raises(PowerCutError):
        simulation.runner().run_next()
    simulation.restart()

    simulation.clock.advance(RETRY_WITHOUT_WINDOW)
    simulation.run_to_the_end()

    expected = State.SUCCEEDED if is_changed else State.FAILED
    assert simulation.latest().state is expected
    simulation.assert_sound()


def test_a_value_that_the_target_refuses_is_replaced_by_a_fresh_one(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.refuses = 2

    simulation.run_to_the_end()

    latest, second, first = simulation.history()
    assert [first.token, first.state, second.state] == [TOKEN, State.FAILED, State.FAILED]
    assert first.failure is not None
    assert first.failure.cause is Cause.VALUE_REFUSED
    assert (latest.state, latest.position.attempt) == (State.SUCCEEDED, 3)
    assert len({first.token, second.token, latest.token}) == 3
    assert simulation.stages() == {"AWSCURRENT": latest.token, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_value_that_is_refused_when_the_window_ends_is_not_tried_in_the_next(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.refuses = 1000

    simulation.run_to_the_end()

    assert simulation.latest().state is State.FAILED
    assert simulation.stages() == {"AWSCURRENT": FIRST}


def test_a_target_that_has_the_value_is_not_believed_when_it_refuses_it(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.stumbles = {
        Step.SET: [Stumble("Sandbox.Timedout", is_after=True), Stumble("PasswordRefusedError")]
    }

    simulation.run_to_the_end()

    assert simulation.latest().token == TOKEN
    simulation.assert_sound()


@pytest.mark.parametrize("step", STEPS)
def test_a_value_set_by_hand_during_a_rotation_abandons_it(store: Database, step: Step) -> None:
    simulation = Simulation(store)
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
    store: Database,
) -> None:
    simulation = Simulation(store)

    version_id = simulation.rotate(is_immediate=False)
    during = simulation.stages()
    simulation.run_to_the_end()

    assert during == {"AWSCURRENT": FIRST, "AWSPENDING": version_id}
    assert [event["Step"] for event in simulation.script.events] == ["testSecret"]
    assert simulation.stages() == {"AWSCURRENT": FIRST}
    simulation.assert_sound()


def test_a_cancelled_rotation_is_not_written_to_by_its_holder(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()

    def cancel(at: Step) -> None:
        if at is Step.SET:
            running = simulation.running()
            assert running is not None
            with simulation.plain.write() as connection:
                rotations.close(connection, running, State.CANCELLED, now=NOW)

    simulation.script.before_step = cancel

    simulation.run_to_the_end()

    assert simulation.latest().state is State.CANCELLED
    assert [event["Step"] for event in simulation.script.events] == ["createSecret", "setSecret"]


def test_a_lease_that_another_engine_took_over_is_lost_to_its_first_holder(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()

    another = Claimant(owner="another", at=(), per_host_max=1)

    def take_over(at: Step) -> None:
        if at is Step.SET:
            later = NOW + timedelta(hours=1)
            with simulation.plain.write() as connection:
                taken = rotation_claims.claim_due(
                    connection, another, now=later, lease_until=later
                )
            assert taken is not None

    simulation.script.before_step = take_over
    runner = simulation.runner()

    assert runner.run_next()

    assert [event["Step"] for event in simulation.script.events] == ["createSecret", "setSecret"]


def test_an_error_of_our_own_lets_go_of_the_rotation_and_it_is_tried_again(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()

    def stumble(at: Step) -> None:
        if at is Step.TEST:
            raise RuntimeError("a bug")

    simulation.script.before_step = stumble
    with pytest.raises(RuntimeError):
        simulation.runner().run_next()
    simulation.script.before_step = lambda _step: None

    assert not simulation.runner().run_next()
    simulation.clock.advance(PAUSE_AFTER_ERROR)
    simulation.run_to_the_end()

    assert simulation.latest().state is State.SUCCEEDED
    simulation.assert_sound()
