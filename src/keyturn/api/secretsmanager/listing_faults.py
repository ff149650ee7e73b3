"""From a refusal to list to Secrets Manager's error."""

from keyturn.api.secretsmanager.pages import NextTokenError
from keyturn.model.errors import ServiceError
from keyturn.secrets.listing import FilterKeyMissingError, FilterValuesMissingError
from keyturn.wire.fault import Fault

_PARAMETER = "InvalidParameterException"
_INVALID_NEXT_TOKEN = (
    "The NextToken is invalid. Use the value from the previous response to this listing."
)


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives; None for a refusal that isn't about listing."""
    match error:
        case FilterKeyMissingError():
            return Fault(_PARAMETER, "Invalid filter key")
        case FilterValuesMissingError(key=key):
            return Fault(_PARAMETER, f"Invalid filter values for key: {key}")
        case NextTokenError():
            return Fault("InvalidNextTokenException", _INVALID_NEXT_TOKEN)
        case _:
            return None
