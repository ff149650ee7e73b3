"""Asynchronous invocations: events that wait to be given to a function, and for how long."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeConfig:
    """How long a function's events are tried; None for AWS's defaults.

    Attributes:
        qualifier: ``$LATEST``, a version or an alias: whatever the function is invoked by.
        retry_attempts_max: how often an event is tried again after the function failed on it.
        event_age_seconds_max: how long an event may wait.
    """

    qualifier: str
    retry_attempts_max: int | None
    event_age_seconds_max: int | None
    modified_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedEvent:
    """An event as it was accepted.

    Attributes:
        function_arn: what it was sent to, with the qualifier that was asked for.
        qualifier: that qualifier, or ``$LATEST``.
    """

    request_id: str
    function_id: int
    function_arn: str
    qualifier: str
    accepted_at: datetime
    sealed_payload: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvent:
    """An event that was accepted and is not done with yet.

    Attributes:
        failures: how often the function failed on it.
        refusals: how often it couldn't be given to the function at all.
        lease_until: until when the engine that took it holds it.
    """

    id: int
    accepted: AcceptedEvent
    failures: int
    refusals: int
    lease_until: datetime
