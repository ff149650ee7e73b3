"""The stream of events: each is written once, in the order of things, whatever crashes."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest
from structlog.testing import capture_logs

from keyturn.engine.narrator import Narrator
from keyturn.model.event import EventName, ServiceEvent
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Step
from keyturn.model.secret import AWSPENDING, SecretValue
from keyturn.rotation import request
from keyturn.rotation.begin import RETRY_WITHOUT_WINDOW
from keyturn.secrets import lifecycle, versions
from keyturn.store import events
from keyturn.store.database import Database
from rotation.simulator import ACCOUNT, FUNCTION, NOW, REGION, TOKEN, Simulation, Stumble

STARTED, SUCCEEDED = EventName.ROTATION_STARTED, EventName.ROTATION_SUCCEEDED
FAILED, ABANDONED = EventName.ROTATION_FAILED, EventName.ROTATION_ABANDONED
TEST_STARTED = EventName.TEST_ROTATION_STARTED
TEST_SUCCEEDED, TEST_FAILED = EventName.TEST_ROTATION_SUCCEEDED, EventName.TEST_ROTATION_FAILED
# More than a rotation with one failure has.
COMMITS_MAX, CALLS_MAX = 13, 9


def written(simulation: Simulation) -> list[ServiceEvent]:
    """Return the events of the simulation's secret, in their order."""
    with simulation.plain.read() as connection:
        arn = simulation.secret(connection).arn
        found = events.read_after(connection, 0, 100_000)
    return [each.event for each in found if each.event.secret_arn == arn]


def told(simulation: Simulation) -> list[tuple[EventName, str]]:
    return [(event.name, event.token) for event in written(simulation)]


def put_by_hand(simulation: Simulation) -> None:
    value = SecretValue("string", Plaintext(b"by-hand"))
    new = versions.NewVersion(token="by-hand".ljust(32, "-"), value=value)
    with simulation.plain.write() as connection:
        secret = simulation.secret(connection)
        versions.store_value(connection, simulation.keyring, secret, new, simulation.clock.now())


def remove_pending(simulation: Simulation) -> None:
    with simulation.plain.write() as connection:
        versions.move_stage(
            connection,
            simulation.secret(connection),
            AWSPENDING,
            remove_from=TOKEN,
            move_to=None,
            now=simulation.clock.now(),
        )


def during(step: Step, act: Callable[[Simulation], None], simulation: Simulation) -> None:
    """Have something done while the function runs, once."""
    left = [act]

    def interfere(at: Step) -> None:
        if at is step and left:
            left.pop()(simulation)

    simulation.script.before_step = interfere


