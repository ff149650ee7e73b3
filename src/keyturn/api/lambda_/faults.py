"""From a refusal to Lambda's error.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
"""

from typing import Final

from keyturn.functions import refusals
from keyturn.functions.package import UNZIPPED_BYTES_MAX
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault

_PARAMETER: Final = "InvalidParameterValueException"
_CONFLICT: Final = "ResourceConflictException"
_NOT_FOUND: Final = "ResourceNotFoundException"

_CANNOT_UNZIP: Final = (
    "Could not unzip uploaded file. Please check your file, then try to upload again."
)
_REVISION: Final = (
    "The Revision Id provided does not match the latest Revision Id. Call the "
    "GetFunction/GetAlias API to retrieve the latest Revision Id"
)
_PRINCIPAL: Final = "The provided principal was invalid. Please check the principal and try again."
_NO_POLICY: Final = "The resource you requested does not exist."


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives for a refusal; None for one that isn't this service's."""
    return _not_found(error) or _conflict(error) or _invalid(error)


def _not_found(error: ServiceError) -> Fault | None:
    match error:
        case refusals.FunctionNotFoundError():
            return Fault(_NOT_FOUND, str(error), 404)
        case refusals.StatementNotFoundError(statement_id=statement_id):
            return Fault(
                _NOT_FOUND, f"Statement {statement_id} is not found in resource policy.", 404
            )
        case refusals.PolicyNotFoundError():
            return Fault(_NOT_FOUND, _NO_POLICY, 404)
        case _:
            return None


def _conflict(error: ServiceError) -> Fault | None:
    match error:
        case refusals.FunctionExistsError(name=name):
            return Fault(_CONFLICT, f"Function already exist: {name}", 409)
        case refusals.StatementExistsError(statement_id=statement_id):
            text = (
                f"The statement id ({statement_id}) provided already exists. Please provide a new "
                "statement id, or remove the existing statement."
            )
            return Fault(_CONFLICT, text, 409)
        case refusals.RevisionMismatchError():
            return Fault("PreconditionFailedException", _REVISION, 412)
        case refusals.FunctionUnavailableError():
            return Fault("ServiceException", str(error), 500, is_sender=False)
        case _:
            return None


def _invalid(error: ServiceError) -> Fault | None:
    match error:
        case refusals.ParameterError():
            return Fault(_PARAMETER, str(error))
        case refusals.UnzipError(reason=reason):
            return Fault(_PARAMETER, f"{_CANNOT_UNZIP} ({reason})")
        case refusals.UnknownRuntimeError(runtime=runtime, available=available):
            text = (
                f"The runtime {runtime} needs an interpreter that this server doesn't have; it "
                f"has {available}."
            )
            return Fault(_PARAMETER, text)
        case refusals.RoleNotAssumableError():
            text = "The role defined for the function cannot be assumed by Lambda."
            return Fault(_PARAMETER, text)
        case _:
            return _limit(error)


def _limit(error: ServiceError) -> Fault | None:
    match error:
        case refusals.PackageTooLargeError(bytes_max=bytes_max):
            which = "Unzipped size" if bytes_max == UNZIPPED_BYTES_MAX else "Zipped size"
            return Fault(_PARAMETER, f"{which} must be smaller than {bytes_max} bytes")
        case refusals.PayloadTooLargeError():
            text = "The request payload exceeded the maximum of 6291456 bytes."
            return Fault("RequestTooLargeException", text, 413)
        case refusals.PrincipalInvalidError():
            return Fault(_PARAMETER, _PRINCIPAL)
        case refusals.QualifierNotServedError():
            text = "We currently do not support adding policies for $LATEST."
            return Fault(_PARAMETER, text)
        case _:
            return None
