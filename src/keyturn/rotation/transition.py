"""What the store must say after each move of a rotation.

Every function here is part of the transaction of the connection that is passed in, and refuses to
write for a holder that lost its lease.
"""

from datetime import datetime
from typing import assert_never

import structlog

from keyturn.model.rotation import Kind, Rotation, State
from keyturn.model.secret import Secret
from keyturn.rotation import plan
from keyturn.rotation.machine import (
    Finish,
    GiveUp,
    Invoke,
    Move,
    Position,
    Retry,
    after_failure,
    is_abandoned,
    is_complete,
)
from keyturn.secrets import stages as labels
from keyturn.store import rotations, secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

_log = structlog.get_logger(__name__)

_NOT_MOVED = (
    "all four steps succeeded, but AWSCURRENT isn't on the new version: finishSecret must move it "
    "with UpdateSecretVersionStage"
)


def secret_in_rotation(connection: Connection, rotation: Rotation, now: datetime) -> Secret | None:
    """Return the secret, or None after closing a rotation that somebody made pointless."""
    secret = rows.find_by_id(connection, rotation.secret_id)
    if secret is None:
        return None
    stages = version_rows.stages_of(connection, secret.id)
    is_pointless = is_abandoned(stages, rotation.token, started_from=rotation.started_from)
    if secret.deleted_at is None and not is_pointless:
        return secret
    # AWS: RotationAbandoned takes AWSPENDING away, so that the next rotation can begin.
    _replace(connection, secret, stages, labels.without_pending(stages, rotation.token))
    _end(connection, rotation, secret, State.ABANDONED, now, "the labels or the secret changed")
    return None


def follow(
    connection: Connection,
    rotation: Rotation,
    secret: Secret,
    position: Position,
    move: Move,
    now: datetime,
) -> Position | None:
    """Write what ``move`` means; return the position of the step to begin, if one follows."""
    match move:
        case Invoke(following):
            return following
        case Finish():
            _finish(connection, rotation, secret, position, now)
        case Retry() | GiveUp():
            _give_way(connection, rotation, secret, move, now)
        case _:
            assert_never(move)
    return None


def _finish(
    connection: Connection,
    rotation: Rotation,
    secret: Secret,
    position: Position,
    now: datetime,
) -> None:
    stages = version_rows.stages_of(connection, secret.id)
    if rotation.kind is Kind.ROTATION and not is_complete(stages, rotation.token):
        move = after_failure(position, _NOT_MOVED, now=now, retry_until=rotation.retry_until)
        _give_way(connection, rotation, secret, move, now)
        return
    if rotation.kind is Kind.ROTATION:
        # AWS removes a left-over AWSPENDING itself, once the rotation is complete.
        _replace(connection, secret, stages, labels.without_pending(stages, rotation.token))
        rows.save(connection, secret.id, last_changed_at=now, last_rotated_at=now)
        plan.plan_next(connection, secret.id, now, has_rotated=True)
    _end(connection, rotation, secret, State.SUCCEEDED, now, None)


def _give_way(
    connection: Connection,
    rotation: Rotation,
    secret: Secret,
    move: Retry | GiveUp,
    now: datetime,
) -> None:
    if isinstance(move, GiveUp):
        _end(connection, rotation, secret, State.FAILED, now, move.reason)
        return
    rotations.postpone(
        connection,
        rotation,
        step=move.position.step,
        attempt=move.position.attempt,
        due_at=move.at,
        reason=move.reason,
    )
    _log.warning("attempt failed", secret=secret.arn, reason=move.reason, again_at=str(move.at))


def _end(
    connection: Connection,
    rotation: Rotation,
    secret: Secret,
    state: State,
    now: datetime,
    reason: str | None,
) -> None:
    if rotation.kind is Kind.TEST:
        _withdraw_test_version(connection, rotation, secret)
    rotations.end(connection, rotation, state, now=now, reason=reason)
    write = _log.info if state is State.SUCCEEDED else _log.error
    write(f"{rotation.kind.value} {state.value}", secret=secret.arn, reason=reason)


def _withdraw_test_version(connection: Connection, rotation: Rotation, secret: Secret) -> None:
    # AWS: the version that a test was made with is removed with its label, however it ended.
    stages = version_rows.stages_of(connection, secret.id)
    _replace(connection, secret, stages, labels.without_pending(stages, rotation.token))
    if rotation.token not in labels.without_pending(stages, rotation.token).values():
        version_rows.delete_versions(connection, secret.id, [rotation.token])


def _replace(
    connection: Connection, secret: Secret, before: labels.Stages, after: labels.Stages
) -> None:
    version_rows.replace_stages(connection, secret.id, before, after)
