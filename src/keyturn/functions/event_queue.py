"""Asynchronous invocations: events are kept, given to their function, and tried again.

The rules, which every caller may rely on:

* An event that was accepted is durable, and sealed: it may hold what nobody else may read.
* A function that fails on an event gets it again, after one minute and after two more, at most
  as often as its settings say.
* An event that can't be given to its function, because that is busy or can't run, is tried again
  ever more seldom until it is too old.
* A function gets an event at least once. It may get it twice: when the engine ends in between.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from keyturn.functions.refusals import (
    EventInvokeConfigNotFoundError,
    EventQueueFullError,
    EventTooLargeError,
    ParameterError,
)
from keyturn.keys.keyring import Keyring
from keyturn.model.asynchronous import AcceptedEvent, EventInvokeConfig, WaitingEvent
from keyturn.model.function import Function
from keyturn.model.plaintext import Plaintext
from keyturn.store import asynchronous_invocations as events, event_invoke_configs as configs
from keyturn.store.database import Connection

EVENT_BYTES_MAX: Final = 1_048_576
EVENTS_WAITING_PER_FUNCTION_MAX: Final = 10_000
#: What holds without settings; none can be higher.
RETRY_ATTEMPTS_MAX: Final = 2
EVENT_AGE_SECONDS_MAX: Final = 21_600

_AFTER_FAILURES: Final = (timedelta(minutes=1), timedelta(minutes=2))
_BACK_OFF_MIN: Final = timedelta(seconds=1)
_BACK_OFF_MAX: Final = timedelta(minutes=5)
_DOUBLINGS_MAX: Final = 9


def accept(connection: Connection, keyring: Keyring, event: AcceptedEvent, payload: bytes) -> None:
    """Keep an event, to be given to its function.

    Args:
        event: without its payload.

    Raises:
        EventTooLargeError: it is longer than one may be.
        EventQueueFullError: too many of the function's wait already.
    """
    if len(payload) > EVENT_BYTES_MAX:
        raise EventTooLargeError(len(payload), EVENT_BYTES_MAX)
    if events.count_waiting(connection, event.function_id) >= EVENTS_WAITING_PER_FUNCTION_MAX:
        raise EventQueueFullError
    events.add(connection, event, keyring.seal(Plaintext(payload), _context(event)))


def payload_of(keyring: Keyring, event: AcceptedEvent) -> Plaintext:
    """Return what an event holds.

    Raises:
        DecryptionError: it isn't what was stored.
    """
    return keyring.open(event.sealed_payload, _context(event))


def next_after_failure(
    event: WaitingEvent, config: EventInvokeConfig | None, now: datetime
) -> datetime | None:
    """Return when a function that failed on an event gets it again; None for never. Pure."""
    most = None if config is None else config.retry_attempts_max
    if event.failures >= (RETRY_ATTEMPTS_MAX if most is None else most):
        return None
    return _in_time(event, config, now + _AFTER_FAILURES[event.failures])


def next_after_refusal(
    event: WaitingEvent, config: EventInvokeConfig | None, now: datetime
) -> datetime | None:
    """Return when an event that couldn't be given is tried again; None for never. Pure."""
    pause = _BACK_OFF_MIN * 2 ** min(event.refusals, _DOUBLINGS_MAX)
    return _in_time(event, config, now + min(pause, _BACK_OFF_MAX))


def is_too_old(event: WaitingEvent, config: EventInvokeConfig | None, at: datetime) -> bool:
    """Return whether an event has waited longer than it may. Pure."""
    most = None if config is None else config.event_age_seconds_max
    seconds = EVENT_AGE_SECONDS_MAX if most is None else most
    return at > event.accepted.accepted_at + timedelta(seconds=seconds)


def find_config(connection: Connection, function: Function, qualifier: str) -> EventInvokeConfig:
    """Return the settings for a qualifier.

    Raises:
        EventInvokeConfigNotFoundError: there are none.
    """
    config = configs.find(connection, function.id, qualifier)
    if config is None:
        raise EventInvokeConfigNotFoundError(f"{function.arn}:{qualifier}")
    return config


def put_config(
    connection: Connection,
    function: Function,
    qualifier: str,
    request: Mapping[str, Any],
    now: datetime,
) -> EventInvokeConfig:
    """Store settings in the place of those there were.

    Raises:
        ParameterError: the request sets nothing, or a destination.
    """
    _check(request)
    configs.put(
        connection,
        function.id,
        qualifier,
        retry_attempts_max=request.get("MaximumRetryAttempts"),
        event_age_seconds_max=request.get("MaximumEventAgeInSeconds"),
        modified_at=now,
    )
    return find_config(connection, function, qualifier)


def update_config(
    connection: Connection,
    function: Function,
    qualifier: str,
    request: Mapping[str, Any],
    now: datetime,
) -> EventInvokeConfig:
    """Change those settings that the request names.

    Raises:
        EventInvokeConfigNotFoundError: there are none yet.
        ParameterError: the request sets nothing, or a destination.
    """
    found = find_config(connection, function, qualifier)
    kept = {
        "MaximumRetryAttempts": found.retry_attempts_max,
        "MaximumEventAgeInSeconds": found.event_age_seconds_max,
    }
    _check(request)
    return put_config(connection, function, qualifier, {**kept, **request}, now)


def _check(request: Mapping[str, Any]) -> None:
    destinations = request.get("DestinationConfig", {})
    if any(destination.get("Destination") for destination in destinations.values()):
        raise ParameterError("DestinationConfig isn't served here; leave it out.")
    named = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig")
    if not any(member in request for member in named):
        raise ParameterError(
            "You must specify at least one of error handling or destination setting."
        )


def _in_time(
    event: WaitingEvent, config: EventInvokeConfig | None, at: datetime
) -> datetime | None:
    return None if is_too_old(event, config, at) else at


def _context(event: AcceptedEvent) -> dict[str, str]:
    return {"FunctionArn": event.function_arn, "RequestId": event.request_id}
