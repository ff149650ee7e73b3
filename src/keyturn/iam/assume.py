"""Take on a role: from the right to do so to a session's credentials.

* What decides is ``keyturn.iam.authority``; nothing is issued before it has.
* A session that takes on another role does so for an hour at most, and keeps its source identity,
  but not the function that it was given to.
* Nothing is stored: what a session is stands in its token (``keyturn.iam.session``).

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from keyturn.iam import names
from keyturn.iam.access_keys import AccessKeyPair, new_pair
from keyturn.iam.authority import ASSUME_ROLE, SET_SOURCE_IDENTITY, Authority
from keyturn.iam.principal import Principal
from keyturn.iam.refusals import (
    ChainedSessionTooLongError,
    SessionTooLongError,
    SourceIdentityChangedError,
)
from keyturn.iam.roles import MAX_SESSION_SECONDS_MAX
from keyturn.iam.session import Session, SessionPrincipal, principal_of, seal
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.model.identity import Role

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
    """What a session signs its requests with, and who it is."""

    principal: SessionPrincipal
    key: AccessKeyPair
    session_token: str = field(repr=False)
    expires_at: datetime


class Assumption:
    """Issues credentials for roles that are taken on."""

    def __init__(self, keyring: Keyring, clock: Clock, authority: Authority) -> None:
        self._keyring = keyring
        self._clock = clock
        self._authority = authority

    def assume_role(self, caller: Principal, request: AssumeRequest) -> SessionCredentials:
        """Return credentials for a session that ``caller`` asks for.

        Raises:
            NotAllowedError: policies don't allow it, or there is no such role.
            InvalidInputError: the session can't be called that, or can't last so long.
        """
        _check(request)
        source_identity = _source_identity(caller, request)
        actions = (ASSUME_ROLE, SET_SOURCE_IDENTITY) if source_identity else (ASSUME_ROLE,)
        role = self._authority.assumable_by(
            caller,
            request.role_arn,
            actions=actions,
            context=_context(request, source_identity),
        )
        _check_duration(caller, role, request.duration_seconds)
        return self._issue(
            role,
            request.session_name,
            request.duration_seconds,
            source_identity=source_identity,
        )

    def issue_service_session(
        self,
        role_arn: str,
        session_name: str,
        *,
        service: str = "lambda.amazonaws.com",
        duration_seconds: int = SESSION_SECONDS_DEFAULT,
        source_function_arn: str | None = None,
    ) -> SessionCredentials:
        """Return credentials for a session of a role that trusts ``service``.

        Args:
            source_function_arn: the Lambda function that will have them, unqualified.

        Raises:
            NotAllowedError: the role doesn't trust the service, or there is no such role.
            InvalidInputError: the session can't be called that, or can't last so long.
        """
        names.check_session_name(session_name)
        _check_range(duration_seconds)
        role = self._authority.assumable_by_service(service, role_arn)
        return self._issue(
            role, session_name, duration_seconds, source_function_arn=source_function_arn
        )

    def _issue(
        self,
        role: Role,
        session_name: str,
        seconds: int,
        *,
        source_identity: str | None = None,
        source_function_arn: str | None = None,
    ) -> SessionCredentials:
        session = Session(
            key=new_pair("ASIA"),
            role_arn=role.arn,
            role_unique_id=role.unique_id,
            session_name=session_name,
            expires_at=self._clock.now() + timedelta(seconds=seconds),
            source_identity=source_identity,
            source_function_arn=source_function_arn,
        )
        return SessionCredentials(
            principal=principal_of(role, session_name, source_identity, source_function_arn),
            key=session.key,
            session_token=seal(self._keyring, session),
            expires_at=session.expires_at,
        )


def _check(request: AssumeRequest) -> None:
    names.check_session_name(request.session_name)
    _check_range(request.duration_seconds)
    if request.source_identity is not None:
        names.check_source_identity(request.source_identity)


def _check_range(seconds: int) -> None:
    names.check_range("durationSeconds", seconds, SESSION_SECONDS_MIN, MAX_SESSION_SECONDS_MAX)


def _source_identity(caller: Principal, request: AssumeRequest) -> str | None:
    inherited = caller.source_identity if isinstance(caller, SessionPrincipal) else None
    asked = request.source_identity
    # AWS: "you cannot change it" along a chain of roles.
    if inherited is not None and asked not in (None, inherited):
        raise SourceIdentityChangedError
    return inherited or asked


def _context(request: AssumeRequest, source_identity: str | None) -> dict[str, tuple[str, ...]]:
    keys = {
        "sts:RoleSessionName": request.session_name,
        "sts:ExternalId": request.external_id,
        "sts:SourceIdentity": source_identity,
    }
    return {key: (value,) for key, value in keys.items() if value is not None}


def _check_duration(caller: Principal, role: Role, seconds: int) -> None:
    # AWS: "Role chaining limits your session to a maximum of one hour", whatever the role allows.
    if caller.kind == "assumed-role" and seconds > CHAINED_SESSION_SECONDS_MAX:
        raise ChainedSessionTooLongError
    if seconds > role.max_session_seconds:
        raise SessionTooLongError
