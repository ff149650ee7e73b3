"""A secret and its versions, as every package above the store sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from keyturn.model.arn import Arn
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
class ExternalRotation:
    """How a secret that a partner of AWS holds would rotate, verbatim.

    AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/managed-external-secrets.html

    Attributes:
        metadata: ``[{"Key": ..., "Value": ...}]``, in words that the partner chose.
    """

    metadata: Sequence[Mapping[str, str]] | None
    role_arn: str | None


CrossAccountStatus = Literal["Pending", "InSync", "Detached"]
"""Where a replica in another account stands with its primary."""


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
        last_valid_rotation_at: when the value last changed, by rotation or by hand, while rotation
            was on: what schedules count from.
        rotates_at: when in ``next_window`` the rotation is to begin.
        resource_policy: as it was written.
        policy_in_force: the same with users and roles named by their unique ids.
        tags: None for a secret that was never tagged, which AWS tells from one without tags.
        secret_type: the partner that holds an external secret.
        owning_service: the AWS service that made the secret, and alone may change it.
        primary_id: the secret whose versions and labels this one shows: it is a replica.
        primary_arn: that secret's ARN; for a replica in another account also before and after
            they are linked; its own for a secret that has replicas in other regions.
        cross_account_status: None unless it is a replica in another account.
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
    last_valid_rotation_at: datetime | None = None
    rotates_at: datetime | None = None
    resource_policy: str | None = None
    policy_in_force: str | None = None
    tags: Tags | None = None
    secret_type: str | None = None
    owning_service: str | None = None
    external_rotation: ExternalRotation | None = None
    primary_id: int | None = None
    primary_arn: str | None = None
    cross_account_status: CrossAccountStatus | None = None

    @property
    def primary_region(self) -> str | None:
        """The primary's region, for a secret that other regions hold too; else None."""
        return primary_region_of(self.primary_arn, self.cross_account_status)

    @property
    def values_id(self) -> int:
        """The secret that the versions and labels belong to: this one, or its primary."""
        return self.id if self.primary_id is None else self.primary_id

    @property
    def values_arn(self) -> str:
        """The ARN that the values are sealed for."""
        if self.primary_id is None:
            return self.arn
        assert self.primary_arn is not None
        return self.primary_arn

    @property
    def shows_another_accounts_values(self) -> bool:
        """Whether it shows versions of another account, which learns nothing of its readers."""
        return self.primary_id is not None and self.cross_account_status is not None

    @property
    def is_replica(self) -> bool:
        """Whether it is another secret's replica, so that its values can't be changed here.

        One in another account is one until its owner ends that, linked with a primary or not.
        """
        return self.primary_id is not None or self.cross_account_status is not None


def primary_region_of(
    primary_arn: str | None, cross_account_status: CrossAccountStatus | None
) -> str | None:
    """Return a secret's primary region; None if no other region of its account holds it."""
    if primary_arn is None or cross_account_status is not None:
        return None
    primary = Arn.parse(primary_arn)
    return None if primary is None else primary.region


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a secret. A placeholder that a rotation made has no sealed value yet."""

    version_id: str
    created_at: datetime
    last_accessed_at: datetime | None = None
    kind: Literal["string", "binary"] | None = None
    sealed: bytes | None = field(default=None, repr=False)
