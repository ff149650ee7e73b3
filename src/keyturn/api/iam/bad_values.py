"""What IAM and STS say alike of a member whose value can't be.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html, "ValidationError".
"""

from keyturn.iam import refusals
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault


def validation_error(text: str) -> Fault:
    """Return the error for a request that says something it can't."""
    return Fault("ValidationError", text)


def bad_value(error: ServiceError) -> Fault | None:
    """Return the error for a member whose value can't be; None for another refusal."""
    match error:
        case refusals.InvalidNameError(member=member):
            return validation_error(
                f"The specified value for {member} is invalid. It must contain only alphanumeric "
                "characters and/or the following: +=,.@_-"
            )
        case refusals.OutOfRangeError(member=member, value=value, bound=bound):
            relation = "less" if value > bound else "greater"
            return validation_error(
                f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
                f"constraint: Member must have value {relation} than or equal to {bound}"
            )
        case refusals.UnsupportedMemberError(member=member):
            return validation_error(f"Keyturn doesn't support the parameter {member}.")
        case _:
            return None
