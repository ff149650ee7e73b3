"""From a refusal to STS's error.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html
"""

from keyturn.api.iam.bad_values import bad_value, validation_error
from keyturn.iam import refusals
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault

_INVALID: dict[type[ServiceError], str] = {
    refusals.SessionTooLongError: (
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    ),
    refusals.ChainedSessionTooLongError: (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role "
        "chaining."
    ),
    refusals.SourceIdentityChangedError: (
        "SourceIdentity cannot be changed once it is set for a session."
    ),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives for a refusal; None for one that isn't this service's."""
    text = _INVALID.get(type(error))
    return bad_value(error) if text is None else validation_error(text)
