"""What clients do while a rotation is under way, and what fails in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from keyturn.model.rotation import Cause, State, Step
from keyturn.rotation import clock_put_back, external, plan, request as requests
from keyturn.rotation.run import LEASE, WAIT_FOR_RESTORE
from keyturn.secrets import lifecycle, versions
from keyturn.store import secrets as rows
from keyturn.store.database import Database
from rotation.simulator import FIRST, NOW, TOKEN, Simulation, Stumble

OTHER_TOKEN = "22222222-2222-4222-8222-222222222222"
A_DAY = timedelta(days=1)


def cancel(simulation: Simulation) -> None:
    with simulation.plain.write() as connection:
        requests.cancel(connection, simulation.secret(connection), simulation.clock.now())


def remove_pending(simulation: Simulation, token: str = TOKEN) -> None:
    with simulation.plain.write() as connection:
        secret = simulation.secret(connection)
        versions.move_stage(
            connection,
            secret,
            "AWSPENDING",
            remove_from=token,
            move_to=None,
            now=simulation.clock.now(),
        )


def delete(simulation: Simulation) -> None:
    with simulation.plain.write() as connection:
        secret = simulation.secret(connection)
        lifecycle.schedule_deletion(
            connection, secret, recovery_days=7, now=simulation.clock.now()
        )


def restore(simulation: Simulation) -> None:
    with simulation.plain.write() as connection:
        lifecycle.restore(connection, simulation.secret(connection), simulation.clock.now())


def window_opens_in(simulation: Simulation) -> timedelta:
    with simulation.plain.read() as connection:
        window = simulation.secret(connection).next_window
    assert window is not None
    return window.opens_at - simulation.clock.now()


def test_the_next_rotation_waits_for_a_function_that_still_runs_for_a_closed_one(
    store: Database,
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    runner = simulation.runner()
    simulation.script.failures[Step.SET] = 1
    claimed: list[bool] = []

    def overtake(at: Step) -> None:
        if at is Step.SET and not claimed:
            cancel(simulation)
            remove_pending(simulation)
            simulation.rotate(token=OTHER_TOKEN)
            claimed.append(simulation.runner().run_next())

    simulation.script.before_step = overtake
    runner.run_next()
    simulation.run_to_the_end()

    assert claimed == [False]
    assert [each.state for each in simulation.history()] == [State.SUCCEEDED, State.CANCELLED]
    assert simulation.stages()["AWSCURRENT"] == OTHER_TOKEN


def test_an_engine_that_cannot_write_lets_go_when_its_lease_ends(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    runner = simulation.runner()
    simulation.script.before_step = lambda _step: simulation.database.refuse_writes(2)

    with pytest.raises(OSError, match="disk"):
        runner.run_next()
    simulation.script.before_step = lambda _step: None
    simulation.clock.advance(LEASE)

    assert runner.run_next()
    assert simulation.latest().state is State.SUCCEEDED
    simulation.assert_sound()


@pytest.mark.parametrize("step", list(Step))
def test_a_secret_deleted_and_restored_during_a_rotation_keeps_the_value_that_the_target_has(
    store: Database, step: Step
) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.after_step = lambda at: delete(simulation) if at is step else None
    simulation.runner().run_next()
    simulation.script.after_step = lambda _step: None
    simulation.clock.advance(A_DAY / 2)
    while simulation.runner().run_next():
        continue
    calls_while_deleted = len(simulation.script.events)
    restore(simulation)

    simulation.clock.advance(WAIT_FOR_RESTORE)
    simulation.run_to_the_end()

    assert calls_while_deleted == list(Step).index(step) + 1
    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_rotation_asked_for_that_fails_does_not_put_off_one_that_is_overdue(
    store: Database,
) -> None:
    simulation = Simulation(store, expression="rate(90 days)")
    simulation.rotate()
    simulation.run_to_the_end()
    simulation.clock.advance(100 * A_DAY)
    simulation.script.failures[Step.SET] = 10_000

    simulation.rotate(token=OTHER_TOKEN)
    simulation.run_to_the_end()

    assert simulation.latest().state is State.FAILED
    assert timedelta(0) < window_opens_in(simulation) <= A_DAY


def test_a_window_waits_for_the_rotation_that_is_under_way(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.run_to_the_end()
    simulation.clock.advance(9 * A_DAY + timedelta(hours=13))
    opens_in = window_opens_in(simulation)
    simulation.rotate(token=OTHER_TOKEN, is_immediate=False)

    simulation.clock.advance(timedelta(hours=13))
    simulation.begin_due()
    is_kept = window_opens_in(simulation) == opens_in - timedelta(hours=13)
    simulation.run_to_the_end()
    simulation.clock.advance(timedelta(hours=10))
    began = simulation.begin_due()
    simulation.run_to_the_end()

    assert (is_kept, began) == (True, 1)
    assert simulation.latest().token not in (TOKEN, OTHER_TOKEN)
    simulation.assert_sound()


def test_a_cancelled_test_of_the_configuration_leaves_nothing(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate(is_immediate=False)

    cancel(simulation)

    assert simulation.stages() == {"AWSCURRENT": FIRST}


def test_a_secret_that_becomes_a_partners_is_not_rotated_any_more(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()

    with simulation.plain.write() as connection:
        secret = simulation.secret(connection)
        rows.save(connection, secret.id, secret_type="SalesforceClientSecret")
        external.configure(
            connection,
            simulation.secret(connection),
            external.ExternalRequest(
                metadata=[], role_arn=None, lambda_arn=None, rules=None, is_immediate=False
            ),
            NOW,
        )
    simulation.run_to_the_end()

    assert (simulation.latest().state, simulation.script.events) == (State.CANCELLED, [])


def test_a_value_set_by_hand_while_rotation_is_off_counts(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.run_to_the_end()
    cancel(simulation)
    simulation.clock.advance(40 * A_DAY)
    with simulation.plain.write() as connection:
        plan.note_valid_rotation(
            connection, simulation.secret(connection).id, simulation.clock.now()
        )

    simulation.rotate(token=OTHER_TOKEN, is_immediate=False)

    assert window_opens_in(simulation) > 9 * A_DAY


def test_repeating_the_rules_in_an_open_window_does_not_put_its_moment_off(
    store: Database,
) -> None:
    simulation = Simulation(store, expression="cron(0 8 * * ? *)")
    moments = set()

    for number in range(30):
        simulation.rotate(token=f"{number:032}", is_immediate=False)
        simulation.run_to_the_end()
        with simulation.plain.read() as connection:
            moments.add(simulation.secret(connection).rotates_at)
        simulation.clock.advance(timedelta(minutes=2))

    assert len(moments) == 1


def test_a_value_is_only_refused_by_the_target(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.stumbles[Step.CREATE] = [Stumble("PasswordRefusedError")]

    simulation.run_to_the_end()

    assert simulation.latest().token == TOKEN
    simulation.assert_sound()


@contextmanager
def a_year_ahead(simulation: Simulation) -> Iterator[None]:
    simulation.clock.advance(366 * A_DAY)
    yield
    simulation.clock.advance(-366 * A_DAY)


def test_what_a_clock_that_was_ahead_wrote_down_is_not_waited_for(store: Database) -> None:
    simulation = Simulation(store, expression="rate(4 hours)")
    with a_year_ahead(simulation):
        simulation.rotate()
        simulation.run_to_the_end()
        simulation.rotate(token=OTHER_TOKEN)
        simulation.script.failures[Step.CREATE] = 1
        simulation.runner().run_next()

    with simulation.plain.write() as connection:
        clock_put_back.heal(connection, simulation.clock.now())

    assert simulation.runner().run_next()
    assert simulation.stages()["AWSCURRENT"] == OTHER_TOKEN
    assert window_opens_in(simulation) <= timedelta(hours=4)
    simulation.assert_sound()


def test_a_version_that_cannot_be_decrypted_is_a_failure_like_any_other(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 1
    with simulation.plain.write() as connection:
        connection.exec_driver_sql(
            "UPDATE secret_versions SET sealed = x'00' WHERE sealed NOT NULL"
        )

    simulation.runner().run_next()

    running = simulation.running()
    assert running is not None
    assert running.failure is not None
    assert running.position.attempt == 2
    assert running.failure.cause is Cause.UNKNOWN
    assert "can't be decrypted" in running.failure.reason


def test_a_secret_that_cannot_be_begun_is_looked_at_again_later(store: Database) -> None:
    simulation = Simulation(store)
    with simulation.plain.write() as connection:
        plan.look_again(connection, simulation.secret(connection).id, NOW)
        secret = simulation.secret(connection)

    assert secret.rotates_at is not None
    assert secret.rotates_at > NOW
