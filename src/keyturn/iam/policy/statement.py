"""What a policy says, compiled.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_statement.html
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from keyturn.iam.policy.condition import Condition, Context
from keyturn.iam.policy.match import Matcher, matcher
from keyturn.iam.policy.principals import Principals
from keyturn.iam.policy.variables import VariableError, expanded

Effect = Literal["Allow", "Deny"]

_NO_CONTEXT: Final[Context] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Patterns:
    """A list of patterns, and whether a text must match one of them or none.

    Attributes:
        matchers: one for each pattern that is the same in every request.
        templates: the patterns with policy variables.
    """

    matchers: tuple[Matcher, ...]
    is_negated: bool = False
    templates: tuple[str, ...] = ()

    def admit(self, text: str, context: Context = _NO_CONTEXT) -> bool | None:
        """Return whether ``text`` is among what the element names; None if it can't be told."""
        admits = self.admit_regardless(text)
        return self._admit_variable(text, context) if admits is None else admits

    def admit_regardless(self, text: str) -> bool | None:
        """Return what ``admit`` returns in every request; None if requests may differ."""
        for matches in self.matchers:
            if matches(text):
                return not self.is_negated
        return None if self.templates else self.is_negated

    def _admit_variable(self, text: str, context: Context) -> bool | None:
        is_told = True
        for template in self.templates:
            try:
                if matcher(expanded(template, context))(text):
                    return not self.is_negated
            except VariableError:
                is_told = False
        return self.is_negated if is_told else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement.

    Attributes:
        actions: patterns in lower case: actions aren't case-sensitive.
        resources: None in a trust policy, which is about its role.
        principals: None in an identity's policy, which is about its identity.
    """

    effect: Effect
    actions: Patterns
    resources: Patterns | None
    principals: Principals | None
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """A document that was understood in full."""

    statements: tuple[Statement, ...]
