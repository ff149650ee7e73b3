"""What CloudWatch Logs' refusals are on the wire.

AWS: CloudWatch Logs API reference, the errors of each operation.
"""

from collections.abc import Mapping
from typing import Final

from keyturn.api.logs.refusals import (
    GroupExistsError,
    GroupNotFoundError,
    StreamExistsError,
    StreamNotFoundError,
    TooManyTagsError,
)
from keyturn.functions.refusals import ParameterError
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault

_NOT_FOUND: Final = "ResourceNotFoundException"
_EXISTS: Final = "ResourceAlreadyExistsException"
_FAULTS: Final[Mapping[type[ServiceError], tuple[str, str]]] = {
    GroupNotFoundError: (_NOT_FOUND, "The specified log group does not exist."),
    StreamNotFoundError: (_NOT_FOUND, "The specified log stream does not exist."),
    GroupExistsError: (_EXISTS, "The specified log group already exists"),
    StreamExistsError: (_EXISTS, "The specified log stream already exists"),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error for a refusal; None for one that CloudWatch Logs doesn't know."""
    match error:
        case ParameterError():
            return Fault("InvalidParameterException", str(error))
        case TooManyTagsError(resource_arn=arn):
            text = "A resource can have no more than 50 tags."
            return Fault("TooManyTagsException", text, members={"resourceName": arn})
        case _:
            known = _FAULTS.get(type(error))
            return None if known is None else Fault(*known)
