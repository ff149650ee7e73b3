"""A role's session, and the token that carries it: nothing about a session is stored.

* Whoever holds the token can't read or change it, and only we can make one.
* What was sealed for another purpose under the same keys is not taken for a session.
* A session ends when it expires, or when its role is deleted, also if another gets its name.
* A session that Lambda gives to a function says which, wherever its credentials are used. A role
  that this session takes on is another session, and no function's: along a chain of roles AWS has
  the source identity persist, and doesn't say so of the source function.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp.html and
https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from keyturn.iam import names
from keyturn.iam.access_keys import AccessKeyPair
from keyturn.iam.credential_refusals import InvalidTokenError
from keyturn.iam.principal import Principal
from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.identity import Role
from keyturn.model.plaintext import Plaintext

_USE: Final = "session"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A role, taken on for a while.

    Attributes:
        role_unique_id: tells the role from a later one of the same name.
        source_identity: who began it, through whatever chain of roles; AWS's SourceIdentity.
        source_function_arn: the Lambda function that it was given to, unqualified.
    """

    key: AccessKeyPair
    role_arn: str
    role_unique_id: str
    session_name: str
    expires_at: datetime
    source_identity: str | None
    source_function_arn: str | None


@dataclass(frozen=True, slots=True)
class SessionPrincipal(Principal):
    """A principal that is a session, with what a session knows beyond its role."""

    source_identity: str | None
    source_function_arn: str | None = None


def principal_of(
    role: Role,
    session_name: str,
    source_identity: str | None,
    source_function_arn: str | None = None,
) -> SessionPrincipal:
    """Return the principal that a role's session is."""
    return SessionPrincipal(
        kind="assumed-role",
        account=role.account,
        arn=names.session_arn(role.account, role.name, session_name),
        unique_id=f"{role.unique_id}:{session_name}",
        identity_arn=role.arn,
        source_identity=source_identity,
        source_function_arn=source_function_arn,
    )


def source_function_of(principal: Principal) -> str | None:
    """Return the ARN of the Lambda function whose session this is; None for anybody else."""
    return principal.source_function_arn if isinstance(principal, SessionPrincipal) else None


def seal(keyring: Keyring, session: Session) -> str:
    """Return the token of a session."""
    return keyring.seal_token(
        {
            "use": _USE,
            "key_id": session.key.access_key_id,
            "secret": session.key.secret_access_key.reveal().decode(),
            "role": session.role_arn,
            "role_id": session.role_unique_id,
            "name": session.session_name,
            "expires_at": to_epoch_ms(session.expires_at),
            "source": session.source_identity,
            "function": session.source_function_arn,
        }
    )


def open_token(keyring: Keyring, token: str) -> Session:
    """Return the session that a token was made for.

    Raises:
        InvalidTokenError: we made no such token, or not for a session.
    """
    try:
        claims = keyring.open_token(token)
    except DecryptionError:
        raise InvalidTokenError from None
    if claims.get("use") != _USE:
        raise InvalidTokenError
    return Session(
        key=AccessKeyPair(claims["key_id"], Plaintext(claims["secret"].encode())),
        role_arn=claims["role"],
        role_unique_id=claims["role_id"],
        session_name=claims["name"],
        expires_at=from_epoch_ms(claims["expires_at"]),
        source_identity=claims["source"],
        source_function_arn=claims["function"],
    )
