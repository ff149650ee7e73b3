"""The policy on a secret: read, bound to those whom it names, kept from opening or locking doors.

The rules, which every caller may rely on:

* A policy that is stored can be read; every user and role that it names in this deployment exists.
* It is kept twice: as it was written, and in force. In force, users and roles are named by their
  unique ids, so that one who is deleted and made again under the same name gets nothing by it.
  As AWS does, whoever is gone is shown by that id.
* Sessions and ``NotPrincipal`` keep their names: whoever is made anew under one is meant by it.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_resource-policies.html
and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import json
import re
from typing import Any, Final

from keyturn.iam.policy.document import (
    MalformedPolicyError,
    MalformedPrincipalError,
    NotJsonError,
    parse,
)
from keyturn.iam.policy.public_access import is_public
from keyturn.model.arn import Arn
from keyturn.model.errors import InvalidInputError, NotFoundError
from keyturn.model.secret import Secret
from keyturn.store import identities
from keyturn.store.database import Connection

DEFAULT_NAME: Final = "default"

_IDENTITY: Final = re.compile(r"(user|role)/.+")
_UNIQUE_ID: Final = re.compile(r"A(IDA|ROA)[A-Z0-9]+")

Rename = Callable[[str], str]


class PolicySyntaxError(InvalidInputError):
    """The text isn't a resource policy.

    Attributes:
        reason: where it goes wrong, and what is wrong there.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PolicyNotJsonError(PolicySyntaxError):
    """The text isn't even JSON."""


class UnsupportedPrincipalError(InvalidInputError):
    """The policy names somebody who isn't there, or whom no policy can name."""


class PublicPolicyError(InvalidInputError):
    """The policy would let in strangers."""


class LockedOutError(InvalidInputError):
    """The caller couldn't replace the policy again."""


class PolicyNameError(InvalidInputError):
    """There is one policy that users can change, and it is called ``default``."""


class PolicyNotFoundError(NotFoundError):
    """The secret has no policy of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class BoundPolicy:
    """A policy as it was written, and as it is in force."""

    written: str
    in_force: str


def bind(connection: Connection, text: str) -> BoundPolicy:
    """Return a policy that may be stored.

    Raises:
        PolicySyntaxError: it isn't one.
        UnsupportedPrincipalError: somebody whom it names isn't there.
    """
    try:
        parse(text, kind="resource")
    except NotJsonError as error:
        raise PolicyNotJsonError(error.reason) from None
    except MalformedPrincipalError:
        raise UnsupportedPrincipalError from None
    except MalformedPolicyError as error:
        raise PolicySyntaxError(error.reason) from None
    document = json.loads(text)
    for spared in _named_in(document, "NotPrincipal"):
        for name in _names(spared):
            _unique_id_of(connection, name)
    is_changed = _rename(document, lambda name: _unique_id_of(connection, name))
    return BoundPolicy(text, json.dumps(document) if is_changed else text)


def require_private(policy: BoundPolicy, actions: tuple[str, ...], resource: str | None) -> None:
    """Return if the policy lets in none but a fixed set of callers.

    Args:
        actions: all that can be asked of a secret.
        resource: the ARN of the secret; None if it could be on any.

    Raises:
        PublicPolicyError: it lets in strangers.
    """
    if is_public(parse(policy.in_force, kind="resource"), actions=actions, resource=resource):
        raise PublicPolicyError


def shown(connection: Connection, secret: Secret) -> str | None:
    """Return the secret's policy for a reader; None for a secret that has none.

    As long as all whom it names are there, it is what was written, to the letter.
    """
    if secret.resource_policy is None or secret.policy_in_force is None:
        return None
    document = json.loads(secret.policy_in_force)
    names: dict[str, str] = {}

    def arn_of(name: str) -> str:
        names[name] = _arn_of(connection, name)
        return names[name]

    _rename(document, arn_of)
    is_somebody_gone = any(_UNIQUE_ID.fullmatch(name) for name in names.values())
    return json.dumps(document) if is_somebody_gone else secret.resource_policy


def _unique_id_of(connection: Connection, name: str) -> str:
    if _UNIQUE_ID.fullmatch(name):
        if identities.find_by_unique_id(connection, name) is None:
            raise UnsupportedPrincipalError
        return name
    arn = Arn.parse(name)
    if arn is None or arn.service != "iam" or not _IDENTITY.fullmatch(arn.resource):
        return name
    identity = identities.find_by_arn(connection, name)
    if identity is not None:
        return identity.unique_id
    if identities.is_account(connection, arn.account):
        raise UnsupportedPrincipalError
    # Another deployment's, or AWS's own: there is nobody to ask.
    return name


def _arn_of(connection: Connection, name: str) -> str:
    if not _UNIQUE_ID.fullmatch(name):
        return name
    identity = identities.find_by_unique_id(connection, name)
    return name if identity is None else identity.arn


def _rename(document: dict[str, Any], rename: Rename) -> bool:
    """Rename those whom the statements are for, in place; return whether any name changed."""
    is_changed = False
    for named in _named_in(document, "Principal"):
        names = _names(named)
        renamed = [rename(name) for name in names]
        if renamed != names:
            named["AWS"] = renamed[0] if isinstance(named["AWS"], str) else renamed
            is_changed = True
    return is_changed


def _named_in(document: dict[str, Any], element: str) -> Iterator[dict[str, Any]]:
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        principals = statement.get(element)
        if isinstance(principals, dict) and "AWS" in principals:
            yield principals


def _names(named: dict[str, Any]) -> list[str]:
    given = named["AWS"]
    return [given] if isinstance(given, str) else given
