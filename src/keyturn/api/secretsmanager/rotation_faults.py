"""From a refusal to rotate to Secrets Manager's error."""

from keyturn.api.secretsmanager import token_texts
from keyturn.api.secretsmanager.schedule_texts import SCHEDULE_TEXTS
from keyturn.model.errors import ServiceError
from keyturn.rotation import begin, external, request, writers
from keyturn.rotation.schedule import InvalidScheduleError
from keyturn.wire.fault import Fault

_PARAMETER = "InvalidParameterException"
_REQUEST = "InvalidRequestException"

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
# AWS's words for these aren't known.
_WRONG_ROTATION_TOKEN = (
    "The RotationToken isn't valid. Use the RotationToken and the ClientRequestToken of the event "
    "that Secrets Manager invoked the rotation function with, and only while that rotation is "
    "under way."
)
_OTHER_FUNCTION = (
    "You can't use the Lambda function {source} to rotate the secret: while it is being rotated "
    "({step} is under way), of all functions only its own rotation function can store the new "
    "version, move AWSPENDING or make the new version AWSCURRENT. Make this request in the "
    "rotation function itself."
)
_PROMOTED_TOO_EARLY = (
    "A rotation function can't make the new version AWSCURRENT during {step}, because testSecret "
    "has to accept it first. Store it with the VersionStages AWSPENDING, and move AWSCURRENT to "
    "it during finishSecret."
)
_PROMOTION_OF_TEST = (
    "A rotation function can't make the version that it is tested with AWSCURRENT. Only {step} is "
    "under way, to try the configuration; call RotateSecret to rotate the secret."
)
_CURRENT_MOVED_ELSEWHERE = (
    "While the secret is being rotated ({step} is under way), its rotation function can make no "
    "version AWSCURRENT but the new one, during finishSecret, and move AWSCURRENT back to the one "
    "that the rotation started from. Store the new value under the event's ClientRequestToken, "
    "with the VersionStages AWSPENDING."
)
_PENDING_MOVED_ELSEWHERE = (
    "A rotation function can't move AWSPENDING to another version during {step}: the version that "
    "the rotation made is the pending one. Use the ClientRequestToken of the function's event."
)

_WRITER_TEXTS: dict[type[writers.WriterError], str] = {
    writers.PromotedTooEarlyError: _PROMOTED_TOO_EARLY,
    writers.PromotionOfTestError: _PROMOTION_OF_TEST,
    writers.CurrentMovedElsewhereError: _CURRENT_MOVED_ELSEWHERE,
    writers.PendingMovedElsewhereError: _PENDING_MOVED_ELSEWHERE,
}

_PLAIN: dict[type[ServiceError], tuple[str, str]] = {
    request.RotationTokenMissingError: (_PARAMETER, token_texts.NO_TOKEN),
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
    writers.RotationTokenError: (_PARAMETER, _WRONG_ROTATION_TOKEN),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives; None for a refusal that isn't about rotation."""
    if isinstance(error, InvalidScheduleError):
        return Fault(_PARAMETER, SCHEDULE_TEXTS[error.rule])
    if isinstance(error, begin.VersionTakenError):
        # AWS's model has no ResourceExistsException here.
        return Fault(_REQUEST, token_texts.in_use(error.token, error.arn))
    if isinstance(error, external.PartnerRotationError):
        return Fault(_REQUEST, f"Keyturn can't rotate a secret of type {error.secret_type}.")
    if isinstance(error, writers.WriterError):
        return Fault(_REQUEST, _writer_text(error))
    plain = _PLAIN.get(type(error))
    if plain is None:
        return None
    code, text = plain
    return Fault(code, text)


def _writer_text(error: writers.WriterError) -> str:
    if isinstance(error, writers.OtherFunctionError):
        return _OTHER_FUNCTION.format(source=error.source_function_arn, step=error.step)
    return _WRITER_TEXTS[type(error)].format(step=error.step)
