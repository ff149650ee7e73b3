"""Rotation of secrets that a partner of AWS holds: what is asked for is kept, and nothing runs.

AWS rotates them by itself, at the partner's. That can't be done here, so a rotation is refused in
words, and rotation is never said to be on. The settings are stored and shown.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/managed-external-secrets.html
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keyturn.model.errors import ConflictError, InvalidInputError
from keyturn.model.secret import Secret
from keyturn.rotation import begin, plan
from keyturn.rotation.request import cancel_running
from keyturn.rotation.schedule import RotationRules
from keyturn.store import secrets as rows
from keyturn.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRequest:
    """What RotateSecret asks for; None keeps what is stored."""

    metadata: Sequence[dict[str, str]] | None
    role_arn: str | None
    lambda_arn: str | None
    rules: RotationRules | None
    is_immediate: bool


class NotExternalError(InvalidInputError):
    """Settings for a partner's secret, for a secret that no partner holds."""


class PartnerAndFunctionError(InvalidInputError):
    """A secret is rotated by its partner or by a function, not by both."""


class PartnerRotationError(ConflictError):
    """The partner's rotation can't be done here."""

    def __init__(self, secret_type: str) -> None:
        super().__init__(secret_type)
        self.secret_type = secret_type


def configure(
    connection: Connection, secret: Secret, request: ExternalRequest, now: datetime
) -> None:
    """Keep how a partner's secret would rotate.

    Raises:
        PartnerAndFunctionError: there is a function for it too.
        NotExternalError: no partner holds the secret.
        PartnerRotationError: it is to be rotated now.
    """
    if request.lambda_arn is not None:
        raise PartnerAndFunctionError
    if secret.secret_type is None:
        raise NotExternalError
    if request.is_immediate:
        raise PartnerRotationError(secret.secret_type)
    if request.metadata is not None:
        rows.save(connection, secret.id, external_rotation_metadata=list(request.metadata))
    if request.role_arn is not None:
        rows.save(connection, secret.id, external_rotation_role_arn=request.role_arn)
    begin.save_rules(connection, secret, request.rules)
    # A function may have rotated the secret on a schedule until now.
    cancel_running(connection, secret, now)
    rows.save(connection, secret.id, rotation_enabled=False, last_changed_at=now)
    plan.plan_nothing(connection, secret.id)
