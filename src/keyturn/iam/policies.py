"""The policies of users and roles: inline documents, and managed policies that are attached.

Everything here happens in the transaction of the connection that is passed in. What the policies
allow is decided in ``keyturn.iam.authority``.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
"""

from collections.abc import Mapping
from typing import Final

from keyturn.iam import managed_policies, names
from keyturn.iam.managed_policies import ManagedPolicy
from keyturn.iam.policy import document
from keyturn.iam.refusals import (
    InlinePoliciesTooLongError,
    InlinePolicyNotFoundError,
    MalformedArnError,
    PolicyNotAttachedError,
    PolicyNotFoundError,
    TooManyAttachedPoliciesError,
)
from keyturn.model.arn import Arn
from keyturn.model.identity import Identity, IdentityKind
from keyturn.store import identity_policies as rows
from keyturn.store.database import Connection

USER_INLINE_CHARACTERS_MAX: Final = 2048
ROLE_INLINE_CHARACTERS_MAX: Final = 10_240
ATTACHED_POLICIES_MAX: Final = 10

_INLINE_CHARACTERS_MAX: Final[Mapping[IdentityKind, int]] = {
    "user": USER_INLINE_CHARACTERS_MAX,
    "role": ROLE_INLINE_CHARACTERS_MAX,
}


def counted_characters(text: str) -> int:
    """Return a document's length as quotas count it: AWS leaves out white space."""
    return sum(not character.isspace() for character in text)


def put_inline(connection: Connection, identity: Identity, name: str, text: str) -> None:
    """Give an identity an inline policy, in place of the one of that name if there is one.

    Raises:
        InlinePoliciesTooLongError: the identity's inline policies would be too long together.
        InvalidNameError: the policy can't be called that.
        MalformedPolicyError: the text isn't an identity-based policy.
    """
    names.check_policy_name(name)
    document.parse(text, kind="identity")
    policies = {**rows.inline_of(connection, identity.id), name: text}
    characters_max = _INLINE_CHARACTERS_MAX[identity.kind]
    if sum(map(counted_characters, policies.values())) > characters_max:
        raise InlinePoliciesTooLongError(identity.kind, identity.name, characters_max)
    rows.put_inline(connection, identity.id, name, text)


def find_inline(connection: Connection, identity: Identity, name: str) -> str:
    """Return the document of an inline policy.

    Raises:
        InlinePolicyNotFoundError: the identity has none of that name.
    """
    found = rows.inline_of(connection, identity.id).get(name)
    if found is None:
        raise InlinePolicyNotFoundError(identity.kind, name)
    return found


def delete_inline(connection: Connection, identity: Identity, name: str) -> None:
    """Take an inline policy away from an identity.

    Raises:
        InlinePolicyNotFoundError: the identity has none of that name.
    """
    find_inline(connection, identity, name)
    rows.delete_inline(connection, identity.id, name)


def attach(connection: Connection, identity: Identity, policy_arn: str) -> None:
    """Attach a managed policy to an identity. One that is attached stays so.

    Raises:
        MalformedArnError, PolicyNotFoundError: there is no such policy.
        TooManyAttachedPoliciesError: the identity has as many as it may have.
    """
    find_managed(policy_arn)
    attached = rows.attached_to(connection, identity.id)
    if policy_arn in attached:
        return
    if len(attached) >= ATTACHED_POLICIES_MAX:
        raise TooManyAttachedPoliciesError(identity.kind)
    rows.attach(connection, identity.id, policy_arn)


def detach(connection: Connection, identity: Identity, policy_arn: str) -> None:
    """Detach a managed policy from an identity.

    Raises:
        MalformedArnError: the ARN isn't one.
        PolicyNotAttachedError: the policy isn't attached to the identity.
    """
    _check_arn(policy_arn)
    if policy_arn not in rows.attached_to(connection, identity.id):
        raise PolicyNotAttachedError(policy_arn)
    rows.detach(connection, identity.id, policy_arn)


def find_managed(policy_arn: str) -> ManagedPolicy:
    """Return a managed policy.

    Raises:
        MalformedArnError: the ARN isn't one.
        PolicyNotFoundError: there is no such policy.
    """
    _check_arn(policy_arn)
    policy = managed_policies.find(policy_arn)
    if policy is None:
        raise PolicyNotFoundError(policy_arn)
    return policy


def _check_arn(policy_arn: str) -> None:
    if Arn.parse(policy_arn) is None:
        raise MalformedArnError
