"""A secret comes to be, is scheduled for deletion, and is gone.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
and https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from keyturn.keys.keyring import Keyring
from keyturn.model.ids import new_secret_arn_suffix
from keyturn.model.limits import (
    RECOVERY_WINDOW_DAYS_MAX,
    RECOVERY_WINDOW_DAYS_MIN,
    SECRETS_PER_REGION_MAX,
)
from keyturn.model.secret import Secret
from keyturn.secrets import cross_account, encryption_key, names, ownership, replication
from keyturn.secrets.refusals import (
    ForceWithRecoveryWindowError,
    NameScheduledForDeletionError,
    NameTakenError,
    RecoveryWindowError,
    ScheduledForDeletionError,
    TooManySecretsError,
)
from keyturn.secrets.tagging import with_tags
from keyturn.secrets.versions import NewVersion, Stored, store_value
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSecret:
    """What CreateSecret asks for.

    Attributes:
        owning_service: the service that makes it on a user's behalf; no request can name one.
    """

    account: str
    region: str
    name: str
    first_version: NewVersion | None
    description: str | None
    kms_key_id: str | None
    tags: Mapping[str, str] | None
    secret_type: str | None = None
    owning_service: str | None = None
    cross_account_primary_arn: str | None = None


def create(
    connection: Connection, keyring: Keyring, new: NewSecret, now: datetime
) -> tuple[Secret, Stored | None]:
    """Make a secret, with its first version if a value is given.

    Raises:
        InvalidNameError, NameTakenError, NameScheduledForDeletionError, TokenReusedError: the
            name or the token is in the way.
        TooManySecretsError: the account has as many in the region as it may.
    """
    names.check(new.name)
    existing = rows.find_by_name(connection, new.account, new.region, new.name)
    if existing is not None:
        return existing, _replayed(connection, keyring, existing, new, now)
    secret = _inserted(connection, new, now)
    if new.first_version is None:
        return secret, None
    return secret, store_value(connection, keyring, secret, new.first_version, now)


def schedule_deletion(
    connection: Connection, secret: Secret, *, recovery_days: int | None, now: datetime
) -> datetime:
    """Hide the secret until its recovery window ends; return when that is.

    Raises:
        ScheduledForDeletionError: it is already scheduled.
        RecoveryWindowError: the window is shorter or longer than AWS allows.
    """
    if secret.deleted_at is not None:
        raise ScheduledForDeletionError
    purge_at = now + timedelta(days=recovery_days or RECOVERY_WINDOW_DAYS_MAX)
    rows.save(connection, secret.id, deleted_at=now, purge_at=purge_at)
    return purge_at


def restore(connection: Connection, secret: Secret, now: datetime) -> None:
    """Take back a deletion. A secret that isn't scheduled for one stays as it is."""
    if secret.deleted_at is not None:
        rows.save(connection, secret.id, deleted_at=None, purge_at=None, last_changed_at=now)


def purge(connection: Connection, secret_id: int, now: datetime) -> bool:
    """Delete a secret if its recovery window is over; return whether it was.

    Whoever found it so may have found it a moment ago, and it may have been restored since.
    """
    secret = rows.find_by_id(connection, secret_id)
    if secret is None or secret.purge_at is None or secret.purge_at > now:
        return False
    delete_now(connection, secret)
    return True


def check_deletion_options(*, is_forced: bool, recovery_days: int | None) -> None:
    """Refuse options of DeleteSecret that contradict each other or a limit.

    Raises:
        ForceWithRecoveryWindowError, RecoveryWindowError: they do.
    """
    if recovery_days is None:
        return
    if is_forced:
        raise ForceWithRecoveryWindowError
    if not RECOVERY_WINDOW_DAYS_MIN <= recovery_days <= RECOVERY_WINDOW_DAYS_MAX:
        raise RecoveryWindowError


def require_deletable(connection: Connection, secret: Secret) -> None:
    """Return if the secret may be deleted, now or later.

    Raises:
        OnReplicaError, HasReplicasError, StillReplicatedError: replication has to end first.
        ManagedSecretError: another service deletes it.
    """
    ownership.require_own_metadata(secret)
    ownership.require_unmanaged(secret)
    replication.require_no_replicas(connection, secret)
    cross_account.require_ended(connection, secret)


def delete_now(connection: Connection, secret: Secret) -> None:
    """Delete the secret with every version. Nothing brings it back."""
    rows.delete_secret(connection, secret.id)


def invented_arn(account: str, region: str, secret_id: str) -> str:
    """Return the ARN that AWS gives when a secret that doesn't exist is force-deleted.

    For a name it is made up; an ARN that was asked for is given back.
    """
    if not isinstance(names.read_secret_id(secret_id), names.ByName):
        return secret_id
    return names.secret_arn(region, account, secret_id, new_secret_arn_suffix())


def _inserted(connection: Connection, new: NewSecret, now: datetime) -> Secret:
    if rows.count_in(connection, new.account, new.region) >= SECRETS_PER_REGION_MAX:
        raise TooManySecretsError
    tags = None if new.tags is None else with_tags(None, new.tags)
    arn = names.secret_arn(new.region, new.account, new.name, new_secret_arn_suffix())
    secret_id = rows.insert_secret(
        connection,
        account=new.account,
        region=new.region,
        name=new.name,
        arn=arn,
        description=new.description,
        kms_key_id=encryption_key.named(new.kms_key_id),
        created_at=now,
        last_changed_at=now,
        tags=tags,
        secret_type=new.secret_type,
        owning_service=new.owning_service,
        primary_arn=new.cross_account_primary_arn,
        cross_account_status=None if new.cross_account_primary_arn is None else "Pending",
    )
    secret = rows.find_by_id(connection, secret_id)
    assert secret is not None
    return secret


def _replayed(
    connection: Connection, keyring: Keyring, existing: Secret, new: NewSecret, now: datetime
) -> Stored:
    # Whoever may create secrets of this name, and knows a version's id, can find out here whether
    # that version's value is the one it guesses, at one request a guess. AWS has it so: it
    # compares the values of any version, and asks for no permission but CreateSecret's (API
    # reference, CreateSecret, ClientRequestToken). A retry couldn't else be told from a conflict.
    if existing.deleted_at is not None:
        raise NameScheduledForDeletionError
    first = new.first_version
    if first is None or not _holds_value(connection, existing, first.token):
        raise NameTakenError(new.name)
    return store_value(connection, keyring, existing, first, now)


def _holds_value(connection: Connection, secret: Secret, version_id: str) -> bool:
    version = version_rows.find_version(connection, secret.id, version_id)
    return version is not None and version.sealed is not None
