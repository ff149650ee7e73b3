"""Refusals that any service can meet, in its words: no signature, no right, no service, no more.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and each service's own
page of the same name.
"""

from typing import Final, Literal

from keyturn.api.refusals import (
    OperationNotServedError,
    ServiceNotServedError,
    ThrottledError,
)
from keyturn.api.signature_faults import aws_code_and_text
from keyturn.model.errors import NotAllowedError, ServiceError, SignatureError
from keyturn.model.http import HttpRequest
from keyturn.wire.fault import Fault

Family = Literal["json", "rest-json", "query"]

_FAMILIES: Final[dict[str, Family]] = {
    "lambda": "rest-json",
    "iam": "query",
    "rds": "query",
    "redshift": "query",
    "sts": "query",
}
# IAM's user guide: the code and status of "access denied", by protocol.
_ACCESS_DENIED: Final[dict[Family, tuple[str, int]]] = {
    "json": ("AccessDeniedException", 400),
    "rest-json": ("AccessDeniedException", 403),
    "query": ("AccessDenied", 403),
}
# All three are what an SDK waits for and tries again. CommonErrors of Secrets Manager and of Logs;
# Lambda's TooManyRequestsException, whose reason is one of its ThrottleReasons; IAM's and STS's.
_THROTTLED: Final[dict[Family, tuple[str, int]]] = {
    "json": ("ThrottlingException", 400),
    "rest-json": ("TooManyRequestsException", 429),
    "query": ("Throttling", 400),
}


def common_fault(service: str, error: ServiceError) -> Fault | None:
    """Return the error for a refusal that isn't of one service alone; None for any other."""
    family = _FAMILIES.get(service, "json")
    match error:
        case SignatureError():
            code, text, status = aws_code_and_text(error, family)
            return Fault(code, text, status)
        case NotAllowedError():
            code, status = _ACCESS_DENIED[family]
            return Fault(code, _not_allowed_text(error), status)
        case ThrottledError():
            return _throttled(family)
        case ServiceNotServedError(service=asked):
            text = f"Keyturn doesn't serve {asked}; it serves {', '.join(error.served)}."
            return Fault("UnknownOperationException", text, 404)
        case OperationNotServedError(operation=operation):
            text = f"Keyturn doesn't serve the operation {operation}."
            return Fault("UnknownOperationException", text)
        case _:
            return None


def service_of_unrouted(request: HttpRequest) -> str:
    """Return the service whose protocol an unroutable request seems to speak."""
    headers = request.headers
    target = headers.get("x-amz-target", "")
    if target.startswith("Logs_"):
        return "logs"
    if target:
        return "secretsmanager"
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return "sts" if is_form or "Action=" in request.query else "lambda"


def _throttled(family: Family) -> Fault:
    code, status = _THROTTLED[family]
    is_modelled = family == "rest-json"
    reason = {"Type": "User", "Reason": "CallerRateLimitExceeded"} if is_modelled else {}
    return Fault(code, "Rate exceeded", status, members=reason)


def _not_allowed_text(error: NotAllowedError) -> str:
    about = f" on resource: {error.resource}" if error.resource else ""
    return (
        f"User: {error.principal_arn} is not authorized to perform: {error.action}{about} "
        f"{error.reason}"
    )
