"""Make, find, change and delete roles.

Everything here happens in the transaction of the connection that is passed in. Who may take on a
role is decided in ``keyturn.iam.authority``.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from keyturn.iam import names
from keyturn.iam.policies import counted_characters
from keyturn.iam.policy import document
from keyturn.iam.refusals import (
    IdentityExistsError,
    IdentityInUseError,
    IdentityNotFoundError,
    TrustPolicyTooLongError,
)
from keyturn.iam.tags import check_tags
from keyturn.model.identity import Role
from keyturn.model.ids import new_unique_id
from keyturn.store import identities, identity_policies
from keyturn.store.database import Connection

MAX_SESSION_SECONDS_MIN: Final = 3600
MAX_SESSION_SECONDS_MAX: Final = 43_200
TRUST_POLICY_CHARACTERS_MAX: Final = 2048
DESCRIPTION_CHARACTERS_MAX: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRole:
    """A role to be made."""

    account: str
    name: str
    trust_policy: str
    path: str = "/"
    description: str | None = None
    max_session_seconds: int = MAX_SESSION_SECONDS_MIN
    tags: Mapping[str, str] = field(default_factory=dict)


def create(connection: Connection, new: NewRole, now: datetime) -> Role:
    """Make a role, which may do nothing yet.

    Raises:
        IdentityExistsError: there is a role of that name, in whatever case.
        InvalidInputError: the name, or something else that the request says, can't be.
        LimitError: there is too much of something.
    """
    _check(new)
    if identities.is_name_taken(connection, new.account, "role", new.name):
        raise IdentityExistsError("role", new.name)
    role = Role(
        id=0,
        account=new.account,
        name=new.name,
        path=new.path,
        arn=names.role_arn(new.account, new.path, new.name),
        unique_id=new_unique_id("AROA"),
        created_at=now,
        tags=new.tags,
        trust_policy=new.trust_policy,
        max_session_seconds=new.max_session_seconds,
        description=new.description,
    )
    return replace(role, id=identities.insert_role(connection, role))


def find(connection: Connection, account: str, name: str) -> Role:
    """Return a role.

    Raises:
        IdentityNotFoundError: there is none of that name.
    """
    role = identities.find_role(connection, account, name)
    if role is None:
        raise IdentityNotFoundError("role", name)
    return role


def change_trust(connection: Connection, account: str, name: str, trust_policy: str) -> None:
    """Change who may take on a role. Sessions that have begun go on.

    Raises:
        IdentityNotFoundError: there is no role of that name.
        MalformedPolicyError: the document isn't a trust policy.
        TrustPolicyTooLongError: it is longer than one may be.
    """
    role = find(connection, account, name)
    _check_trust_policy(trust_policy)
    identities.save_trust_policy(connection, role.id, trust_policy)


def delete(connection: Connection, account: str, name: str) -> None:
    """Delete a role. Its sessions end at once.

    Raises:
        IdentityInUseError: the role still has policies.
        IdentityNotFoundError: there is none of that name.
    """
    role = find(connection, account, name)
    if identity_policies.has_any(connection, role.id):
        raise IdentityInUseError("policies")
    identities.delete_identity(connection, role.id)


def _check(new: NewRole) -> None:
    names.check_role_name(new.name)
    names.check_path(new.path)
    names.check_range(
        "maxSessionDuration",
        new.max_session_seconds,
        MAX_SESSION_SECONDS_MIN,
        MAX_SESSION_SECONDS_MAX,
    )
    names.check_range("description", len(new.description or ""), 0, DESCRIPTION_CHARACTERS_MAX)
    check_tags(new.tags)
    _check_trust_policy(new.trust_policy)


def _check_trust_policy(text: str) -> None:
    document.parse(text, kind="trust")
    if counted_characters(text) > TRUST_POLICY_CHARACTERS_MAX:
        raise TrustPolicyTooLongError
