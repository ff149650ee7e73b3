"""The entry of one operation in its service's table.

An operation without an entry can't be called, and an entry without an IAM action can't be made.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.model.clock import Clock
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault


@dataclass(frozen=True, slots=True)
class Resource:
    """What a decision is about.

    Attributes:
        arn: an ARN, or ``*``.
        policy: the policy on that resource, if it has one.
        context: the operation's own condition keys, such as ``iam:PolicyARN``.
        shown: what a refusal calls it, if that isn't its ARN: whoever may not know of the resource
            is told no more than what was asked for. Empty for an action that is about none.
    """

    arn: str
    policy: str | None = None
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shown: str | None = None

    def with_context(self, context: Mapping[str, tuple[str, ...]]) -> "Resource":
        """Return the same resource with further condition keys."""
        return replace(self, context={**self.context, **context}) if context else self


Output = Mapping[str, Any]
Handler = Callable[[AuthorisedCall], Output]
ResourceOf = Callable[[AuthenticatedCall], Resource]
FaultOf = Callable[[ServiceError], Fault | None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of a service's table.

    Attributes:
        name: AWS's name, such as ``GetSecretValue``.
        action: the IAM action that allows it, such as ``secretsmanager:GetSecretValue``.
        resource: finds what the decision is about. It may raise a ``ServiceError``.
        handler: does it, for a caller who may. It raises a ``ServiceError`` to refuse.
        is_quick: a read short enough to run on the event loop, without a thread.
        waits_for_function: it takes as long as somebody's function does.
    """

    name: str
    action: str
    resource: ResourceOf
    handler: Handler
    is_quick: bool = False
    waits_for_function: bool = False

    def __post_init__(self) -> None:
        if ":" not in self.action:
            raise ValueError(f"{self.name} has no IAM action")


@dataclass(frozen=True, slots=True)
class ServiceApi:
    """One AWS service as far as we serve it.

    Attributes:
        name: the SigV4 signing name, such as ``secretsmanager``.
        operations: its table.
        fault_of: turns a refusal into this service's error; None for one that it doesn't know.
        clock: the time that what it keeps lives in; None for the machine's.
    """

    name: str
    operations: tuple[Operation, ...]
    fault_of: FaultOf
    clock: Clock | None = None

    def in_time_of(self, clock: Clock) -> "ServiceApi":
        """Return the same service with a time of its own."""
        return replace(self, clock=clock)


def anything(_call: AuthenticatedCall) -> Resource:
    """Return ``*``: for actions that AWS doesn't bind to a resource."""
    return Resource("*")
