"""The elements ``Principal`` and ``NotPrincipal``: whom a statement is about.

* An account may be named by its number or by its root's ARN; both mean the account.
* A user or a role may be named by its unique id, which no other ever gets.
* No wildcards but ``*`` on its own, which is everyone.
* Federated users and canonical users may be named. None of them ever asks here.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import re
from typing import Final

EVERYONE: Final = "*"

_NAME: Final = r"[A-Za-z0-9_+=,.@-]+"
_PATH: Final = r"(?:[!-)+->@-~]+/)?"
_IDENTITY: Final = rf"iam::[0-9]{{12}}:(?:user|role)/{_PATH}{_NAME}"
_SESSION: Final = rf"sts::[0-9]{{12}}:(?:assumed-role/{_NAME}/{_NAME}|federated-user/{_NAME})"
_ACCOUNT: Final = re.compile(r"([0-9]{12})|arn:aws[a-z-]*:iam::([0-9]{12}):root")
_PATTERNS: Final[Mapping[str, re.Pattern[str]]] = {
    "AWS": re.compile(
        rf"arn:aws[a-z-]*:(?:{_IDENTITY}|{_SESSION})|A(?:IDA|ROA)[A-Z0-9]{{16,124}}"
    ),
    "Service": re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)+"),
    "Federated": re.compile(r"[!-)+->@-~]+"),
    "CanonicalUser": re.compile(r"[0-9a-f]{64}"),
}


class UnsupportedPrincipalError(ValueError):
    """Somebody is named whom no policy can name."""


@dataclass(frozen=True, slots=True)
class Principals:
    """Whom a statement is about.

    Attributes:
        identities: ARNs of users, roles and sessions, unique ids, and the numbers of accounts.
        services: such as ``lambda.amazonaws.com``.
        providers: who vouches for federated users, such as ``graph.facebook.com``.
        is_negated: whether everyone else is meant.
    """

    identities: frozenset[str]
    services: frozenset[str]
    providers: frozenset[str]
    is_everyone: bool
    is_negated: bool


def read_principals(named: Mapping[str, Sequence[str]], *, is_negated: bool) -> Principals:
    """Return whom an element means that names these, by type.

    Raises:
        UnsupportedPrincipalError: one can't be named.
    """
    canonical = {
        kind: frozenset(_canonical(kind, name) for name in names) for kind, names in named.items()
    }
    identities = canonical.get("AWS", frozenset())
    return Principals(
        identities=identities - {EVERYONE},
        services=canonical.get("Service", frozenset()),
        providers=canonical.get("Federated", frozenset()),
        is_everyone=EVERYONE in identities,
        is_negated=is_negated,
    )


def _canonical(kind: str, name: str) -> str:
    if kind == "AWS" and name == EVERYONE:
        return name
    account = _ACCOUNT.fullmatch(name) if kind == "AWS" else None
    if account is not None:
        return account[1] or account[2]
    if not _PATTERNS[kind].fullmatch(name):
        raise UnsupportedPrincipalError
    return name
