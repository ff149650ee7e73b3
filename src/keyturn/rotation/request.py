"""RotateSecret and CancelRotateSecret: what they check, in AWS's order, and what they store.

Nothing is stored unless every check passes: a refused first RotateSecret leaves the secret as
if it had never been called.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
"""

from dataclasses import dataclass
from datetime import datetime
import re
from typing import Protocol

from keyturn.keys.keyring import Keyring
from keyturn.model.arn import Arn
from keyturn.model.errors import ConflictError, InvalidInputError
from keyturn.model.rotation import Kind, State
from keyturn.model.secret import Secret
from keyturn.rotation import begin, pending, plan
from keyturn.rotation.machine import is_abandoned, is_incomplete
from keyturn.rotation.schedule import RotationRules
from keyturn.store import rotations, secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

_FUNCTION = re.compile(r"function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]{1,128})?")


class RotationTokenMissingError(InvalidInputError):
    """RotateSecret without ClientRequestToken, which AWS answers unlike the other writes."""


class NoRotationFunctionError(ConflictError):
    """No function ARN, neither in the request nor stored."""


class RotationFunctionArnError(InvalidInputError):
    """The ARN isn't that of a function in the secret's region."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


class FunctionNotInvocableError(ConflictError):
    """There is no such function, or its policy doesn't let Secrets Manager invoke it."""


class PreviousRotationIncompleteError(ConflictError):
    """An earlier rotation still has its pending version."""


class RotationNotConfiguredError(ConflictError):
    """There is nothing to cancel: rotation was never configured."""


class InvocationGate(Protocol):
    """Knows which functions Secrets Manager may invoke."""

    def may_invoke(self, function_arn: str, secret: Secret) -> bool:
        """Return whether the function exists and its policy lets Secrets Manager invoke it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateRequest:
    """What RotateSecret asks for; None keeps what is stored."""

    token: str
    lambda_arn: str | None
    rules: RotationRules | None
    is_immediate: bool


def chosen_function(secret: Secret, request: RotateRequest) -> str:
    """Return the ARN of the function that will rotate the secret.

    Raises:
        NoRotationFunctionError: none is named and none is stored.
        RotationFunctionArnError: it isn't the ARN of a function in the secret's region.
    """
    stored = None if secret.rotation is None else secret.rotation.lambda_arn
    text = request.lambda_arn or stored
    if not text:
        raise NoRotationFunctionError
    arn = Arn.parse(text)
    is_function = arn is not None and arn.service == "lambda" and _FUNCTION.fullmatch(arn.resource)
    if arn is None or not is_function or arn.region != secret.region:
        raise RotationFunctionArnError(secret.region)
    return text


def rotate(
    connection: Connection,
    keyring: Keyring,
    gate: InvocationGate,
    secret: Secret,
    request: RotateRequest,
    now: datetime,
) -> str:
    """Store how the secret rotates, begin a rotation or a test, and return its VersionId.

    The same token again, for the rotation under way or the last one finished, changes nothing.

    Raises:
        NoRotationFunctionError, RotationFunctionArnError: no function to call.
        FunctionNotInvocableError: it may not be called.
        PreviousRotationIncompleteError: an earlier rotation isn't over.
        VersionTakenError: the token names a version that holds a value.
    """
    token = request.token
    if _is_replay(connection, secret, token):
        return token
    lambda_arn = chosen_function(secret, request)
    if not gate.may_invoke(lambda_arn, secret):
        raise FunctionNotInvocableError
    if _is_under_way(connection, secret):
        raise PreviousRotationIncompleteError
    begin.configure(connection, secret, lambda_arn, request.rules, now)
    counted_from = now if request.is_immediate else secret.last_valid_rotation_at
    plan.plan_next(connection, secret.id, now, last_valid_rotation_at=counted_from)
    if request.is_immediate:
        retry_until = now + begin.RETRY_WITHOUT_WINDOW
        begin.rotation(connection, keyring, secret, token, now, retry_until=retry_until)
        return token
    return begin.test(connection, keyring, secret, now)


def cancel(connection: Connection, secret: Secret, now: datetime) -> str | None:
    """Turn rotation off; return the VersionId of the rotation that was under way, if one was.

    Labels stay as they are: a pending version is left for its owner to inspect. That of a test is
    removed, as always.

    Raises:
        RotationNotConfiguredError: rotation was never configured.
    """
    if secret.rotation is None:
        raise RotationNotConfiguredError
    token = cancel_running(connection, secret, now)
    rows.save(connection, secret.id, rotation_enabled=False, last_changed_at=now)
    plan.plan_nothing(connection, secret.id)
    return token


def cancel_running(connection: Connection, secret: Secret, now: datetime) -> str | None:
    """End the rotation that is under way, and return its VersionId; None if there is none."""
    running = rotations.find_running(connection, secret.id)
    if running is None:
        return None
    rotations.close(connection, running, State.CANCELLED, now=now)
    pending.withdraw_test_version(connection, secret, running)
    return running.token


def _is_under_way(connection: Connection, secret: Secret) -> bool:
    stages = version_rows.stages_of(connection, secret.id)
    if is_incomplete(stages):
        return True
    # It has moved AWSCURRENT, and is about to be closed.
    running = rotations.find_running(connection, secret.id)
    return running is not None and not is_abandoned(
        stages, running.token, started_from=running.started_from
    )


def _is_replay(connection: Connection, secret: Secret, token: str) -> bool:
    latest = rotations.find_latest(connection, secret.id)
    return (
        latest is not None
        and latest.token == token
        and latest.kind is Kind.ROTATION
        and latest.state in (State.RUNNING, State.SUCCEEDED)
    )
