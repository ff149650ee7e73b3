from datetime import UTC, datetime, timedelta

from hypothesis import given, strategies as st
import pytest

from keyturn.model.rotation import Cause, Failure, Kind, Position, Remedy, Step
from keyturn.rotation import machine
from keyturn.rotation.machine import (
    BACKOFF_SECONDS_MAX,
    BACKOFF_SECONDS_MIN,
    JITTER_SHARE_MAX,
    Finish,
    GiveUp,
    Invoke,
    Prospects,
    Renew,
    Retry,
    Succeeded,
)

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
UNKNOWN = Failure(Cause.UNKNOWN, "no")
REFUSED = Failure(Cause.VALUE_REFUSED, "too short")
CAUSES = st.sampled_from(list(Cause))


def prospects(
    *, left: timedelta = timedelta(hours=2), may_be_set: bool = False, jitter: float = 0
) -> Prospects:
    return Prospects(now=NOW, retry_until=NOW + left, may_be_set=may_be_set, jitter=jitter)


def at(step: Step, attempt: int = 1, kind: Kind = Kind.ROTATION) -> Position:
    return Position(kind, step, attempt)


def test_steps_follow_each_other_and_the_last_one_finishes() -> None:
    position, seen = at(Step.CREATE), [Step.CREATE]

    while isinstance(move := machine.next_move(position, Succeeded(), prospects()), Invoke):
        position = move.position
        seen.append(position.step)

    assert seen == [Step.CREATE, Step.SET, Step.TEST, Step.FINISH]
    assert move == Finish()


def test_a_test_of_the_configuration_has_one_step() -> None:
    position = at(Step.TEST, kind=Kind.TEST)

    assert machine.next_move(position, Succeeded(), prospects()) == Finish()


@pytest.mark.parametrize("step", list(Step))
def test_a_failed_step_begins_the_next_attempt_at_the_first_step(step: Step) -> None:
    move = machine.next_move(at(step), UNKNOWN, prospects())

    a_minute = timedelta(seconds=BACKOFF_SECONDS_MIN)
    assert move == Retry(at(Step.CREATE, 2), NOW + a_minute, UNKNOWN)


def test_an_attempt_that_would_begin_when_the_window_is_over_is_not_made() -> None:
    in_a_minute = prospects(left=timedelta(seconds=BACKOFF_SECONDS_MIN))

    assert machine.next_move(at(Step.SET), UNKNOWN, in_a_minute) == GiveUp(UNKNOWN)


def test_a_window_that_is_over_does_not_end_a_rotation_whose_value_the_target_may_have() -> None:
    is_over = prospects(left=timedelta(0), may_be_set=True)

    assert isinstance(machine.next_move(at(Step.TEST), UNKNOWN, is_over), Retry)


def test_a_failed_test_of_the_configuration_is_not_repeated() -> None:
    position = at(Step.TEST, kind=Kind.TEST)

    assert machine.next_move(position, UNKNOWN, prospects()) == GiveUp(UNKNOWN)


def test_a_refused_value_is_renewed() -> None:
    move = machine.next_move(at(Step.SET), REFUSED, prospects())

    a_minute = timedelta(seconds=BACKOFF_SECONDS_MIN)
    assert move == Renew(at(Step.CREATE, 2), NOW + a_minute, REFUSED)


def test_a_refused_value_that_the_target_may_have_is_kept() -> None:
    move = machine.next_move(at(Step.SET), REFUSED, prospects(may_be_set=True))

    assert isinstance(move, Retry)


def test_the_pause_doubles_up_to_its_limit() -> None:
    pauses = [machine.backoff(attempt, Cause.UNKNOWN) for attempt in range(1, 8)]

    assert [pause.total_seconds() for pause in pauses] == [60, 120, 240, 480, 960, 1800, 1800]


def test_what_only_a_person_can_repair_is_not_hurried() -> None:
    pause = machine.backoff(1, Cause.ACCESS_DENIED)

    assert pause == timedelta(seconds=BACKOFF_SECONDS_MAX)


@given(st.integers(1, 10_000), CAUSES)
def test_the_pause_is_always_within_its_limits(attempt: int, cause: Cause) -> None:
    pause = machine.backoff(attempt, cause).total_seconds()

    assert BACKOFF_SECONDS_MIN <= pause <= BACKOFF_SECONDS_MAX


@given(
    step=st.sampled_from(list(Step)),
    attempt=st.integers(1, 100),
    cause=CAUSES,
    left_minutes=st.integers(-60, 24 * 60),
    may_be_set=st.booleans(),
    jitter=st.floats(0, 1, exclude_max=True),
)
def test_another_attempt_comes_after_its_pause_and_a_little_later_at_most(
    step: Step,
    attempt: int,
    cause: Cause,
    left_minutes: int,
    may_be_set: bool,
    jitter: float,
) -> None:
    outlook = prospects(left=timedelta(minutes=left_minutes), may_be_set=may_be_set, jitter=jitter)

    move = machine.next_move(at(step, attempt), Failure(cause, "no"), outlook)

    pause = machine.backoff(attempt, cause)
    fits = NOW + pause < outlook.retry_until
    assert isinstance(move, GiveUp) is not (fits or may_be_set)
    if isinstance(move, Retry | Renew):
        assert NOW + pause <= move.at <= NOW + pause * (1 + JITTER_SHARE_MAX)
        assert move.position == at(Step.CREATE, attempt + 1)
        is_refused = step is Step.SET and cause.remedy is Remedy.FRESH_VALUE
        is_renewed = is_refused and not may_be_set
        assert isinstance(move, Renew) is is_renewed


@pytest.mark.parametrize(
    ("step", "outcome", "before", "expected"),
    [
        (Step.CREATE, Succeeded(), False, False),
        (Step.SET, Succeeded(), False, True),
        (Step.SET, UNKNOWN, False, True),
        (Step.SET, REFUSED, False, False),
        (Step.SET, REFUSED, True, True),
        (Step.SET, Failure(Cause.TARGET_UNREACHABLE, "down"), False, False),
        (Step.SET, Failure(Cause.CONNECTION_LOST, "broke"), False, True),
        (Step.SET, Failure(Cause.FUNCTION_BROKEN, "answer too long"), False, True),
        (Step.SET, Failure(Cause.FUNCTION_TIMED_OUT, "3 s"), False, True),
        (Step.SET, Failure(Cause.FUNCTION_CRASHED, "gone"), False, True),
        (Step.TEST, UNKNOWN, True, True),
        (Step.TEST, UNKNOWN, False, False),
    ],
)
def test_only_a_clear_refusal_of_set_secret_says_that_the_target_lacks_the_value(
    step: Step, outcome: machine.Outcome, before: bool, expected: bool
) -> None:
    assert machine.may_be_set_after(step, outcome, may_be_set=before) is expected


@pytest.mark.parametrize(
    ("left", "may_be_set", "expected"),
    [
        (timedelta(milliseconds=1), False, False),
        (timedelta(0), False, True),
        (timedelta(0), True, False),
    ],
)
def test_a_rotation_taken_up_after_its_window_waits_unless_the_target_may_have_the_value(
    left: timedelta, may_be_set: bool, expected: bool
) -> None:
    assert machine.begins_too_late(prospects(left=left, may_be_set=may_be_set)) is expected


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
