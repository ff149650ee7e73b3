"""The events of a rotation, in AWS's words, written with the change that each tells of.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/cloudtrail_log_entries.html
"""

from dataclasses import replace
from datetime import datetime

from keyturn.model.event import EventName, ServiceEvent
from keyturn.model.ids import new_uuid
from keyturn.model.rotation import Cause, Failure, Kind, Rotation
from keyturn.model.secret import Secret
from keyturn.store import events
from keyturn.store.database import Connection


def started(connection: Connection, secret: Secret, kind: Kind, token: str, now: datetime) -> None:
    """Tell that a rotation, or a test of the configuration, begins."""
    is_test = kind is Kind.TEST
    name = EventName.TEST_ROTATION_STARTED if is_test else EventName.ROTATION_STARTED
    events.append(connection, _event(secret, name, token, now))


def succeeded(connection: Connection, secret: Secret, rotation: Rotation, now: datetime) -> None:
    """Tell that it succeeded."""
    is_test = rotation.kind is Kind.TEST
    name = EventName.TEST_ROTATION_SUCCEEDED if is_test else EventName.ROTATION_SUCCEEDED
    events.append(connection, _event(secret, name, rotation.token, now))


def failed(
    connection: Connection,
    secret: Secret,
    rotation: Rotation,
    failure: Failure,
    now: datetime,
) -> None:
    """Tell that an attempt failed; others may follow."""
    is_test = rotation.kind is Kind.TEST
    name = EventName.TEST_ROTATION_FAILED if is_test else EventName.ROTATION_FAILED
    event = replace(
        _event(secret, name, rotation.token, now),
        error_message=_failure_text(secret, rotation, failure),
        cause=failure.cause.value,
        reason=failure.reason,
    )
    events.append(connection, event)


def abandoned(connection: Connection, secret: Secret, rotation: Rotation, now: datetime) -> None:
    """Tell that somebody made it pointless. AWS has no such event for a test."""
    if rotation.kind is Kind.ROTATION:
        events.append(
            connection, _event(secret, EventName.ROTATION_ABANDONED, rotation.token, now)
        )


def _event(secret: Secret, name: EventName, token: str, now: datetime) -> ServiceEvent:
    return ServiceEvent(
        event_id=new_uuid(),
        name=name,
        at=now,
        account=secret.account,
        region=secret.region,
        secret_arn=secret.arn,
        token=token,
    )


def _failure_text(secret: Secret, rotation: Rotation, failure: Failure) -> str:
    if failure.cause is Cause.WINDOW_CLOSED or secret.rotation is None:
        return failure.reason
    step, lambda_arn = rotation.step.value, secret.rotation.lambda_arn
    return f"Error when executing lambda {lambda_arn} during {step} step"
