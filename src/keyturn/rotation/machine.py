"""What a rotation does next. Pure: no clock, no store, no function is called.

The rules, which every caller may rely on:

* Steps run in order: createSecret, setSecret, testSecret, finishSecret; a test of the
  configuration has testSecret alone.
* A step is recorded as begun before it is invoked, so a crash repeats a step and never skips one.
  Rotation functions are idempotent for that reason.
* A failed step ends its attempt. The next attempt begins again at the first step, under the same
  token, after a pause; a pause doubles each time, and is the longest at once where only a person
  can help. No attempt begins after ``retry_until``: the next window goes on.
* Once the target may have the pending value, that isn't so: nobody may be able to log in with
  AWSCURRENT any more, so attempts go on, window or not, until one succeeds.
* A value that the target refuses isn't tried again: a fresh one is, under a fresh token.
* A rotation is over when the labels say so, not when the function says so: AWSCURRENT must be on
  the rotation's version.
* When AWSCURRENT or AWSPENDING is taken away by somebody else, the rotation is abandoned: its old
  value must not be promoted any more.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_how.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never

from keyturn.model.rotation import FIRST_STEP, Cause, Failure, Kind, Position, Remedy, Step
from keyturn.model.secret import AWSCURRENT, AWSPENDING

BACKOFF_SECONDS_MIN: Final = 60
BACKOFF_SECONDS_MAX: Final = 1800
#: How much longer than its length a pause may be, so that many that failed at once don't return
#: at once.
JITTER_SHARE_MAX: Final = 0.25

_STEP_AFTER: Final = {
    Step.CREATE: Step.SET,
    Step.SET: Step.TEST,
    Step.TEST: Step.FINISH,
    Step.FINISH: None,
}
# Where setSecret fails with one of these, the target has not taken the value. From any other cause
# nobody can tell whether the function did its work before it failed.
_SURELY_NOT_SET: Final = frozenset(
    {
        Cause.TARGET_UNREACHABLE,
        Cause.TLS_REFUSED,
        Cause.LOGIN_REFUSED,
        Cause.LOGIN_FAILED,
        Cause.RIGHT_MISSING,
        Cause.VALUE_REFUSED,
        Cause.TARGET_READ_ONLY,
        Cause.STATEMENT_FAILED,
        Cause.SECRET_UNUSABLE,
        Cause.NOT_ROTATABLE,
        Cause.ACCESS_DENIED,
        Cause.API_UNREACHABLE,
        Cause.FUNCTION_NOT_INVOCABLE,
        Cause.FUNCTION_UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The function returned without an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospects:
    """What decides whether another attempt is made, and when.

    Attributes:
        retry_until: when the window closes.
        may_be_set: the target may have the pending value.
        jitter: from 0 up to 1, at random.
    """

    now: datetime
    retry_until: datetime
    may_be_set: bool
    jitter: float


@dataclass(frozen=True, slots=True)
class Invoke:
    """Invoke the function for this step, at once."""

    position: Position


@dataclass(frozen=True, slots=True)
class Retry:
    """Begin the next attempt at ``at``."""

    position: Position
    at: datetime
    failure: Failure


@dataclass(frozen=True, slots=True)
class Renew:
    """End here, take AWSPENDING off the refused version, and begin with a fresh one at ``at``."""

    position: Position
    at: datetime
    failure: Failure


@dataclass(frozen=True, slots=True)
class Finish:
    """The steps are done: check the labels and close the rotation."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Try no more until the next window."""

    failure: Failure


Outcome = Succeeded | Failure
Move = Invoke | Retry | Renew | Finish | GiveUp


def next_move(position: Position, outcome: Outcome, prospects: Prospects) -> Move:
    """Return what follows ``outcome`` of the step at ``position``."""
    match outcome:
        case Succeeded():
            following = None if position.kind is Kind.TEST else _STEP_AFTER[position.step]
            if following is None:
                return Finish()
            return Invoke(Position(position.kind, following, position.attempt))
        case Failure():
            return after_failure(position, outcome, prospects)
        case _:
            assert_never(outcome)


def after_failure(
    position: Position, failure: Failure, prospects: Prospects
) -> Retry | Renew | GiveUp:
    """Return the next attempt, or the end when it would begin too late.

    A test isn't repeated: it answers whether the configuration works now.
    """
    pause = backoff(position.attempt, failure.cause)
    is_too_late = prospects.now + pause >= prospects.retry_until
    if position.kind is Kind.TEST or (is_too_late and not prospects.may_be_set):
        return GiveUp(failure)
    at = prospects.now + pause * (1 + JITTER_SHARE_MAX * prospects.jitter)
    if at >= prospects.retry_until:
        at = prospects.now + pause
    following = Position(position.kind, FIRST_STEP[position.kind], position.attempt + 1)
    if is_refused_value(position.step, failure, may_be_set=prospects.may_be_set):
        return Renew(following, at, failure)
    return Retry(following, at, failure)


def is_refused_value(step: Step, failure: Failure, *, may_be_set: bool) -> bool:
    """Return whether the pending value can be thrown away, because the target refuses it.

    Only setSecret asks the target. A target that may have the value already isn't believed: many
    refuse one that they have.
    """
    is_refusal = step is Step.SET and failure.cause.remedy is Remedy.FRESH_VALUE
    return is_refusal and not may_be_set


def backoff(attempt: int, cause: Cause) -> timedelta:
    """Return the pause after a failed attempt: a minute, then twice as long each time."""
    if cause.remedy is Remedy.REPAIR:
        return timedelta(seconds=BACKOFF_SECONDS_MAX)
    doublings = min(attempt - 1, 16)
    return timedelta(seconds=min(BACKOFF_SECONDS_MIN * 2**doublings, BACKOFF_SECONDS_MAX))


def may_be_set_after(step: Step, outcome: Outcome, *, may_be_set: bool) -> bool:
    """Return whether the target may have the pending value, now that a step has ended."""
    if step is not Step.SET:
        return may_be_set
    is_refusal = isinstance(outcome, Failure) and outcome.cause in _SURELY_NOT_SET
    return may_be_set or not is_refusal


def begins_too_late(prospects: Prospects) -> bool:
    """Return whether a rotation that is taken up now had better wait for its next window."""
    return prospects.now >= prospects.retry_until and not prospects.may_be_set


def is_abandoned(stages: Mapping[str, str], token: str, *, started_from: str | None) -> bool:
    """Return whether somebody made the rotation pointless.

    Its version must be pending, or current once it is promoted; and nobody may have set another
    value by hand since the rotation began.
    """
    current = stages.get(AWSCURRENT)
    is_out_of_the_running = token not in (stages.get(AWSPENDING), current)
    return is_out_of_the_running or current not in (started_from, token)


def is_complete(stages: Mapping[str, str], token: str) -> bool:
    """Return whether the labels say that the rotation reached its end.

    AWS: AWSPENDING and AWSCURRENT on the same version, or AWSPENDING nowhere.
    """
    return stages.get(AWSCURRENT) == token and stages.get(AWSPENDING) in (None, token)


def is_incomplete(stages: Mapping[str, str]) -> bool:
    """Return whether an earlier rotation still has its pending version."""
    pending = stages.get(AWSPENDING)
    return pending is not None and pending != stages.get(AWSCURRENT)
