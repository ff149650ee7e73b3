"""How a rotation begins: asked for, because its moment has come, or with a fresh value.

A rotation begins in one transaction: the placeholder version, the label AWSPENDING on it, and the
row that the engine will claim. A crash before it leaves nothing; a crash after it leaves a
rotation that the next engine takes up.
"""

from datetime import datetime, timedelta
from typing import Final

from keyturn.keys.keyring import Keyring
from keyturn.model.errors import ConflictError
from keyturn.model.ids import new_uuid
from keyturn.model.rotation import Kind, Rotation
from keyturn.model.secret import AWSCURRENT, AWSPENDING, Secret, Version, Window
from keyturn.rotation import abandon, announce
from keyturn.rotation.machine import Renew, is_incomplete
from keyturn.rotation.schedule import RotationRules
from keyturn.rotation.target import target_of
from keyturn.secrets import stages as labels, versions
from keyturn.store import rotations, secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

#: How long a rotation that was asked for, outside any window, is tried again: as long as the
#: longest window.
RETRY_WITHOUT_WINDOW: Final = timedelta(hours=24)


class VersionTakenError(ConflictError):
    """The token names a version that holds a value, so that it can't be a rotation's."""

    def __init__(self, token: str, arn: str) -> None:
        super().__init__(token, arn)
        self.token = token
        self.arn = arn


def configure(
    connection: Connection,
    secret: Secret,
    lambda_arn: str,
    rules: RotationRules | None,
    now: datetime,
) -> None:
    """Store how the secret rotates, and turn rotation on. ``rules`` None keeps the stored ones."""
    rows.save(
        connection,
        secret.id,
        rotation_enabled=True,
        rotation_lambda_arn=lambda_arn,
        last_changed_at=now,
    )
    save_rules(connection, secret, rules)


def save_rules(connection: Connection, secret: Secret, rules: RotationRules | None) -> None:
    """Store when the secret rotates. None keeps the stored rules."""
    if rules is not None:
        rows.save(
            connection,
            secret.id,
            automatically_after_days=rules.automatically_after_days,
            schedule_expression=rules.schedule_expression,
            duration=rules.duration,
        )


def rotation(
    connection: Connection,
    keyring: Keyring,
    secret: Secret,
    token: str,
    now: datetime,
    *,
    retry_until: datetime,
) -> None:
    """Begin to change the credential, as version ``token``.

    Raises:
        VersionTakenError: the token names a version that holds a value.
    """
    version = version_rows.find_version(connection, secret.id, token)
    if version is None:
        _insert_placeholder(connection, secret, token, now)
    elif version.sealed is not None and not _is_pending(connection, secret, token):
        raise VersionTakenError(token, secret.arn)
    new = rotations.NewRotation(
        token=token,
        kind=Kind.ROTATION,
        begins_at=now,
        retry_until=retry_until,
        target=target_of(connection, keyring, secret),
    )
    _begin(connection, secret, new, now)


def test(connection: Connection, keyring: Keyring, secret: Secret, now: datetime) -> str:
    """Begin a test of the configuration; return the id of the version made for it.

    AWS: the version is a copy of the current value under a fresh id, and is removed afterwards.
    """
    token = new_uuid()
    current_id = version_rows.stages_of(connection, secret.id).get(AWSCURRENT)
    if current_id is None:
        _insert_placeholder(connection, secret, token, now)
    else:
        versions.copy_value(connection, keyring, secret, current_id, token, now)
    new = rotations.NewRotation(
        token=token,
        kind=Kind.TEST,
        begins_at=now,
        retry_until=now + RETRY_WITHOUT_WINDOW,
        target=target_of(connection, keyring, secret),
    )
    _begin(connection, secret, new, now)
    return token


def due(
    connection: Connection, keyring: Keyring, secret: Secret, window: Window, now: datetime
) -> None:
    """Begin the rotation whose moment in ``window`` has come.

    A version that an earlier window left pending is tried again, under its own token, before any
    new one is made.
    """
    stages = version_rows.stages_of(connection, secret.id)
    token = stages[AWSPENDING] if is_incomplete(stages) else new_uuid()
    rotation(connection, keyring, secret, token, now, retry_until=window.closes_at)


def afresh(
    connection: Connection, secret: Secret, refused: Rotation, move: Renew, now: datetime
) -> None:
    """Begin at ``move.at`` with a fresh value, in place of a rotation that has ended."""
    token = new_uuid()
    _insert_placeholder(connection, secret, token, now)
    new = rotations.NewRotation(
        token=token,
        kind=refused.kind,
        begins_at=move.at,
        retry_until=refused.retry_until,
        target=refused.target,
        attempt=move.position.attempt,
    )
    _begin(connection, secret, new, now)


def _begin(
    connection: Connection, secret: Secret, new: rotations.NewRotation, now: datetime
) -> None:
    # A secret has one rotation at a time; an old one may not have noticed yet that it is over.
    abandon.if_pointless(connection, secret, now)
    before = version_rows.stages_of(connection, secret.id)
    after = labels.with_pending(before, new.token)
    version_rows.replace_stages(connection, secret.id, before, after)
    started_from = before.get(AWSCURRENT)
    rotations.insert_rotation(connection, secret.id, new, started_from=started_from, now=now)
    announce.started(connection, secret, new.kind, new.token, now)


def _insert_placeholder(connection: Connection, secret: Secret, token: str, now: datetime) -> None:
    placeholder = Version(version_id=token, created_at=now)
    version_rows.insert_version(connection, secret.id, placeholder)


def _is_pending(connection: Connection, secret: Secret, token: str) -> bool:
    return version_rows.stages_of(connection, secret.id).get(AWSPENDING) == token
