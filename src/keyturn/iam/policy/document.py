"""Read a policy document, strictly: whatever isn't understood is refused.

A policy that was stored can therefore always be evaluated. A document that slips in otherwise, and
doesn't parse, allows nothing (``keyturn.iam.authority``).

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
import json
from typing import Any, Final, Literal

from keyturn.iam.policy.condition import Condition, UnknownOperatorError, read_conditions
from keyturn.iam.policy.match import Matcher, matcher
from keyturn.model.errors import InvalidInputError

Kind = Literal["identity", "resource", "trust"]

_VERSIONS: Final = ("2012-10-17", "2008-10-17")
_DOCUMENT_MEMBERS: Final = {"Version", "Id", "Statement"}
_STATEMENT_MEMBERS: Final = {
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "NotPrincipal", "Condition"),
}
_PRINCIPAL_TYPES: Final = {"AWS", "Service", "Federated", "CanonicalUser"}


class MalformedPolicyError(InvalidInputError):
    """The text isn't a policy document; ``reason`` says where it goes wrong."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotJsonError(MalformedPolicyError):
    """The text isn't even JSON."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """A list of patterns, and whether a text must match one of them or none."""

    matchers: tuple[Matcher, ...]
    is_negated: bool = False

    def admit(self, text: str) -> bool:
        """Return whether ``text`` is among what the element names."""
        return any(matches(text) for matches in self.matchers) is not self.is_negated


@dataclass(frozen=True, slots=True)
class Principals:
    """Whom a statement of a resource's policy is about.

    Attributes:
        named: by type (``AWS``, ``Service``, ...), the values; ``*`` is everyone.
    """

    named: Mapping[str, tuple[str, ...]]
    is_negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement. ``resources`` is None in a trust policy: the role itself is meant."""

    effect: Literal["Allow", "Deny"]
    actions: Patterns
    resources: Patterns | None
    principals: Principals | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A document that was understood in full."""

    statements: tuple[Statement, ...]


def parse(text: str, *, kind: Kind) -> Policy:
    """Return the policy that ``text`` spells.

    Raises:
        MalformedPolicyError: it isn't one, or has an element that isn't known.
    """
    document = _json(text)
    _refuse_unknown(document, _DOCUMENT_MEMBERS, "the policy")
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise MalformedPolicyError("Version must be 2012-10-17 or 2008-10-17")
    statements = _list(document.get("Statement"))
    if not statements:
        raise MalformedPolicyError("there is no Statement")
    return Policy(tuple(_statement(statement, kind) for statement in statements))


def _json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError):
        raise NotJsonError("it isn't JSON") from None
    if not isinstance(document, dict):
        raise MalformedPolicyError("it isn't a JSON object")
    return document


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers might pick different ones.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedPolicyError("a member is given twice")
    return members


def _statement(statement: object, kind: Kind) -> Statement:
    if not isinstance(statement, dict):
        raise MalformedPolicyError("a Statement isn't a JSON object")
    _refuse_unknown(statement, _STATEMENT_MEMBERS, "a Statement")
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise MalformedPolicyError("Effect must be Allow or Deny")
    return Statement(
        effect=effect,
        actions=_actions(statement),
        resources=_resources(statement, kind),
        principals=_principals(statement, kind),
        conditions=_conditions(statement),
    )


def _actions(statement: Mapping[str, Any]) -> Patterns:
    texts, is_negated = _either(statement, "Action", "NotAction")
    for text in texts:
        if text != "*" and ":" not in text:
            raise MalformedPolicyError("an Action must name a service, as in iam:GetRole")
    # AWS: actions aren't case-sensitive.
    return Patterns(tuple(matcher(text.lower()) for text in texts), is_negated)


def _resources(statement: Mapping[str, Any], kind: Kind) -> Patterns | None:
    if kind == "trust":
        if "Resource" in statement or "NotResource" in statement:
            raise MalformedPolicyError("a trust policy has no Resource")
        return None
    texts, is_negated = _either(statement, "Resource", "NotResource")
    for text in texts:
        if text != "*" and not text.startswith(("arn:", "*", "?")):
            raise MalformedPolicyError("a Resource must be an ARN or *")
    return Patterns(tuple(matcher(text) for text in texts), is_negated)


def _principals(statement: Mapping[str, Any], kind: Kind) -> Principals | None:
    has_principal = "Principal" in statement or "NotPrincipal" in statement
    if kind == "identity":
        if has_principal:
            raise MalformedPolicyError("an identity's policy has no Principal")
        return None
    if ("Principal" in statement) == ("NotPrincipal" in statement):
        raise MalformedPolicyError("a Statement needs either Principal or NotPrincipal")
    is_negated = "NotPrincipal" in statement
    return Principals(_named(statement["NotPrincipal" if is_negated else "Principal"]), is_negated)


def _named(principal: object) -> dict[str, tuple[str, ...]]:
    if principal == "*":
        return {"AWS": ("*",)}
    if not isinstance(principal, dict) or not principal:
        raise MalformedPolicyError("Principal must be * or a JSON object")
    _refuse_unknown(principal, _PRINCIPAL_TYPES, "Principal")
    return {name: tuple(_texts(value, "Principal")) for name, value in principal.items()}


def _conditions(statement: Mapping[str, Any]) -> tuple[Condition, ...]:
    block = statement.get("Condition", {})
    if not isinstance(block, dict):
        raise MalformedPolicyError("Condition must be a JSON object")
    try:
        return tuple(read_conditions(block))
    except UnknownOperatorError as error:
        raise MalformedPolicyError(
            f"the condition operator {error.operator} isn't known"
        ) from None
    except (TypeError, ValueError):
        raise MalformedPolicyError("a Condition has a value of the wrong type") from None


def _either(statement: Mapping[str, Any], name: str, negated: str) -> tuple[list[str], bool]:
    if (name in statement) == (negated in statement):
        raise MalformedPolicyError(f"a Statement needs either {name} or {negated}")
    is_negated = negated in statement
    return _texts(statement[negated if is_negated else name], name), is_negated


def _texts(value: object, name: str) -> list[str]:
    texts = _list(value)
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise MalformedPolicyError(f"{name} must be a text or a list of texts")
    return texts


def _list(value: object) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _refuse_unknown(members: Iterable[str], known: set[str], where: str) -> None:
    for name in members:
        if name not in known:
            raise MalformedPolicyError(f"{where} has an element that isn't known: {name[:64]}")
