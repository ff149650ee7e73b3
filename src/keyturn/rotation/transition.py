"""What the store must say after each move of a rotation.

Every function here is part of the transaction of the connection that is passed in, and refuses to
write for a holder that lost its lease. None writes a log line: whoever reads the log may be slow,
and the write lock is everybody's (``keyturn.engine.narrator`` tells what happened afterwards).
"""

from datetime import datetime
from typing import assert_never

from keyturn.model.rotation import Cause, Failure, Kind, Position, Rotation, State
from keyturn.model.secret import Secret
from keyturn.rotation import abandon, announce, begin, pending, plan
from keyturn.rotation.machine import (
    Finish,
    GiveUp,
    Invoke,
    Move,
    Prospects,
    Renew,
    Retry,
    after_failure,
    is_complete,
    is_refused_value,
)
from keyturn.store import rotations, secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

_NOT_MOVED = Failure(
    Cause.LABELS_NOT_MOVED,
    "all four steps succeeded, but the labels don't say so: finishSecret must move AWSCURRENT to "
    "the new version with UpdateSecretVersionStage, and AWSPENDING must be there or nowhere",
)


def secret_in_rotation(connection: Connection, rotation: Rotation, now: datetime) -> Secret | None:
    """Return the secret, or None after closing a rotation that somebody made pointless."""
    secret = rows.find_by_id(connection, rotation.secret_id)
    if secret is None:
        return None
    if not abandon.is_pointless(connection, secret, rotation):
        return secret
    abandon.abandon(connection, secret, rotation, now)
    return None


def follow(
    connection: Connection,
    rotation: Rotation,
    secret: Secret,
    move: Move,
    prospects: Prospects,
) -> Position | None:
    """Write what ``move`` means; return the position of the step to begin, if one follows.

    ``rotation`` is at the step that just ended.
    """
    now = prospects.now
    match move:
        case Invoke(following):
            return following
        case Finish():
            _finish(connection, rotation, secret, prospects)
        case Retry(following, at, failure):
            announce.failed(connection, secret, rotation, failure, now)
            rotations.postpone(connection, rotation, following, due_at=at, failure=failure)
        case Renew(failure=failure):
            give_up(connection, rotation, secret, failure, now)
            begin.afresh(connection, secret, rotation, move, now)
        case GiveUp(failure):
            give_up(connection, rotation, secret, failure, now)
        case _:
            assert_never(move)
    return None


def give_up(
    connection: Connection, rotation: Rotation, secret: Secret, failure: Failure, now: datetime
) -> None:
    """End a rotation that failed. A value that the target refused isn't tried again."""
    announce.failed(connection, secret, rotation, failure, now)
    if is_refused_value(rotation.step, failure, may_be_set=rotation.may_be_set):
        pending.take_label_off(connection, secret, rotation)
    _end(connection, rotation, secret, State.FAILED, now, failure)
    if rotation.kind is Kind.ROTATION:
        plan.plan_after_failure(connection, secret.id, now)


def _finish(
    connection: Connection, rotation: Rotation, secret: Secret, prospects: Prospects
) -> None:
    stages = version_rows.stages_of(connection, secret.id)
    now = prospects.now
    if rotation.kind is Kind.ROTATION and not is_complete(stages, rotation.token):
        move = after_failure(rotation.position, _NOT_MOVED, prospects)
        follow(connection, rotation, secret, move, prospects)
        return
    if rotation.kind is Kind.ROTATION:
        # AWS removes a left-over AWSPENDING itself, once the rotation is complete.
        pending.take_label_off(connection, secret, rotation)
        rows.save(connection, secret.id, last_changed_at=now, last_rotated_at=now)
        plan.note_valid_rotation(connection, secret.id, now)
    _end(connection, rotation, secret, State.SUCCEEDED, now)
    announce.succeeded(connection, secret, rotation, now)


def _end(
    connection: Connection,
    rotation: Rotation,
    secret: Secret,
    state: State,
    now: datetime,
    failure: Failure | None = None,
) -> None:
    pending.withdraw_test_version(connection, secret, rotation)
    rotations.end(connection, rotation, state, now=now, failure=failure)
