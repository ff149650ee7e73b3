"""Conditions: whether the circumstances of a request are those that a statement names.

The rules, which every caller may rely on:

* All conditions of a statement must hold; of one condition's values one is enough (for a negated
  operator, none may match).
* A key that the request doesn't have fails the condition, unless the operator ends in ``IfExists``
  or is negated. Neither keys nor operators are case-sensitive.
* ``ForAllValues:`` holds for a key without values, ``ForAnyValue:`` doesn't. Without either, a key
  with several values can't be compared.
* What can't be compared neither holds nor fails: it makes an Allow not apply, and a Deny apply. So
  does a policy variable without a value.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html
and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import re
from typing import Final, Literal

from keyturn.iam.policy.match import Matcher
from keyturn.iam.policy.operators import OPERATORS, Compile, Operator, to_boolean
from keyturn.iam.policy.variables import expanded, has_variables

Context = Mapping[str, tuple[str, ...]]
"""From a condition key in lower case to its values."""

Condition = Callable[[Context], bool | None]
"""Whether a condition holds; None when that can't be told."""

Quantifier = Literal["one", "all", "any"]

_NAME: Final = re.compile(r"(?:(forallvalues|foranyvalue):)?([a-z]+?)(ifexists)?")
_QUANTIFIERS: Final[Mapping[str | None, Quantifier]] = {
    None: "one",
    "forallvalues": "all",
    "foranyvalue": "any",
}
_OPERATORS: Final = {name.lower(): operator for name, operator in OPERATORS.items()}


class UnknownOperatorError(ValueError):
    """A condition operator that isn't known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One operator on one key.

    Attributes:
        operator: its name in lower case, without quantifier and ``IfExists``.
        values: as the document has them.
        tests: one for each value that is the same in every request.
        templates: the values with policy variables.
        without_key: what a request without the key gets.
    """

    operator: str
    key: str
    values: tuple[str, ...]
    tests: tuple[Matcher, ...]
    templates: tuple[str, ...]
    compile: Compile
    is_negated: bool
    quantifier: Quantifier
    without_key: bool

    def __call__(self, context: Context) -> bool | None:
        present = context.get(self.key)
        if not present:
            return self.without_key
        if self.quantifier == "one" and len(present) > 1:
            return None
        try:
            tests = self._tests_in(context)
            verdicts = [self._admits(value, tests) for value in present]
        except ValueError:
            return None
        return any(verdicts) if self.quantifier == "any" else all(verdicts)

    def _tests_in(self, context: Context) -> tuple[Matcher, ...]:
        if not self.templates:
            return self.tests
        patterns = [expanded(template, context) for template in self.templates]
        return (*self.tests, *map(self.compile, patterns))

    def _admits(self, value: str, tests: tuple[Matcher, ...]) -> bool:
        for test in tests:
            if test(value):
                return not self.is_negated
        return self.is_negated


@dataclass(frozen=True, slots=True)
class Absence:
    """Whether a request lacks a key: the operator ``Null``."""

    key: str
    wanted: frozenset[bool]

    def __call__(self, context: Context) -> bool:
        return (not context.get(self.key)) in self.wanted


def read_condition(operator: str, key: str, values: Iterable[str]) -> Condition:
    """Return one condition of a statement.

    Args:
        values: with policy variables as ``keyturn.iam.policy.variables`` has them.

    Raises:
        UnknownOperatorError: there is no such operator.
        ValueError: a value isn't of the operator's type.
    """
    name = operator.lower()
    if name == "null":
        return Absence(key.lower(), frozenset(map(to_boolean, values)))
    parts = _NAME.fullmatch(name)
    if parts is None or parts[2] not in _OPERATORS:
        raise UnknownOperatorError
    return _comparison(parts, _OPERATORS[parts[2]], key, values)


def _comparison(
    parts: re.Match[str], operator: Operator, key: str, values: Iterable[str]
) -> Comparison:
    prefix, name, suffix = parts.groups()
    texts = tuple(values)
    templates = tuple(filter(has_variables, texts)) if operator.takes_variables else ()
    return Comparison(
        operator=name,
        key=key.lower(),
        values=texts,
        tests=tuple(operator.compile(text) for text in texts if text not in templates),
        templates=templates,
        compile=operator.compile,
        is_negated=operator.is_negated,
        quantifier=_QUANTIFIERS[prefix],
        without_key=suffix is not None or _holds_without_key(_QUANTIFIERS[prefix], operator),
    )


def _holds_without_key(quantifier: Quantifier, operator: Operator) -> bool:
    match quantifier:
        case "one":
            return operator.is_negated
        case "all":
            return True
        case "any":
            return False
