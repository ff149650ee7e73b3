"""From a refusal to list to Secrets Manager's error."""

from keyturn.model.errors import ServiceError
from keyturn.secrets.listing import FilterKeyMissingError, FilterValuesMissingError
from keyturn.wire.fault import Fault

_PARAMETER = "InvalidParameterException"


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives; None for a refusal that isn't about listing."""
    match error:
        case FilterKeyMissingError():
            return Fault(_PARAMETER, "Invalid filter key")
        case FilterValuesMissingError(key=key):
            return Fault(_PARAMETER, f"Invalid filter values for key: {key}")
        case _:
            return None
