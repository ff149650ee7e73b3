"""What a secret's rotations did, step by step, and why they failed.

The last ``ROTATIONS_PER_SECRET_KEPT`` rotations are there, with the steps of the last
``ATTEMPTS_PER_ROTATION_KEPT`` attempts of each. No secret value is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from keyturn.model.rotation import Rotation, State
from keyturn.model.secret import Secret
from keyturn.store import rotation_steps, rotations, secrets as rows
from keyturn.store.database import Connection
from keyturn.store.rotation_steps import StepRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class RotationRecord:
    """A rotation, and its steps in the order in which they were begun.

    A step without an end is under way, or was cut off and repeated.

    Attributes:
        next_rotation_at: when the secret's next rotation begins by itself; None for a rotation
            that isn't the latest, and for a secret that doesn't rotate by itself.
        waits_for_restore: the secret is scheduled for deletion, and the rotation waits for it.
    """

    rotation: Rotation
    steps: Sequence[StepRecord]
    next_rotation_at: datetime | None = None
    waits_for_restore: bool = False

    @property
    def is_running(self) -> bool:
        """Whether the engine is at it, or will be."""
        return self.rotation.state is State.RUNNING

    @property
    def target_may_have_value(self) -> bool:
        """Whether the target may take the rotation's value although it isn't AWSCURRENT.

        One that may is never given up (``machine``), whatever was noted before its last step.
        """
        is_settled = self.rotation.state in (State.SUCCEEDED, State.FAILED)
        return self.rotation.may_be_set and not is_settled

    @property
    def open_step(self) -> StepRecord | None:
        """The step that is under way, or was when the engine died that will repeat it."""
        last = self.steps[-1] if self.steps else None
        return last if self.is_running and last is not None and last.ended_at is None else None


def of_secret(connection: Connection, secret: Secret, most: int) -> list[RotationRecord]:
    """Return a secret's rotations, the latest first. A replica's are its primary's."""
    primary = rows.find_by_id(connection, secret.values_id)
    assert primary is not None
    latest = rotations.list_latest(connection, primary.id, most)
    return [_record(connection, primary, each, is_latest=each is latest[0]) for each in latest]


def _record(
    connection: Connection, primary: Secret, rotation: Rotation, *, is_latest: bool
) -> RotationRecord:
    is_deleted = primary.deleted_at is not None
    return RotationRecord(
        rotation=rotation,
        steps=rotation_steps.of_rotation(connection, rotation.id),
        next_rotation_at=primary.rotates_at if is_latest and not is_deleted else None,
        waits_for_restore=is_deleted and rotation.state is State.RUNNING,
    )
