"""Store a value as a new version, read one, and move labels between versions.

The rules, which every caller may rely on:

* A ClientRequestToken stores at most one value, ever: the same value again changes nothing, and
  another one is refused.
* A value is sealed under a data key of its own, bound to the secret's ARN and the version's id.
* Everything here happens in the transaction of the connection that is passed in.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from keyturn.keys.keyring import Keyring
from keyturn.model.limits import (
    SECRET_VALUE_BYTES_MAX,
    UNLABELLED_VERSION_HOURS_MIN,
    VERSIONS_PER_SECRET_KEPT,
    VERSIONS_PER_SECRET_MAX,
)
from keyturn.model.secret import AWSCURRENT, AWSPENDING, Secret, SecretValue, Version
from keyturn.secrets import stages as labels
from keyturn.secrets.refusals import (
    StageNotFoundError,
    StageVersionMismatchError,
    TokenReusedError,
    TooManyVersionsError,
    UnknownVersionError,
    ValueTooLongError,
    VersionNotFoundError,
)
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class NewVersion:
    """A value to be stored under ``token``, with ``stages``; None is ``[AWSCURRENT]``."""

    token: str
    value: SecretValue
    stages: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What storing a value did.

    Attributes:
        stages: the labels on the version afterwards, sorted.
        current_moved: AWSCURRENT went to this version just now.
    """

    version_id: str
    stages: Sequence[str]
    current_moved: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A version that has a value, still sealed, with the labels on it, sorted."""

    secret: Secret
    version: Version
    stages: Sequence[str]


def store_value(
    connection: Connection, keyring: Keyring, secret: Secret, new: NewVersion, now: datetime
) -> Stored:
    """Store a value as the version that its token names.

    Raises:
        TokenReusedError: the token already names a version with another value.
        ValueTooLongError: the value is longer than a version may hold.
        TooManyStagesError: the secret would have more labels than AWS allows.
        TooManyVersionsError: it would have more versions than it may, all of them young.
    """
    before = version_rows.stages_of(connection, secret.id)
    existing = version_rows.find_version(connection, secret.id, new.token)
    if existing is not None and existing.sealed is not None:
        _refuse_other_value(keyring, secret, existing, new.value)
        stages = labels.of_version(before, new.token)
        return Stored(version_id=new.token, stages=stages, current_moved=False)
    after = labels.after_store(before, new.token, new.stages)
    _write(connection, secret, _sealed(keyring, secret, new, now), existing)
    current_moved = _relabel(connection, secret, before, after, now)
    _forget_old_versions(connection, secret, after, now)
    stages = labels.of_version(after, new.token)
    return Stored(version_id=new.token, stages=stages, current_moved=current_moved)


def find_value(
    connection: Connection, secret: Secret, *, version_id: str | None, stage: str | None
) -> Found:
    """Return the version that an id or a label names; AWSCURRENT's without either.

    Raises:
        StageNotFoundError, VersionNotFoundError: no such version has a value.
        StageVersionMismatchError: the label isn't on the version.
    """
    stages = version_rows.stages_of(connection, secret.values_id)
    wanted = _wanted_version_id(stages, version_id, stage)
    version = version_rows.find_version(connection, secret.values_id, wanted)
    if version is None or version.sealed is None:
        raise (
            VersionNotFoundError(wanted) if version_id else StageNotFoundError(stage or AWSCURRENT)
        )
    if version_id and stage and stages.get(stage) != version_id:
        raise StageVersionMismatchError
    return Found(secret=secret, version=version, stages=labels.of_version(stages, wanted))


def open_value(keyring: Keyring, secret: Secret, version: Version) -> SecretValue:
    """Return the value of a version that has one.

    Raises:
        DecryptionError: it was sealed under another master key, or its bytes were changed.
    """
    assert version.sealed is not None
    assert version.kind is not None
    plaintext = keyring.open(version.sealed, _context(secret, version.version_id))
    return SecretValue(version.kind, plaintext)


def copy_value(
    connection: Connection,
    keyring: Keyring,
    secret: Secret,
    from_version_id: str,
    to_version_id: str,
    now: datetime,
) -> None:
    """Store a version's value once more, without a label, sealed anew for the other version.

    Raises:
        VersionNotFoundError: the version has no value.
    """
    version = version_rows.find_version(connection, secret.id, from_version_id)
    if version is None or version.sealed is None:
        raise VersionNotFoundError(from_version_id)
    value = open_value(keyring, secret, version)
    copy = _sealed(keyring, secret, NewVersion(token=to_version_id, value=value), now)
    version_rows.insert_version(connection, secret.id, copy)


def copy_all(connection: Connection, keyring: Keyring, source: Secret, target: Secret) -> None:
    """Give ``target``, which has none, the versions and labels that ``source`` shows.

    However many versions there are, no more than a few are in memory at once.
    A rotation that is under way isn't copied: neither its label nor its placeholder, whatever
    other label that may have. Nor is it told when another account read them.
    """
    copied: set[str] = set()
    for version in version_rows.versions_of(connection, source.values_id):
        if version.sealed is not None:
            copy = _copy(keyring, source, target, version)
            version_rows.insert_version(connection, target.id, copy)
            copied.add(version.version_id)
    stages = version_rows.stages_of(connection, source.values_id)
    kept = {
        stage: holder
        for stage, holder in stages.items()
        if stage != AWSPENDING and holder in copied
    }
    version_rows.replace_stages(connection, target.id, {}, kept)


def _copy(keyring: Keyring, source: Secret, target: Secret, version: Version) -> Version:
    plaintext = open_value(keyring, source, version).plaintext
    sealed = keyring.seal(plaintext, _context(target, version.version_id))
    is_told = not source.shows_another_accounts_values
    accessed_at = version.last_accessed_at if is_told else None
    return replace(version, sealed=sealed, last_accessed_at=accessed_at)


def move_stage(
    connection: Connection,
    secret: Secret,
    stage: str,
    *,
    remove_from: str | None,
    move_to: str | None,
    now: datetime,
) -> bool:
    """Move, add or remove one label; return whether AWSCURRENT moved.

    Raises:
        UnknownVersionError: a version that the request names doesn't exist.
        InvalidInputError: a rule of ``keyturn.secrets.stages`` forbids it.
    """
    for version_id in (remove_from, move_to):
        if version_id and version_rows.find_version(connection, secret.id, version_id) is None:
            raise UnknownVersionError(version_id)
    before = version_rows.stages_of(connection, secret.id)
    after = labels.after_move(before, stage, remove_from=remove_from, move_to=move_to)
    return _relabel(connection, secret, before, after, now)


def _wanted_version_id(stages: labels.Stages, version_id: str | None, stage: str | None) -> str:
    if version_id:
        return version_id
    label = stage or AWSCURRENT
    if label not in stages:
        raise StageNotFoundError(label)
    return stages[label]


def _refuse_other_value(
    keyring: Keyring, secret: Secret, existing: Version, value: SecretValue
) -> None:
    if open_value(keyring, secret, existing) != value:
        raise TokenReusedError(existing.version_id, secret.arn)


def _sealed(keyring: Keyring, secret: Secret, new: NewVersion, now: datetime) -> Version:
    value = new.value
    if len(value.plaintext) > SECRET_VALUE_BYTES_MAX:
        raise ValueTooLongError
    sealed = keyring.seal(value.plaintext, _context(secret, new.token))
    return Version(version_id=new.token, created_at=now, kind=value.kind, sealed=sealed)


def _context(secret: Secret, version_id: str) -> dict[str, str]:
    # AWS: "Encryption context" in "Secret encryption and decryption in AWS Secrets Manager".
    return {"SecretARN": secret.values_arn, "SecretVersionId": version_id}


def _write(
    connection: Connection, secret: Secret, version: Version, placeholder: Version | None
) -> None:
    if placeholder is None:
        version_rows.insert_version(connection, secret.id, version)
    else:
        version_rows.fill_version(connection, secret.id, version)


def _relabel(
    connection: Connection,
    secret: Secret,
    before: labels.Stages,
    after: labels.Stages,
    now: datetime,
) -> bool:
    version_rows.replace_stages(connection, secret.id, before, after)
    rows.note_new_values(connection, secret.id, now)
    return before.get(AWSCURRENT) != after.get(AWSCURRENT)


def _forget_old_versions(
    connection: Connection, secret: Secret, stages: labels.Stages, now: datetime
) -> None:
    # AWS: "Secrets Manager removes deprecated versions when there are more than 100", but never
    # one that was created less than 24 hours ago.
    count = version_rows.count_versions(connection, secret.id)
    spare = count - VERSIONS_PER_SECRET_KEPT
    if spare <= 0:
        return
    created_before = now - timedelta(hours=UNLABELLED_VERSION_HOURS_MIN)
    old = version_rows.oldest_version_ids(
        connection,
        secret.id,
        without=set(stages.values()),
        created_before=created_before,
        most=spare,
    )
    version_rows.delete_versions(connection, secret.id, old)
    if count - len(old) > VERSIONS_PER_SECRET_MAX:
        raise TooManyVersionsError
