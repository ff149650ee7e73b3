from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keyturn.model.rotation import Cause, Step, Target
from keyturn.rotation import host
from keyturn.rotation.host import PAUSE_SECONDS_MIN
from keyturn.store import rotation_hosts
from keyturn.store.database import Database
from keyturn.store.rotation_hosts import FAILURES_MAX, PAUSE_SECONDS_MAX
from support.store import make_database

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
DEAD = Target(host="dead", user="app")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = make_database(tmp_path)
    yield database
    database.close()


def note(
    database: Database, *causes: Cause | None, step: Step = Step.SET, target: Target = DEAD
) -> dict[str, bool]:
    """Note outcomes; return the hosts in trouble afterwards, and whether they are left alone."""
    with database.write() as connection:
        for cause in causes:
            host.note_outcome(connection, target, step, cause, NOW)
        return rotation_hosts.troubled(connection, NOW)


@pytest.mark.parametrize("cause", [Cause.TARGET_UNREACHABLE, Cause.FUNCTION_TIMED_OUT])
def test_a_host_that_wasnt_reached_so_often_in_a_row_is_in_trouble(
    database: Database, cause: Cause
) -> None:
    almost = note(database, *[cause] * (FAILURES_MAX - 1))
    often = note(database, cause)

    assert (almost, often) == ({}, {"dead": True})


@pytest.mark.parametrize("answer", [None, Cause.LOGIN_REFUSED, Cause.VALUE_REFUSED])
def test_a_host_that_answers_is_well_again_whatever_it_says(
    database: Database, answer: Cause | None
) -> None:
    note(database, *[Cause.TARGET_UNREACHABLE] * FAILURES_MAX)

    assert note(database, answer, step=Step.TEST) == {}
    assert note(database, *[Cause.TARGET_UNREACHABLE] * (FAILURES_MAX - 1)) == {}


@pytest.mark.parametrize("cause", [Cause.UNKNOWN, Cause.FUNCTION_BROKEN, Cause.ACCESS_DENIED])
def test_a_failure_that_says_nothing_of_the_host_changes_nothing(
    database: Database, cause: Cause
) -> None:
    before = note(database, *[Cause.TARGET_UNREACHABLE] * FAILURES_MAX)

    assert note(database, cause) == before


@pytest.mark.parametrize("step", [Step.CREATE, Step.FINISH])
def test_steps_that_dont_touch_the_host_say_nothing_of_it(database: Database, step: Step) -> None:
    assert note(database, *[Cause.FUNCTION_TIMED_OUT] * 9, step=step) == {}


@pytest.mark.parametrize(
    ("passed", "is_left_alone"),
    [
        (timedelta(seconds=PAUSE_SECONDS_MIN) - timedelta(milliseconds=1), True),
        (timedelta(seconds=PAUSE_SECONDS_MIN), False),
        # The clock was put back: nobody waits for what it said.
        (timedelta(seconds=-PAUSE_SECONDS_MAX), False),
    ],
)
def test_a_host_is_left_alone_for_its_pause_and_no_longer(
    database: Database, passed: timedelta, is_left_alone: bool
) -> None:
    note(database, *[Cause.TARGET_UNREACHABLE] * FAILURES_MAX)

    with database.read() as connection:
        assert rotation_hosts.troubled(connection, NOW + passed) == {"dead": is_left_alone}


def test_a_secret_whose_host_isnt_known_is_no_hosts_trouble(database: Database) -> None:
    assert note(database, *[Cause.TARGET_UNREACHABLE] * 9, target=Target()) == {}


def test_the_pause_doubles_up_to_its_limit() -> None:
    pauses = [host.pause_after(FAILURES_MAX + further) for further in range(7)]

    assert [pause.total_seconds() for pause in pauses] == [60, 120, 240, 480, 960, 1800, 1800]
    assert host.pause_after(10**6).total_seconds() == PAUSE_SECONDS_MAX
