"""A rotation that is under way or over, its steps, and why a step may fail."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
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
    #: Given up until the next window.
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


class Remedy(Enum):
    """What helps against a cause."""

    #: Time: the same may succeed later.
    WAIT = auto()
    #: A person: the same fails again until somebody changes something.
    REPAIR = auto()
    #: Another value: this one is never accepted.
    FRESH_VALUE = auto()


class Cause(StrEnum):
    """Why a step failed, as far as can be told; the word that programs may rely on."""

    #: Nothing answers at the target's address: no connection was made.
    TARGET_UNREACHABLE = "target_unreachable"
    #: A connection to the target broke, and what was sent may have been done.
    CONNECTION_LOST = "connection_lost"
    #: The target answered with an error of another kind, and changed nothing.
    STATEMENT_FAILED = "statement_failed"
    #: TLS to the target isn't there, or isn't to be trusted.
    TLS_REFUSED = "tls_refused"
    #: The target answers, and doesn't let the user in.
    LOGIN_REFUSED = "login_refused"
    #: No login, and the function doesn't say whether the target was reached.
    LOGIN_FAILED = "login_failed"
    #: The user may not do what the rotation needs.
    RIGHT_MISSING = "right_missing"
    #: The target doesn't take this password.
    VALUE_REFUSED = "value_refused"
    #: The target takes no changes: a replica.
    TARGET_READ_ONLY = "target_read_only"
    #: The secret's value lacks a key, or is for another engine or place.
    SECRET_UNUSABLE = "secret_unusable"
    #: The labels or the event say not to rotate this version.
    NOT_ROTATABLE = "not_rotatable"
    #: The function's role may not do what the function asked of the API.
    ACCESS_DENIED = "access_denied"
    #: The function can't reach the API.
    API_UNREACHABLE = "api_unreachable"
    #: The function is gone, or its policy doesn't let Secrets Manager call it any more.
    FUNCTION_NOT_INVOCABLE = "function_not_invocable"
    #: The function can't be run here now.
    FUNCTION_UNAVAILABLE = "function_unavailable"
    #: The function's code can't be loaded, or has no such handler.
    FUNCTION_BROKEN = "function_broken"
    #: The function's process ended.
    FUNCTION_CRASHED = "function_crashed"
    #: The function didn't answer within its timeout.
    FUNCTION_TIMED_OUT = "function_timed_out"
    #: All steps succeeded, but AWSCURRENT isn't on the new version.
    LABELS_NOT_MOVED = "labels_not_moved"
    #: The window closed before an attempt could begin.
    WINDOW_CLOSED = "window_closed"
    #: The function raised an error that says nothing of the above.
    UNKNOWN = "unknown"

    @property
    def remedy(self) -> Remedy:
        """What helps against it."""
        return _REMEDIES.get(self, Remedy.WAIT)


_REMEDIES: Final = {
    Cause.VALUE_REFUSED: Remedy.FRESH_VALUE,
    **dict.fromkeys(
        (
            Cause.TLS_REFUSED,
            Cause.LOGIN_REFUSED,
            # Logins that are refused again and again lock an account.
            Cause.LOGIN_FAILED,
            Cause.RIGHT_MISSING,
            Cause.TARGET_READ_ONLY,
            Cause.SECRET_UNUSABLE,
            Cause.NOT_ROTATABLE,
            Cause.ACCESS_DENIED,
            Cause.FUNCTION_NOT_INVOCABLE,
            Cause.FUNCTION_BROKEN,
            Cause.LABELS_NOT_MOVED,
        ),
        Remedy.REPAIR,
    ),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a step didn't succeed: in one word, and in a sentence that holds no secret value."""

    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Position:
    """The step that a rotation is at, in which attempt; attempts count from 1."""

    kind: Kind
    step: Step
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a rotation touches, so that no two are at the same at once.

    Attributes:
        host: a mark of the server; equal for secrets whose values name the same one.
        user: a mark of the user there; a user and its clone, which alternate, have the same.
        admin_id: the secret that the function logs in with, if the value names one.
    """

    host: str | None = None
    user: str | None = None
    admin_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One rotation of one secret.

    Attributes:
        token: the ClientRequestToken of every step, which is the pending version's id.
        started_from: the version that was AWSCURRENT when the rotation began.
        position: the step that is under way, or comes next.
        due_at: when the engine may take the next step.
        retry_until: no further attempt begins after this, unless ``may_be_set``.
        may_be_set: the target may have taken the pending value already.
        fence: grows with every claim; a write under an older one is refused.
        failure: why the latest attempt failed, if one did.
    """

    id: int
    secret_id: int
    token: str
    started_from: str | None
    position: Position
    state: State
    due_at: datetime
    retry_until: datetime
    started_at: datetime
    target: Target
    may_be_set: bool
    fence: int
    ended_at: datetime | None = None
    failure: Failure | None = None

    @property
    def kind(self) -> Kind:
        """What it is for."""
        return self.position.kind

    @property
    def step(self) -> Step:
        """The step that is under way, or comes next."""
        return self.position.step
