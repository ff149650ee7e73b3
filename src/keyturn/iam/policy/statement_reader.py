"""One statement of a document, read and compiled.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

from collections.abc import Iterator
import re
from typing import Any, Final, Literal, NoReturn

from keyturn.iam.policy.condition import Condition, UnknownOperatorError, read_condition
from keyturn.iam.policy.malformed import (
    QUOTED_CHARACTERS_MAX,
    MalformedPolicyError,
    MalformedPrincipalError,
    as_list,
    checked_object,
    refuse_unknown,
)
from keyturn.iam.policy.match import matcher
from keyturn.iam.policy.principals import (
    EVERYONE,
    Principals,
    UnsupportedPrincipalError,
    read_principals,
)
from keyturn.iam.policy.statement import Effect, Patterns, Statement
from keyturn.iam.policy.variables import VariableError, has_variables

Kind = Literal["identity", "resource", "trust"]

_MEMBERS: Final = frozenset(
    {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_PRINCIPAL_MEMBERS: Final = frozenset({"Principal", "NotPrincipal"})
_PRINCIPAL_TYPES: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
# AWS: an action must be prefaced by a vendor, which can't have a wildcard.
_ACTION: Final = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")


class StatementReader:
    """Reads one statement, and knows where it stands."""

    def __init__(
        self, statement: object, kind: Kind, place: str, *, has_plain_dollars: bool
    ) -> None:
        self._members = checked_object(statement, place)
        self._kind = kind
        self._place = place
        self._has_plain_dollars = has_plain_dollars
        known = _MEMBERS if kind == "identity" else _MEMBERS | _PRINCIPAL_MEMBERS
        refuse_unknown(self._members, known, place)

    @property
    def sid(self) -> str | None:
        """The statement's name, which no other may have."""
        sid = self._members.get("Sid")
        if not isinstance(sid, str | None):
            self._refuse("Sid", "must be a text")
        return sid

    def read(self) -> Statement:
        effect = self._members.get("Effect")
        if effect not in ("Allow", "Deny"):
            self._refuse("Effect", "must be Allow or Deny")
        return Statement(
            effect=effect,
            actions=self._actions(),
            resources=self._resources(),
            principals=self._principals(effect),
            conditions=tuple(self._conditions()),
        )

    def _actions(self) -> Patterns:
        name, actions = self._one_of("Action", "NotAction")
        for action in actions:
            if not _ACTION.fullmatch(action):
                self._refuse(name, "must be * or name a service, as in iam:GetRole")
            if self._kind == "trust" and not action.lower().startswith("sts:"):
                self._refuse(name, "can only be of STS in a trust policy")
        return Patterns(
            tuple(matcher(action.lower()) for action in actions), is_negated=name == "NotAction"
        )

    def _resources(self) -> Patterns | None:
        if self._kind == "trust":
            for name in ("Resource", "NotResource"):
                if name in self._members:
                    raise MalformedPolicyError("a trust policy", f"has no {name}")
            return None
        name, resources = self._one_of("Resource", "NotResource")
        for resource in resources:
            if resource != "*" and not resource.startswith("arn:"):
                self._refuse(name, "must be an ARN or *")
        return self._patterns(name, [self._pattern(resource) for resource in resources])

    def _patterns(self, name: str, patterns: list[str]) -> Patterns:
        try:
            templates = tuple(filter(has_variables, patterns))
        except VariableError:
            self._refuse(name, "has a policy variable that isn't one")
        matchers = tuple(matcher(pattern) for pattern in patterns if pattern not in templates)
        return Patterns(matchers, name == "NotResource", templates)

    def _principals(self, effect: Effect) -> Principals | None:
        if self._kind == "identity":
            return None
        name, element = self._either("Principal", "NotPrincipal")
        if name == "NotPrincipal" and effect == "Allow":
            # AWS doesn't support it either: it would allow strangers.
            self._refuse(name, "can only be denied")
        try:
            return read_principals(self._named(name, element), is_negated=name == "NotPrincipal")
        except UnsupportedPrincipalError:
            raise MalformedPrincipalError(
                f"{self._place}.{name}", "names somebody whom no policy can name"
            ) from None

    def _named(self, name: str, element: object) -> dict[str, list[str]]:
        if element == EVERYONE:
            return {"AWS": [EVERYONE]}
        named = checked_object(element, f"{self._place}.{name}")
        refuse_unknown(named, _PRINCIPAL_TYPES, f"{self._place}.{name}")
        if not named:
            self._refuse(name, "names nobody")
        return {kind: self._texts(f"{name}.{kind}", values) for kind, values in named.items()}

    def _conditions(self) -> Iterator[Condition]:
        block = checked_object(self._members.get("Condition", {}), f"{self._place}.Condition")
        for operator, keys in block.items():
            place = f"Condition.{operator[:QUOTED_CHARACTERS_MAX]}"
            for key, values in checked_object(keys, f"{self._place}.{place}").items():
                yield self._condition(place, operator, key, values)

    def _condition(self, place: str, operator: str, key: str, values: object) -> Condition:
        place = f"{place}.{key[:QUOTED_CHARACTERS_MAX]}"
        if ":" not in key:
            self._refuse(place, "must name a service, as in aws:SourceArn")
        texts = [self._pattern(_scalar(value)) for value in self._items(place, values)]
        try:
            return read_condition(operator, key, texts)
        except UnknownOperatorError:
            self._refuse(place, "has an operator that isn't known")
        except ValueError:
            self._refuse(place, "has a value that isn't of the operator's type")

    def _one_of(self, name: str, negated: str) -> tuple[str, list[str]]:
        given, element = self._either(name, negated)
        return given, self._texts(given, element)

    def _either(self, name: str, negated: str) -> tuple[str, object]:
        if (name in self._members) == (negated in self._members):
            self._refuse(name, f"or {negated} must be there, and not both")
        given = name if name in self._members else negated
        return given, self._members[given]

    def _texts(self, name: str, element: object) -> list[str]:
        texts = self._items(name, element)
        if not all(isinstance(text, str) and text for text in texts):
            self._refuse(name, "must be a text or a list of texts")
        return texts

    def _items(self, name: str, element: object) -> list[Any]:
        items = as_list(element)
        if not items:
            self._refuse(name, "has no value")
        if not all(isinstance(item, str | int | float) for item in items):
            self._refuse(name, "has a value of the wrong type")
        return items

    def _pattern(self, text: str) -> str:
        # Before policy variables there was nothing special about a dollar sign.
        return text.replace("$", "${$}") if self._has_plain_dollars else text

    def _refuse(self, name: str, problem: str) -> NoReturn:
        raise MalformedPolicyError(f"{self._place}.{name}", problem)


def _scalar(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