def test_rotation_that_succeeds_is_told_when_it_starts_and_when_it_has_succeeded(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.clock.advance(timedelta(seconds=3))

    simulation.run_to_the_end()

    started, succeeded = written(simulation)
    assert (started.name, succeeded.name) == (STARTED, SUCCEEDED)
    assert (started.at, succeeded.at) == (NOW, NOW + timedelta(seconds=3))
    assert started.event_id != succeeded.event_id
    for event in (started, succeeded):
        assert (event.account, event.region, event.token) == (ACCOUNT, REGION, TOKEN)
        assert (event.error_message, event.cause, event.reason) == (None, None, None)
        assert event.request_id == f"Rotation-{event.secret_arn}-{TOKEN}"


@pytest.mark.parametrize("step", list(Step))
def test_each_attempt_that_fails_is_told_once_in_aws_s_words_and_in_ours(
    store: Database, step: Step
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[step] = 3

    simulation.run_to_the_end()

    assert told(simulation) == [(STARTED, TOKEN), *[(FAILED, TOKEN)] * 3, (SUCCEEDED, TOKEN)]
    for event in written(simulation)[1:-1]:
        assert event.error_message == (
            f"Error when executing lambda {FUNCTION} during {step.value} step"
        )
        assert event.cause == "statement_failed"
        assert event.reason == (f"{FUNCTION} failed during {step.value}: StatementFailedError: no")


def test_rotation_that_is_given_up_ends_with_its_last_failure(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 1000

    simulation.run_to_the_end()

    first, *failures = told(simulation)
    assert first == (STARTED, TOKEN)
    assert set(failures) == {(FAILED, TOKEN)}
    assert len(failures) == len([e for e in simulation.script.events if e["Step"] == "setSecret"])


def test_window_that_closed_before_an_attempt_is_a_failure_of_its_own_words(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.clock.advance(RETRY_WITHOUT_WINDOW)

    simulation.run_to_the_end()

    assert told(simulation) == [(STARTED, TOKEN), (FAILED, TOKEN)]
    failed = written(simulation)[-1]
    assert failed.cause == "window_closed"
    assert failed.error_message == failed.reason
    assert failed.reason is not None
    assert failed.reason.startswith("its window closed before it could begin")


def test_labels_that_were_not_moved_are_a_failure_of_the_last_step(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.moves_current = False

    simulation.runner().run_next()

    assert told(simulation) == [(STARTED, TOKEN), (FAILED, TOKEN)]
    failed = written(simulation)[-1]
    assert failed.cause == "labels_not_moved"
    assert failed.error_message == (
        f"Error when executing lambda {FUNCTION} during finishSecret step"
    )


def test_refused_value_is_a_failure_and_its_successor_a_rotation_of_its_own(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.refuses = 2

    simulation.run_to_the_end()

    third, second, first = (rotation.token for rotation in simulation.history())
    assert first == TOKEN
    assert told(simulation) == [
        *[(STARTED, first), (FAILED, first)],
        *[(STARTED, second), (FAILED, second)],
        *[(STARTED, third), (SUCCEEDED, third)],
    ]


@pytest.mark.parametrize(
    ("step", "act"),
    [
        *((step, put_by_hand) for step in (Step.CREATE, Step.SET, Step.TEST)),
        # In createSecret the function puts AWSPENDING back with its value.
        *((step, remove_pending) for step in (Step.SET, Step.TEST)),
    ],
)
def test_rotation_that_somebody_made_pointless_is_told_as_abandoned(
    store: Database, step: Step, act: Callable[[Simulation], None]
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    during(step, act, simulation)

    simulation.run_to_the_end()

    assert told(simulation) == [(STARTED, TOKEN), (ABANDONED, TOKEN)]
    assert written(simulation)[-1].error_message is None


def test_rotation_that_is_asked_for_after_one_that_is_pointless_comes_behind_its_end(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    put_by_hand(simulation)

    with simulation.plain.write() as connection:
        asked = request.RotateRequest(
            token="22222222-2222-4222-8222-222222222222",
            lambda_arn=FUNCTION,
            rules=simulation.rules,
            is_immediate=True,
        )
        secret = simulation.secret(connection)
        now = simulation.clock.now()
        request.rotate(connection, simulation.keyring, simulation.gate, secret, asked, now)

    assert told(simulation) == [
        (STARTED, TOKEN),
        (ABANDONED, TOKEN),
        (STARTED, asked.token),
    ]


def test_secret_that_is_deleted_and_restored_goes_on_without_an_event_for_it(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()

    def delete(after: Step) -> None:
        if after is Step.SET:
            with simulation.plain.write() as connection:
                secret = simulation.secret(connection)
                lifecycle.schedule_deletion(connection, secret, recovery_days=7, now=NOW)

    simulation.script.after_step = delete
    simulation.run_until(NOW + timedelta(hours=1))
    while_deleted = told(simulation)
    with simulation.plain.write() as connection:
        lifecycle.restore(connection, simulation.secret(connection), NOW)

    simulation.run_to_the_end()

    assert while_deleted == [(STARTED, TOKEN)]
    assert told(simulation) == [(STARTED, TOKEN), (SUCCEEDED, TOKEN)]


def test_rotation_that_is_cancelled_has_no_further_event(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    with simulation.plain.write() as connection:
        request.cancel(connection, simulation.secret(connection), NOW)

    simulation.run_to_the_end()

    assert told(simulation) == [(STARTED, TOKEN)]


def test_test_of_the_configuration_has_events_of_its_own(store: Database) -> None:
    simulation = Simulation(store)
    token = simulation.rotate(is_immediate=False)

    simulation.run_to_the_end()

    assert told(simulation) == [(TEST_STARTED, token), (TEST_SUCCEEDED, token)]


def test_test_that_fails_is_told_once_and_not_repeated(store: Database) -> None:
    simulation = Simulation(store)
    token = simulation.rotate(is_immediate=False)
    simulation.script.failures[Step.TEST] = 1000

    simulation.run_to_the_end()

    assert told(simulation) == [(TEST_STARTED, token), (TEST_FAILED, token)]
    failed = written(simulation)[-1]
    assert failed.error_message == f"Error when executing lambda {FUNCTION} during testSecret step"


def test_test_that_somebody_made_pointless_ends_without_an_event(store: Database) -> None:
    simulation = Simulation(store)
    token = simulation.rotate(is_immediate=False)
    during(Step.TEST, put_by_hand, simulation)

    simulation.run_to_the_end()

    assert told(simulation) == [(TEST_STARTED, token)]


def test_same_request_again_has_no_event(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.rotate()
    simulation.run_to_the_end()
    simulation.rotate()

    assert told(simulation) == [(STARTED, TOKEN), (SUCCEEDED, TOKEN)]


def test_rotation_whose_moment_has_come_is_told_like_one_that_was_asked_for(
    store: Database,
) -> None:
    simulation = Simulation(store, expression="rate(1 day)")
    simulation.rotate()
    simulation.run_to_the_end()
    with store.read() as connection:
        rotates_at = simulation.secret(connection).rotates_at
    assert rotates_at is not None
    simulation.clock.advance(rotates_at - simulation.clock.now())

    simulation.begin_due()
    simulation.run_to_the_end()

    due = simulation.latest().token
    assert due != TOKEN
    assert told(simulation)[2:] == [(STARTED, due), (SUCCEEDED, due)]


@pytest.mark.parametrize("kind", ["commit", "call"])
@pytest.mark.parametrize("failing", [None, Step.CREATE, Step.SET, Step.TEST, Step.FINISH])
def test_crash_anywhere_neither_loses_an_event_nor_tells_it_twice(
    store: Database, kind: str, failing: Step | None
) -> None:
    crashes = 0
    for at, is_after in product(range(1, COMMITS_MAX), (False, True)):
        simulation = Simulation(store)
        simulation.rotate()
        if failing is not None:
            simulation.script.stumbles[failing] = [Stumble("StatementFailedError")]
        if kind == "commit":
            simulation.database.crash_at = at
            simulation.database.crashes_before_commit = not is_after
        elif at < CALLS_MAX:
            simulation.script.cuts_power = (at, is_after)

        simulation.run_to_the_end()

        crashes += simulation.crashes
        failures = len([each for each in told(simulation) if each[0] is FAILED])
        assert told(simulation) == [
            (STARTED, TOKEN),
            *[(FAILED, TOKEN)] * failures,
            (SUCCEEDED, TOKEN),
        ]
        # An attempt that a crash cut off after its failure was never noted, and is repeated.
        assert failures == failed_attempts(simulation)
        ids = [event.event_id for event in written(simulation)]
        assert len(ids) == len(set(ids))
    assert crashes


def failed_attempts(simulation: Simulation) -> int:
    """Return how many attempts failed: each but the one that succeeded."""
    return simulation.latest().position.attempt - 1


@pytest.mark.parametrize("is_after", [False, True])
def test_crash_around_the_exchange_of_a_refused_value_tells_of_both_rotations_once(
    store: Database, is_after: bool
) -> None:
    for at in range(1, COMMITS_MAX):
        simulation = Simulation(store)
        simulation.rotate()
        simulation.script.refuses = 1
        simulation.database.crash_at = at
        simulation.database.crashes_before_commit = not is_after

        simulation.run_to_the_end()

        second, *others = (rotation.token for rotation in simulation.history())
        if others:
            assert told(simulation) == [
                *[(STARTED, TOKEN), (FAILED, TOKEN)],
                *[(STARTED, second), (SUCCEEDED, second)],
            ]
        else:
            # Cut off during setSecret, the target may have the value: the refusal isn't believed.
            names = [name for name, _ in told(simulation)]
            assert (names[0], set(names[1:-1]), names[-1]) in [
                (STARTED, {FAILED}, SUCCEEDED),
                (STARTED, set(), SUCCEEDED),
            ]


def test_log_tells_of_each_event_once_from_when_its_reader_was_made(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    narrator = Narrator(simulation.plain, "engine")
    simulation.script.failures[Step.SET] = 1
    simulation.run_to_the_end()

    with capture_logs() as lines:
        narrator.tell()
        narrator.tell()

    failed, succeeded = lines
    with simulation.plain.read() as connection:
        arn = simulation.secret(connection).arn
    assert failed == {
        "event": "RotationFailed",
        "log_level": "error",
        "secret": arn,
        "version": TOKEN,
        "cause": "statement_failed",
        "reason": f"{FUNCTION} failed during setSecret: StatementFailedError: no",
    }
    assert succeeded == {
        "event": "RotationSucceeded",
        "log_level": "info",
        "secret": arn,
        "version": TOKEN,
    }


def test_what_an_engine_left_untold_as_it_died_is_told_by_the_next(
    store: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    simulation = Simulation(store)
    Narrator(store, "engine").tell()
    simulation.rotate()
    simulation.run_to_the_end()

    Narrator(store, "engine").tell()
    told = capsys.readouterr().out
    Narrator(store, "engine").tell()
    told_again = capsys.readouterr().out

    assert [told.count(name) for name in ("RotationStarted", "RotationSucceeded")] == [1, 1]
    assert "Rotation" not in told_again
