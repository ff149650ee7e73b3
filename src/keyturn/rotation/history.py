"""What a secret's rotations did, step by step, and why they failed.

The last ``ROTATIONS_PER_SECRET_KEPT`` rotations are there, with the steps of the last
``ATTEMPTS_PER_ROTATION_KEPT`` attempts of each. No secret value is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keyturn.model.rotation import Rotation
from keyturn.model.secret import Secret
from keyturn.store import rotation_steps, rotations
from keyturn.store.database import Connection
from keyturn.store.rotation_steps import StepRecord


@dataclass(frozen=True, slots=True)
class RotationRecord:
    """A rotation, and its steps in the order in which they were begun.

    A step without an end is under way, or was cut off and repeated.
    """

    rotation: Rotation
    steps: Sequence[StepRecord]


def of_secret(connection: Connection, secret: Secret, most: int) -> list[RotationRecord]:
    """Return a secret's rotations, the latest first. A replica's are its primary's."""
    return [
        RotationRecord(rotation, rotation_steps.of_rotation(connection, rotation.id))
        for rotation in rotations.list_latest(connection, secret.values_id, most)
    ]
