"""A rotation that is under way or over, and its steps."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """What a rotation function is asked to do, spelt as in its event.

    AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
    """

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


class State(StrEnum):
    """Where a rotation stands."""

    #: The engine is at it, or will be at ``due_at``.
    RUNNING = "running"
    #: AWSCURRENT is the rotation's version. A test is over.
    SUCCEEDED = "succeeded"
    #: Given up until the next window; AWSPENDING stays.
    FAILED = "failed"
    #: Somebody stored another AWSCURRENT meanwhile.
    ABANDONED = "abandoned"
    #: CancelRotateSecret was called.
    CANCELLED = "cancelled"


class Kind(StrEnum):
    """What a rotation is for."""

    #: Change the credential: all four steps.
    ROTATION = "rotation"
    #: Try the configuration: only testSecret, on a copy of the current value.
    TEST = "test"


FIRST_STEP: Final = {Kind.ROTATION: Step.CREATE, Kind.TEST: Step.TEST}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One rotation of one secret.

    Attributes:
        token: the ClientRequestToken of every step, which is the pending version's id.
        started_from: the version that was AWSCURRENT when the rotation began.
        attempt: counts passes over the steps, from 1.
        step: the step that is under way, or comes next.
        due_at: when the engine may take the next step.
        retry_until: no further attempt begins after this.
        fence: grows with every claim; a write under an older one is refused.
    """

    id: int
    secret_id: int
    token: str
    started_from: str | None
    kind: Kind
    state: State
    step: Step
    attempt: int
    due_at: datetime
    retry_until: datetime
    started_at: datetime
    fence: int
    reason: str | None = None
