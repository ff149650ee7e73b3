"""Try a rotation again at once: somebody has repaired what it failed for.

AWS has nothing of the kind: there RotateSecret is refused until the service tries again by itself.
"""

from datetime import datetime

from keyturn.keys.keyring import Keyring
from keyturn.model.errors import ConflictError
from keyturn.model.secret import AWSPENDING, Secret
from keyturn.rotation import begin
from keyturn.rotation.machine import is_incomplete
from keyturn.store import rotations, secret_versions as version_rows
from keyturn.store.database import Connection


class NothingToRetryError(ConflictError):
    """There is no rotation that could be tried again; the message says why and what to do."""


def retry(connection: Connection, keyring: Keyring, secret: Secret, now: datetime) -> str:
    """Let the rotation that waits, or was given up, go on now; return its VersionId.

    Raises:
        NothingToRetryError: none waits, the secret is scheduled for deletion, or rotation is off.
    """
    _require_rotating(secret)
    running = rotations.find_running(connection, secret.id)
    if running is not None:
        if not rotations.hasten(connection, running, now):
            raise NothingToRetryError(
                f"The rotation of {secret.name} is under way: it is at {running.step.value}."
            )
        return running.token
    stages = version_rows.stages_of(connection, secret.id)
    if not is_incomplete(stages):
        raise NothingToRetryError(
            f"No rotation of {secret.name} has failed or waits. Begin one with: "
            f"aws secretsmanager rotate-secret --secret-id {secret.name}"
        )
    token = stages[AWSPENDING]
    retry_until = now + begin.RETRY_WITHOUT_WINDOW
    begin.rotation(connection, keyring, secret, token, now, retry_until=retry_until)
    return token


def _require_rotating(secret: Secret) -> None:
    if secret.is_replica:
        raise NothingToRetryError(f"{secret.name} is a replica: its primary is what rotates.")
    if secret.deleted_at is not None:
        raise NothingToRetryError(
            f"{secret.name} is scheduled for deletion. Restore it first, with: aws secretsmanager "
            f"restore-secret --secret-id {secret.name}"
        )
    if secret.rotation is None or not secret.rotation.is_enabled:
        raise NothingToRetryError(
            f"Rotation of {secret.name} is off. Turn it on with: aws secretsmanager rotate-secret "
            f"--secret-id {secret.name}"
        )
