"""From a refusal to rotate to Secrets Manager's error."""

from keyturn.api.secretsmanager.pages import NextTokenError
from keyturn.api.secretsmanager.schedule_texts import SCHEDULE_TEXTS
from keyturn.model.errors import ServiceError
from keyturn.rotation import begin, external, request
from keyturn.rotation.schedule import InvalidScheduleError
from keyturn.wire.fault import Fault

_PARAMETER = "InvalidParameterException"
_REQUEST = "InvalidRequestException"

_NO_CLIENT_REQUEST_TOKEN = (
    "You must provide a ClientRequestToken value. We recommend a UUID-type value."
)
_TOKEN_REUSED = (
    "You can't use ClientRequestToken {token} because that value is already in use for a version "
    "of secret {arn}."
)
_NOT_INVOCABLE = (
    "Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy "
    "grants access to the principal secretsmanager.amazonaws.com."
)
_NOT_CONFIGURED = (
    "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN "
    "configured and you didn't include such an ARN as a parameter in this call."
)
_WRONG_ARN = (
    "Invalid rotation Lambda ARN. Ensure the ARN matches format "
    "arn:aws:lambda:<region>:<account>:function:<functionName>."
)

_PLAIN: dict[type[ServiceError], tuple[str, str]] = {
    request.RotationTokenMissingError: (_PARAMETER, _NO_CLIENT_REQUEST_TOKEN),
    request.NoRotationFunctionError: (
        _REQUEST,
        "No Lambda rotation function ARN is associated with this secret.",
    ),
    request.FunctionNotInvocableError: ("AccessDeniedException", _NOT_INVOCABLE),
    request.PreviousRotationIncompleteError: (
        _REQUEST,
        "A previous rotation isn't complete. That rotation will be reattempted.",
    ),
    request.RotationNotConfiguredError: (_REQUEST, _NOT_CONFIGURED),
    request.RotationFunctionArnError: (_PARAMETER, _WRONG_ARN),
    external.PartnerAndFunctionError: (
        _PARAMETER,
        "You can't use RotationLambdaARN in conjunction with external secret rotation settings.",
    ),
    external.NotExternalError: (
        _PARAMETER,
        "Only a managed external secret, one with a Type, has external rotation settings.",
    ),
    NextTokenError: (
        "InvalidNextTokenException",
        "The NextToken is invalid. Use the value from the previous response to this listing.",
    ),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives; None for a refusal that isn't about rotation."""
    if isinstance(error, InvalidScheduleError):
        return Fault(_PARAMETER, SCHEDULE_TEXTS[error.rule])
    if isinstance(error, begin.VersionTakenError):
        # AWS's model has no ResourceExistsException here.
        return Fault(_REQUEST, _TOKEN_REUSED.format(token=error.token, arn=error.arn))
    if isinstance(error, external.PartnerRotationError):
        return Fault(_REQUEST, f"Keyturn can't rotate a secret of type {error.secret_type}.")
    plain = _PLAIN.get(type(error))
    if plain is None:
        return None
    code, text = plain
    return Fault(code, text)
