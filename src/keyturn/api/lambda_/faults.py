"""From a refusal to Lambda's error.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
"""

from typing import Final

from keyturn.functions import refusals
from keyturn.functions.invocation import PAYLOAD_BYTES_MAX
from keyturn.functions.package import UNZIPPED_BYTES_MAX
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault

_PARAMETER: Final = "InvalidParameterValueException"
_CONFLICT: Final = "ResourceConflictException"
_NOT_FOUND: Final = "ResourceNotFoundException"

_ROLE: Final = "The role defined for the function cannot be assumed by Lambda."
_CANNOT_UNZIP: Final = (
    "Could not unzip uploaded file. Please check your file, then try to upload again."
)
_REVISION: Final = (
    "The Revision Id provided does not match the latest Revision Id. Call the "
    "GetFunction/GetAlias API to retrieve the latest Revision Id"
)
_LAYER_REVISION: Final = _REVISION.replace("GetFunction/GetAlias", "GetLayerPolicy")

_PLAIN: Final[dict[type[ServiceError], tuple[str, int, str]]] = {
    refusals.PolicyNotFoundError: (
        _NOT_FOUND,
        404,
        "The resource you requested does not exist.",
    ),
    refusals.NoPolicyError: (
        _NOT_FOUND,
        404,
        "No policy is associated with the given resource.",
    ),
    refusals.RevisionMismatchError: (
        "PreconditionFailedException",
        412,
        _REVISION,
    ),
    refusals.EnvironmentsBusyError: ("TooManyRequestsException", 429, "Rate Exceeded."),
    refusals.RoleNotAssumableError: (_PARAMETER, 400, _ROLE),
    refusals.PrincipalInvalidError: (
        _PARAMETER,
        400,
        "The provided principal was invalid. Please check the principal and try again.",
    ),
    refusals.QualifierNotServedError: (
        _PARAMETER,
        400,
        "We currently do not support adding policies for $LATEST.",
    ),
    refusals.LayerVersionNotFoundError: (
        _NOT_FOUND,
        404,
        "The resource you requested does not exist.",
    ),
    refusals.LayerPolicyNotFoundError: (
        _NOT_FOUND,
        404,
        "No policy is associated with the given resource.",
    ),
    refusals.LayerRevisionMismatchError: (
        "PreconditionFailedException",
        412,
        _LAYER_REVISION,
    ),
    refusals.EventQueueFullError: ("TooManyRequestsException", 429, "Rate Exceeded."),
    refusals.PayloadNotJsonError: (
        "InvalidRequestContentException",
        400,
        "Could not parse request body into json.",
    ),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives for a refusal; None for one that isn't this service's."""
    plain = _PLAIN.get(type(error))
    if plain is not None:
        code, status, text = plain
        return Fault(code, text, status)
    return _elsewhere(error) or _existing_or_not(error) or _unusable(error) or _over_limit(error)


def _elsewhere(error: ServiceError) -> Fault | None:
    if not isinstance(error, refusals.OtherRegionError):
        return None
    text = (
        f"{error.kind} from '{error.region}' are not reachable in this region "
        f"('{error.called_region}')"
    )
    return Fault(_NOT_FOUND, text, 404)


def _existing_or_not(error: ServiceError) -> Fault | None:
    match error:
        case (
            refusals.FunctionNotFoundError()
            | refusals.AliasNotFoundError()
            | refusals.EventInvokeConfigNotFoundError()
        ):
            return Fault(_NOT_FOUND, str(error), 404)
        case refusals.AliasExistsError() | refusals.VersionInUseError():
            return Fault(_CONFLICT, str(error), 409)
        case refusals.StatementNotFoundError(statement_id=statement_id):
            text = f"Statement {statement_id} is not found in resource policy."
            return Fault(_NOT_FOUND, text, 404)
        case refusals.FunctionExistsError(name=name):
            return Fault(_CONFLICT, f"Function already exist: {name}", 409)
        case refusals.StatementExistsError(statement_id=statement_id):
            text = (
                f"The statement id ({statement_id}) provided already exists. Please provide a new "
                "statement id, or remove the existing statement."
            )
            return Fault(_CONFLICT, text, 409)
        case _:
            return None


def _unusable(error: ServiceError) -> Fault | None:
    match error:
        case refusals.ParameterError() | refusals.LayerVersionGoneError():
            return Fault(_PARAMETER, str(error))
        case refusals.UnzipError(reason=reason):
            return Fault(_PARAMETER, f"{_CANNOT_UNZIP} ({reason})")
        case refusals.UnknownRuntimeError():
            return Fault(_PARAMETER, _no_runtime(error))
        case refusals.ExecutionRoleError():
            return Fault(_PARAMETER, f"{_ROLE} {error}")
        case refusals.FunctionUnavailableError():
            return Fault("ServiceException", str(error), 500, is_sender=False)
        case _:
            return None


def _no_runtime(error: refusals.UnknownRuntimeError) -> str:
    available = ", ".join(error.available)
    if error.missing is not None:
        return (
            f"The runtime {error.runtime} can't be used here, where there are {available}: "
            f"{error.missing}"
        )
    return (
        f"Value {error.runtime} at 'runtime' failed to satisfy constraint: Member must satisfy "
        f"enum value set: [{available}]"
    )


def _over_limit(error: ServiceError) -> Fault | None:
    match error:
        case refusals.ReservedConcurrencyError():
            members = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}
            return Fault("TooManyRequestsException", "Rate Exceeded.", 429, members=members)
        case refusals.PackageTooLargeError(bytes_max=bytes_max):
            which = "Unzipped size" if bytes_max == UNZIPPED_BYTES_MAX else "Zipped size"
            return Fault(_PARAMETER, f"{which} must be smaller than {bytes_max} bytes")
        case refusals.PayloadTooLargeError(length=length):
            return _payload_too_large(length, "RequestResponse", PAYLOAD_BYTES_MAX)
        case refusals.EventTooLargeError(length=length, bytes_max=bytes_max):
            return _payload_too_large(length, "Event", bytes_max)
        case refusals.PolicyTooLongError(bytes_max=bytes_max):
            text = f"The final policy size is bigger than the limit ({bytes_max})."
            return Fault("PolicyLengthExceededException", text)
        case _:
            return None


def _payload_too_large(length: int, kind: str, bytes_max: int) -> Fault:
    text = (
        f"{length} byte payload is too large for the {kind} invocation type "
        f"(limit {bytes_max} bytes)"
    )
    return Fault("RequestTooLargeException", text, 413)
