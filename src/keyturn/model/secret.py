"""A secret and its versions, as every package above the store sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from keyturn.model.plaintext import Plaintext

AWSCURRENT: Final = "AWSCURRENT"
AWSPENDING: Final = "AWSPENDING"
AWSPREVIOUS: Final = "AWSPREVIOUS"

_LAST_SECOND: Final = timedelta(seconds=1)

Tags = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SecretValue:
    """What a version holds: a text or bytes, as the client stored it."""

    kind: Literal["string", "binary"]
    plaintext: Plaintext


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationSettings:
    """How a secret rotates, verbatim as RotateSecret was told.

    Attributes:
        automatically_after_days: as given, or computed from ``schedule_expression``.
    """

    is_enabled: bool
    lambda_arn: str | None
    automatically_after_days: int | None
    schedule_expression: str | None
    duration: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The half-open interval in which the next rotation is due."""

    opens_at: datetime
    closes_at: datetime

    @property
    def last_second(self) -> datetime:
        """What DescribeSecret calls NextRotationDate: the latest moment inside the window."""
        return self.closes_at - _LAST_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret without its values.

    Attributes:
        id: the store's own number for it; never leaves the server.
        last_accessed_at: midnight UTC of the day of the last successful GetSecretValue.
        deleted_at: when DeleteSecret was called; None while the secret is alive.
        purge_at: when the recovery window of a deleted secret ends.
        rotation: None until rotation is configured for the first time.
        tags: None for a secret that was never tagged, which AWS tells from one without tags.
    """

    id: int
    account: str
    region: str
    name: str
    arn: str
    created_at: datetime
    last_changed_at: datetime
    description: str | None = None
    kms_key_id: str | None = None
    last_accessed_at: datetime | None = None
    last_rotated_at: datetime | None = None
    deleted_at: datetime | None = None
    purge_at: datetime | None = None
    rotation: RotationSettings | None = None
    next_window: Window | None = None
    resource_policy: str | None = None
    tags: Tags | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a secret. A placeholder that a rotation made has no sealed value yet."""

    version_id: str
    created_at: datetime
    last_accessed_at: datetime | None = None
    kind: Literal["string", "binary"] | None = None
    sealed: bytes | None = field(default=None, repr=False)
