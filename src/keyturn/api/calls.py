"""One request on its way through: each stage's type can only be made from the one before.

A routed call (``keyturn.api.dispatch``) is somebody's; an ``AuthenticatedCall`` is this
principal's and has the operation's shape; an ``AuthorisedCall`` is one that the principal may
make. A handler takes the last of these, so the type checker proves that nothing runs before it is
decided.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keyturn.iam.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticatedCall:
    """A request that is proven to come from ``caller``, decoded into the operation's members.

    ``params`` has AWS's member names and may hold secret values.
    """

    caller: Principal
    region: str
    request_id: str
    received_at: datetime
    source_ip: str
    params: Mapping[str, Any] = field(repr=False)

    @property
    def account(self) -> str:
        """The account that the call acts in: the caller's own."""
        return self.caller.account


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorisedCall(AuthenticatedCall):
    """A call that policies allow. Only ``keyturn.api.dispatch`` makes one.

    Attributes:
        resource_arn: what they allow it on. Who looks a resource up again must find that one: what
            went by the same name a moment ago may be gone, and another be there.
    """

    resource_arn: str | None = None
