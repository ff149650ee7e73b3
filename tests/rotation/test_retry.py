"""Trying a rotation again that waits or was given up."""

from datetime import timedelta

import pytest

from keyturn.model.rotation import State, Step
from keyturn.rotation import request
from keyturn.rotation.begin import RETRY_WITHOUT_WINDOW
from keyturn.rotation.retry import NothingToRetryError, retry
from keyturn.secrets import lifecycle
from keyturn.store.database import Database
from rotation.simulator import FIRST, TOKEN, Simulation


def ask(simulation: Simulation) -> str:
    with simulation.plain.write() as connection:
        return retry(
            connection,
            simulation.keyring,
            simulation.secret(connection),
            simulation.clock.now(),
        )


def test_a_rotation_that_waits_goes_on_at_once_under_its_token(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 1
    simulation.runner().run_next()
    assert not simulation.runner().run_next()

    token = ask(simulation)
    simulation.runner().run_next()

    assert token == TOKEN
    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_rotation_that_was_given_up_begins_again_under_its_token(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.script.failures[Step.SET] = 10_000
    simulation.run_until(simulation.clock.now() + 2 * RETRY_WITHOUT_WINDOW)
    given_up = simulation.latest().state
    simulation.script.failures.clear()

    token = ask(simulation)
    simulation.run_to_the_end()

    assert (given_up, token) == (State.FAILED, TOKEN)
    assert simulation.stages() == {"AWSCURRENT": TOKEN, "AWSPREVIOUS": FIRST}
    simulation.assert_sound()


def test_a_rotation_that_somebody_is_at_is_left_to_them(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    refused = []

    def retry_meanwhile(at: Step) -> None:
        with pytest.raises(NothingToRetryError, match=f"is at {at.value}") as error:
            ask(simulation)
        refused.append(error)

    simulation.script.before_step = retry_meanwhile

    simulation.run_to_the_end()

    assert len(refused) == len(Step)
    simulation.assert_sound()


def test_a_secret_that_has_rotated_has_nothing_to_retry(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    simulation.run_to_the_end()

    with pytest.raises(NothingToRetryError, match="rotate-secret"):
        ask(simulation)


def test_a_secret_scheduled_for_deletion_is_to_be_restored_first(store: Database) -> None:
    simulation = Simulation(store)
    simulation.rotate()
    with simulation.plain.write() as connection:
        secret = simulation.secret(connection)
        lifecycle.schedule_deletion(
            connection, secret, recovery_days=7, now=simulation.clock.now()
        )

    with pytest.raises(NothingToRetryError, match="restore-secret"):
        ask(simulation)


def test_a_secret_whose_rotation_is_off_is_not_rotated(store: Database) -> None:
    simulation = Simulation(store)
    with pytest.raises(NothingToRetryError, match="is off"):
        ask(simulation)
    simulation.rotate()
    with simulation.plain.write() as connection:
        request.cancel(connection, simulation.secret(connection), simulation.clock.now())
    simulation.clock.advance(timedelta(hours=1))

    with pytest.raises(NothingToRetryError, match="is off"):
        ask(simulation)
