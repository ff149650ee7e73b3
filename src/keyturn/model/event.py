"""What Secrets Manager does by itself, as AWS's CloudTrail tells it.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventName(StrEnum):
    """A service event, spelt as AWS spells it."""

    ROTATION_STARTED = "RotationStarted"
    ROTATION_SUCCEEDED = "RotationSucceeded"
    ROTATION_FAILED = "RotationFailed"
    ROTATION_ABANDONED = "RotationAbandoned"
    TEST_ROTATION_STARTED = "TestRotationStarted"
    TEST_ROTATION_SUCCEEDED = "TestRotationSucceeded"
    TEST_ROTATION_FAILED = "TestRotationFailed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEvent:
    """One event.

    Attributes:
        event_id: AWS's eventID, unique for ever.
        token: the version that the event is about.
        error_message: of a failure, in AWS's words.
        cause: of a failure, a ``keyturn.model.rotation.Cause``.
        reason: of a failure, in a sentence for people, without secret values. AWS has neither.
    """

    event_id: str
    name: EventName
    at: datetime
    account: str
    region: str
    secret_arn: str
    token: str
    error_message: str | None = None
    cause: str | None = None
    reason: str | None = None

    @property
    def request_id(self) -> str:
        """What AWS's requestID is for an event that no request caused."""
        return f"Rotation-{self.secret_arn}-{self.token}"
