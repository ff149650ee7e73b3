"""How a rotation begins: asked for, or because its window has opened.

A rotation begins in one transaction: the placeholder version, the label AWSPENDING on it, and the
row that the engine will claim. A crash before it leaves nothing; a crash after it leaves a
rotation that the next engine takes up.
"""

from datetime import datetime, timedelta
from typing import Final

from keyturn.keys.keyring import Keyring
from keyturn.model.errors import ConflictError
from keyturn.model.ids import new_uuid
from keyturn.model.rotation import Kind, State
from keyturn.model.secret import AWSCURRENT, AWSPENDING, Secret, Version, Window
from keyturn.rotation.machine import is_abandoned, is_incomplete
from keyturn.rotation.schedule import RotationRules
from keyturn.secrets import stages as labels, versions
from keyturn.store import rotations, secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

#: How long a rotation that was asked for, outside any window, is tried again.
RETRY_WITHOUT_WINDOW: Final = timedelta(hours=1)


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
    connection: Connection, secret: Secret, token: str, now: datetime, *, retry_until: datetime
) -> None:
    """Begin to change the credential, as version ``token``.

    Raises:
        VersionTakenError: the token names a version that holds a value.
    """
    version = version_rows.find_version(connection, secret.id, token)
    if version is None:
        version_rows.insert_version(
            connection, secret.id, Version(version_id=token, created_at=now)
        )
    elif version.sealed is not None and not _is_pending(connection, secret, token):
        raise VersionTakenError(token, secret.arn)
    _begin(connection, secret, token, Kind.ROTATION, now, retry_until)


def test(connection: Connection, keyring: Keyring, secret: Secret, now: datetime) -> str:
    """Begin a test of the configuration; return the id of the version made for it.

    AWS: the version is a copy of the current value under a fresh id, and is removed afterwards.
    """
    token = new_uuid()
    current_id = version_rows.stages_of(connection, secret.id).get(AWSCURRENT)
    if current_id is None:
        version_rows.insert_version(
            connection, secret.id, Version(version_id=token, created_at=now)
        )
    else:
        versions.copy_value(connection, keyring, secret, current_id, token, now)
    _begin(connection, secret, token, Kind.TEST, now, now + RETRY_WITHOUT_WINDOW)
    return token


def due(connection: Connection, secret: Secret, window: Window, now: datetime) -> None:
    """Begin the rotation whose window is open.

    A version that an earlier window left pending is tried again, under its own token, before any
    new one is made.
    """
    stages = version_rows.stages_of(connection, secret.id)
    token = stages[AWSPENDING] if is_incomplete(stages) else new_uuid()
    rotation(connection, secret, token, now, retry_until=window.closes_at)


def _begin(
    connection: Connection,
    secret: Secret,
    token: str,
    kind: Kind,
    now: datetime,
    retry_until: datetime,
) -> None:
    before = version_rows.stages_of(connection, secret.id)
    _close_abandoned(connection, secret, before, now)
    version_rows.replace_stages(connection, secret.id, before, labels.with_pending(before, token))
    new = rotations.NewRotation(
        secret_id=secret.id,
        token=token,
        started_from=before.get(AWSCURRENT),
        kind=kind,
        begins_at=now,
        retry_until=retry_until,
    )
    rotations.insert_rotation(connection, new)


def _close_abandoned(
    connection: Connection, secret: Secret, stages: labels.Stages, now: datetime
) -> None:
    # It ends by itself when its next attempt is due; a secret has one rotation at a time.
    running = rotations.find_running(connection, secret.id)
    if running is not None and is_abandoned(
        stages, running.token, started_from=running.started_from
    ):
        rotations.cancel(connection, running, now=now, state=State.ABANDONED)


def _is_pending(connection: Connection, secret: Secret, token: str) -> bool:
    return version_rows.stages_of(connection, secret.id).get(AWSPENDING) == token
