"""Take on a role: credentials for a session, for whom the role's trust policy lets.

* What decides is ``keyturn.iam.authority``; here a decision becomes credentials.
* A session of a role can take on another, for an hour at most, and keeps its source identity.
* A service gets a session only of a role that trusts it.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from keyturn.iam import names, session as sessions
from keyturn.iam.access_keys import AccessKeyPair, new_pair
from keyturn.iam.authority import Authority, role_unknown
from keyturn.iam.principal import Principal
from keyturn.iam.refusals import ChainedSessionTooLongError, SessionTooLongError
from keyturn.iam.roles import MAX_SESSION_SECONDS_MAX
from keyturn.iam.session import Session, SessionPrincipal
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.model.identity import Role
from keyturn.store import identities
from keyturn.store.database import Database

SESSION_SECONDS_MIN: Final = 900
SESSION_SECONDS_DEFAULT: Final = 3600
CHAINED_SESSION_SECONDS_MAX: Final = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class AssumeRequest:
    """What AssumeRole asks for."""

    role_arn: str
    session_name: str
    duration_seconds: int = SESSION_SECONDS_DEFAULT
    external_id: str | None = None
    source_identity: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCredentials:
    """What a session signs its requests with."""

    principal: SessionPrincipal
    key: AccessKeyPair
    session_token: str = field(repr=False)
    expires_at: datetime


class Assumption:
    """Turns the right to take on a role into credentials."""

    def __init__(
        self, database: Database, keyring: Keyring, clock: Clock, authority: Authority
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._authority = authority

    def assume_role(self, caller: Principal, request: AssumeRequest) -> SessionCredentials:
        """Return credentials for a session that ``caller`` asks for.

        Raises:
            NotAllowedError: the role's trust policy, or the caller's own policies, don't allow
                it; or there is no such role.
            InvalidInputError: the session's name or its length can't be.
        """
        names.check_session_name(request.session_name)
        names.check_range(
            "durationSeconds",
            request.duration_seconds,
            SESSION_SECONDS_MIN,
            MAX_SESSION_SECONDS_MAX,
        )
        ...
