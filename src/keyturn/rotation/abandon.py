"""A rotation that somebody made pointless by setting another value.

AWS: RotationAbandoned takes AWSPENDING away, so that the next rotation can begin.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
"""

from datetime import datetime

from keyturn.model.rotation import Rotation, State
from keyturn.model.secret import Secret
from keyturn.rotation import announce, pending
from keyturn.rotation.machine import is_abandoned
from keyturn.store import rotations, secret_versions as version_rows
from keyturn.store.database import Connection


def if_pointless(connection: Connection, secret: Secret, now: datetime) -> None:
    """End the rotation under way at once if the labels say that it is pointless now."""
    running = rotations.find_running(connection, secret.id)
    if running is not None and is_pointless(connection, secret, running):
        abandon(connection, secret, running, now)


def is_pointless(connection: Connection, secret: Secret, rotation: Rotation) -> bool:
    """Return whether the rotation's value must not be promoted any more."""
    stages = version_rows.stages_of(connection, secret.id)
    return is_abandoned(stages, rotation.token, started_from=rotation.started_from)


def abandon(connection: Connection, secret: Secret, rotation: Rotation, now: datetime) -> None:
    """End a rotation whoever is at it, unless it has ended; the step under way is the last."""
    if not rotations.close(connection, rotation, State.ABANDONED, now=now):
        return
    pending.take_label_off(connection, secret, rotation)
    pending.withdraw_test_version(connection, secret, rotation)
    announce.abandoned(connection, secret, rotation, now)
