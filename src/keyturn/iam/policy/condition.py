"""Conditions: whether the circumstances of a request are those that a statement names.

The rules, which every caller may rely on:

* All conditions of a statement must hold; of one condition's values one is enough (for a negated
  operator, none may match).
* A key that the request doesn't have fails the condition, unless the operator ends in ``IfExists``
  or is negated. Keys aren't case-sensitive.
* ``ForAllValues:`` holds for a key without values, ``ForAnyValue:`` doesn't.
* A value with a policy variable (``${...}``) can't be compared: it makes an Allow not apply, and a
  Deny apply.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any, Final, Literal

from keyturn.iam.policy.match import matcher

Context = Mapping[str, tuple[str, ...]]
"""From a condition key in lower case to its values."""

Quantifier = Literal["one", "all", "any"]
Compare = Callable[[str, str], bool]
"""Whether the policy's value (first) matches the request's (second)."""


class UnknownOperatorError(ValueError):
    """A condition operator that isn't known."""

    def __init__(self, operator: str) -> None:
        super().__init__(operator)
        self.operator = operator


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One operator on one key."""

    key: str
    values: tuple[str, ...]
    compare: Compare
    quantifier: Quantifier
    is_negated: bool
    is_if_exists: bool
    is_null_test: bool

    @property
    def is_comparable(self) -> bool:
        """Whether every value can be compared as it stands."""
        return not any("${" in value for value in self.values)

    def holds(self, context: Context) -> bool:
        """Return whether the request's circumstances are those that are named."""
        present = context.get(self.key)
        if self.is_null_test:
            return (present is None) is (self.values[0] == "true")
        if not present:
            return self._holds_without_key()
        verdicts = [self._matches(value) is not self.is_negated for value in present]
        if self.quantifier == "any":
            return any(verdicts)
        return all(verdicts)

    def _matches(self, value: str) -> bool:
        return any(self.compare(wanted, value) for wanted in self.values)

    def _holds_without_key(self) -> bool:
        if self.quantifier == "any":
            return False
        return self.is_if_exists or self.is_negated or self.quantifier == "all"


def read_conditions(block: Mapping[str, Any]) -> Iterator[Condition]:
    """Yield the conditions of a statement's Condition element.

    Raises:
        UnknownOperatorError: an operator isn't known.
        TypeError, ValueError: a value isn't of the operator's type.
    """
    for operator, keys in block.items():
        quantifier, name, is_if_exists = _taken_apart(operator)
        if name not in _OPERATORS:
            raise UnknownOperatorError(operator[:64])
        if not isinstance(keys, dict):
            raise TypeError(operator)
        compare, is_negated = _OPERATORS[name]
        for key, value in keys.items():
            values = tuple(_text(item) for item in (value if isinstance(value, list) else [value]))
            _check(compare, values)
            yield Condition(
                key=key.lower(),
                values=values,
                compare=compare,
                quantifier=quantifier,
                is_negated=is_negated,
                is_if_exists=is_if_exists,
                is_null_test=name == "null",
            )


def _taken_apart(operator: str) -> tuple[Quantifier, str, bool]:
    name = operator.lower()
    quantifier: Quantifier = "one"
    if name.startswith("forallvalues:"):
        quantifier = "all"
    elif name.startswith("foranyvalue:"):
        quantifier = "any"
    name = name.rpartition(":")[2]
    return quantifier, name.removesuffix("ifexists"), name.endswith("ifexists")


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
        case _:
            raise TypeError(type(value).__name__)


def _check(compare: Compare, values: tuple[str, ...]) -> None:
    if not values:
        raise ValueError("no value")
    for value in values:
        # A value that can't be compared with itself isn't of the operator's type.
        if "${" not in value:
            compare(value, value)


def _equals(wanted: str, value: str) -> bool:
    return wanted == value


def _equals_ignoring_case(wanted: str, value: str) -> bool:
    return wanted.casefold() == value.casefold()


def _like(wanted: str, value: str) -> bool:
    return matcher(wanted)(value)


def _arn_like(wanted: str, value: str) -> bool:
    # AWS: each of the six parts is matched on its own, so that * doesn't cross a colon.
    wanted_parts, parts = wanted.split(":", 5), value.split(":", 5)
    return len(wanted_parts) == len(parts) and all(map(_like, wanted_parts, parts))


def _numbers(compare: Callable[[float, float], bool]) -> Compare:
    return lambda wanted, value: compare(float(value), float(wanted))


def _dates(compare: Callable[[datetime, datetime], bool]) -> Compare:
    return lambda wanted, value: compare(_instant(value), _instant(wanted))


def _instant(text: str) -> datetime:
    # AWS: an ISO 8601 date without a zone is in UTC.
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _within(wanted: str, value: str) -> bool:
    network, address = ip_network(wanted, strict=False), ip_address(value.partition("/")[0])
    return network.version == address.version and address in network


_OPERATORS: Final[Mapping[str, tuple[Compare, bool]]] = {
    "stringequals": (_equals, False),
    "stringnotequals": (_equals, True),
    "stringequalsignorecase": (_equals_ignoring_case, False),
    "stringnotequalsignorecase": (_equals_ignoring_case, True),
    "stringlike": (_like, False),
    "stringnotlike": (_like, True),
    "arnequals": (_arn_like, False),
    "arnnotequals": (_arn_like, True),
    "arnlike": (_arn_like, False),
    "arnnotlike": (_arn_like, True),
    "bool": (_equals_ignoring_case, False),
    "null": (_equals_ignoring_case, False),
    "binaryequals": (_equals, False),
    "numericequals": (_numbers(lambda value, wanted: value == wanted), False),
    "numericnotequals": (_numbers(lambda value, wanted: value == wanted), True),
    "numericlessthan": (_numbers(lambda value, wanted: value < wanted), False),
    "numericlessthanequals": (_numbers(lambda value, wanted: value <= wanted), False),
    "numericgreaterthan": (_numbers(lambda value, wanted: value > wanted), False),
    "numericgreaterthanequals": (_numbers(lambda value, wanted: value >= wanted), False),
    "dateequals": (_dates(lambda value, wanted: value == wanted), False),
    "datenotequals": (_dates(lambda value, wanted: value == wanted), True),
    "datelessthan": (_dates(lambda value, wanted: value < wanted), False),
    "datelessthanequals": (_dates(lambda value, wanted: value <= wanted), False),
    "dategreaterthan": (_dates(lambda value, wanted: value > wanted), False),
    "dategreaterthanequals": (_dates(lambda value, wanted: value >= wanted), False),
    "ipaddress": (_within, False),
    "notipaddress": (_within, True),
}
