"""What a rotation does next. Pure: no clock, no store, no function is called.

The rules, which every caller may rely on:

* Steps run in order: createSecret, setSecret, testSecret, finishSecret; a test of the
  configuration has testSecret alone.
* A step is recorded as begun before it is invoked, so a crash repeats a step and never skips one.
  Rotation functions are idempotent for that reason.
* A failed step ends its attempt. The next attempt begins again at the first step, under the same
  token, after a pause that doubles each time, as long as it begins before ``retry_until``.
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

from keyturn.model.rotation import FIRST_STEP, Kind, Step
from keyturn.model.secret import AWSCURRENT, AWSPENDING

BACKOFF_SECONDS_MIN: Final = 60
BACKOFF_SECONDS_MAX: Final = 1800

_STEP_AFTER: Final = {
    Step.CREATE: Step.SET,
    Step.SET: Step.TEST,
    Step.TEST: Step.FINISH,
    Step.FINISH: None,
}


@dataclass(frozen=True, slots=True)
class Position:
    """The step that a rotation is at, in which attempt."""

    kind: Kind
    step: Step
    attempt: int


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The function returned without an error."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The step didn't succeed; ``reason`` says why, without any secret value."""

    reason: str


@dataclass(frozen=True, slots=True)
class Invoke:
    """Invoke the function for this step, at once."""

    position: Position


@dataclass(frozen=True, slots=True)
class Retry:
    """Begin the next attempt at ``at``."""

    position: Position
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The steps are done: check the labels and close the rotation."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Try no more until the next window."""

    reason: str


Outcome = Succeeded | Failed
Move = Invoke | Retry | Finish | GiveUp


def next_move(
    position: Position, outcome: Outcome, *, now: datetime, retry_until: datetime
) -> Move:
    """Return what follows ``outcome`` of the step at ``position``."""
    match outcome:
        case Succeeded():
            following = None if position.kind is Kind.TEST else _STEP_AFTER[position.step]
            if following is None:
                return Finish()
            return Invoke(Position(position.kind, following, position.attempt))
        case Failed(reason):
            return after_failure(position, reason, now=now, retry_until=retry_until)
        case _:
            assert_never(outcome)


def after_failure(
    position: Position, reason: str, *, now: datetime, retry_until: datetime
) -> Retry | GiveUp:
    """Return the next attempt, or the end when it would begin too late.

    A test isn't repeated: it answers whether the configuration works now.
    """
    at = now + backoff(position.attempt)
    if position.kind is Kind.TEST or at >= retry_until:
        return GiveUp(reason)
    first = Position(position.kind, FIRST_STEP[position.kind], position.attempt + 1)
    return Retry(first, at, reason)


def backoff(attempt: int) -> timedelta:
    """Return the pause after a failed attempt: a minute, then twice as long each time."""
    doublings = min(attempt - 1, 16)
    return timedelta(seconds=min(BACKOFF_SECONDS_MIN * 2**doublings, BACKOFF_SECONDS_MAX))


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
