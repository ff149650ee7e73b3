from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from keyturn.model.rotation import Kind, Step
from keyturn.rotation import machine
from keyturn.rotation.machine import (
    BACKOFF_SECONDS_MAX,
    BACKOFF_SECONDS_MIN,
    Failed,
    Finish,
    GiveUp,
    Invoke,
    Position,
    Retry,
    Succeeded,
)

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)


def test_steps_follow_each_other_and_the_last_one_finishes() -> None:
    position, seen = Position(Kind.ROTATION, Step.CREATE, 1), [Step.CREATE]

    while isinstance(
        move := machine.next_move(position, Succeeded(), now=NOW, retry_until=LATER), Invoke
    ):
        position = move.position
        seen.append(position.step)

    assert seen == [Step.CREATE, Step.SET, Step.TEST, Step.FINISH]
    assert move == Finish()


def test_a_test_of_the_configuration_has_one_step() -> None:
    position = Position(Kind.TEST, Step.TEST, 1)

    assert machine.next_move(position, Succeeded(), now=NOW, retry_until=LATER) == Finish()


@pytest.mark.parametrize("step", list(Step))
def test_a_failed_step_begins_the_next_attempt_at_the_first_step(step: Step) -> None:
    position = Position(Kind.ROTATION, step, 1)

    move = machine.next_move(position, Failed("refused"), now=NOW, retry_until=LATER)

    expected = Position(Kind.ROTATION, Step.CREATE, 2)
    assert move == Retry(expected, NOW + timedelta(seconds=BACKOFF_SECONDS_MIN), "refused")


def test_an_attempt_that_would_begin_when_the_time_is_over_is_not_made() -> None:
    position = Position(Kind.ROTATION, Step.SET, 1)
    in_a_minute = NOW + timedelta(seconds=BACKOFF_SECONDS_MIN)

    move = machine.next_move(position, Failed("refused"), now=NOW, retry_until=in_a_minute)

    assert move == GiveUp("refused")


def test_a_failed_test_of_the_configuration_is_not_repeated() -> None:
    position = Position(Kind.TEST, Step.TEST, 1)

    move = machine.next_move(position, Failed("refused"), now=NOW, retry_until=LATER)

    assert move == GiveUp("refused")


def test_the_pause_doubles_up_to_its_limit() -> None:
    seconds = [machine.backoff(attempt).total_seconds() for attempt in range(1, 8)]

    assert seconds == [60, 120, 240, 480, 960, 1800, 1800]


@given(st.integers(1, 10_000))
def test_the_pause_is_always_within_its_limits(attempt: int) -> None:
    pause = machine.backoff(attempt).total_seconds()

    assert BACKOFF_SECONDS_MIN <= pause <= BACKOFF_SECONDS_MAX


@pytest.mark.parametrize(
    ("stages", "is_abandoned", "is_complete"),
    [
        ({"AWSCURRENT": "old", "AWSPENDING": "new"}, False, False),
        ({"AWSCURRENT": "by hand", "AWSPENDING": "new"}, True, False),
        ({"AWSCURRENT": "new", "AWSPENDING": "new", "AWSPREVIOUS": "old"}, False, True),
        ({"AWSCURRENT": "new", "AWSPREVIOUS": "old"}, False, True),
        ({"AWSCURRENT": "new", "AWSPENDING": "other"}, False, False),
        ({"AWSCURRENT": "other", "AWSPREVIOUS": "old"}, True, False),
        ({"AWSCURRENT": "old", "AWSPENDING": "other"}, True, False),
        ({"AWSCURRENT": "old"}, True, False),
        ({"AWSCURRENT": "other", "AWSPREVIOUS": "new"}, True, False),
    ],
)
def test_the_labels_decide_whether_a_rotation_is_over(
    stages: dict[str, str], is_abandoned: bool, is_complete: bool
) -> None:
    assert machine.is_abandoned(stages, "new", started_from="old") is is_abandoned
    assert machine.is_complete(stages, "new") is is_complete


def test_a_secret_without_a_value_is_rotated_from_nothing() -> None:
    stages = {"AWSPENDING": "new"}

    assert not machine.is_abandoned(stages, "new", started_from=None)
    assert machine.is_abandoned({**stages, "AWSCURRENT": "by hand"}, "new", started_from=None)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ({"AWSCURRENT": "v"}, False),
        ({"AWSCURRENT": "v", "AWSPENDING": "v"}, False),
        ({"AWSCURRENT": "v", "AWSPENDING": "w"}, True),
        ({"AWSPENDING": "w"}, True),
        ({}, False),
    ],
)
def test_a_pending_version_that_is_not_current_is_an_incomplete_rotation(
    stages: dict[str, str], expected: bool
) -> None:
    assert machine.is_incomplete(stages) is expected
