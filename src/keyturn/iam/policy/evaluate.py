"""Decide whether policies allow a question. Pure.

The rules, which every caller may rely on:

* An explicit deny anywhere wins. What nothing allows is denied.
* Within an account one allow is enough, the identity's or the resource's. Across accounts both
  must allow.
* A service (``lambda.amazonaws.com``) has no policies of its own: only a resource can allow it.
* The principal ``arn:aws:iam::123456789012:root``, or the bare account, hands the decision to that
  account's own policies: by itself it allows nobody of the resource's account.
* Whatever can't be decided, such as a value of the wrong type, makes an Allow not apply and a Deny
  apply.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Literal

from keyturn.iam.policy.condition import Context
from keyturn.iam.policy.document import Policy, Principals, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, as policies can name it.

    Attributes:
        kind: ``AWS`` for users, roles and sessions; ``Service`` for a service.
        names: every ARN that means this principal (a session's own, and its role's), or the
            service's name.
        account: empty for a service.
    """

    kind: Literal["AWS", "Service"]
    names: tuple[str, ...]
    account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """May ``asker`` perform ``action`` on ``resource``?

    Attributes:
        resource_account: whose resource it is.
        context: by condition key in lower case, the values of this request.
    """

    asker: Asker
    action: str
    resource: str
    resource_account: str
    context: Context = field(default_factory=dict)


class Verdict(Enum):
    """How a decision came about."""

    ALLOWED = auto()
    DENIED_BY_IDENTITY_POLICY = auto()
    DENIED_BY_RESOURCE_POLICY = auto()
    NOT_ALLOWED_BY_IDENTITY_POLICY = auto()
    NOT_ALLOWED_BY_RESOURCE_POLICY = auto()


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, and the end of AWS's sentence about it."""

    verdict: Verdict
    action: str

    @property
    def is_allowed(self) -> bool:
        """Whether the action may be performed."""
        return self.verdict is Verdict.ALLOWED

    @property
    def reason(self) -> str:
        """The words that follow "... on resource: <arn>" in AWS's message."""
        match self.verdict:
            case Verdict.ALLOWED:
                return ""
            case Verdict.DENIED_BY_IDENTITY_POLICY:
                return "with an explicit deny in an identity-based policy"
            case Verdict.DENIED_BY_RESOURCE_POLICY:
                return "with an explicit deny in a resource-based policy"
            case Verdict.NOT_ALLOWED_BY_IDENTITY_POLICY:
                return f"because no identity-based policy allows the {self.action} action"
            case Verdict.NOT_ALLOWED_BY_RESOURCE_POLICY:
                return f"because no resource-based policy allows the {self.action} action"


def decide(
    question: Question,
    *,
    identity_policies: Iterable[Policy],
    resource_policy: Policy | None = None,
) -> Decision:
    """Return whether the policies allow what is asked."""
    identity = _effects(question, identity_policies)
    resource = _effects(question, () if resource_policy is None else (resource_policy,))
    return Decision(_verdict(question, identity, resource), question.action)


def _verdict(question: Question, identity: set[str], resource: set[str]) -> Verdict:
    if "Deny" in identity:
        return Verdict.DENIED_BY_IDENTITY_POLICY
    if "Deny" in resource:
        return Verdict.DENIED_BY_RESOURCE_POLICY
    allows = ("Allow" in identity, "Allow" in resource)
    if question.asker.kind == "Service":
        is_allowed = allows[1]
    elif question.asker.account == question.resource_account:
        is_allowed = any(allows)
    else:
        is_allowed = all(allows)
    if is_allowed:
        return Verdict.ALLOWED
    lacks_identity = question.asker.kind == "AWS" and not allows[0]
    if lacks_identity:
        return Verdict.NOT_ALLOWED_BY_IDENTITY_POLICY
    return Verdict.NOT_ALLOWED_BY_RESOURCE_POLICY


def _effects(question: Question, policies: Iterable[Policy]) -> set[str]:
    return {
        statement.effect
        for policy in policies
        for statement in policy.statements
        if _applies(statement, question)
    }


def _applies(statement: Statement, question: Question) -> bool:
    if not statement.actions.admit(question.action.lower()):
        return False
    if statement.resources is not None and not statement.resources.admit(question.resource):
        return False
    if statement.principals is not None and not _names(statement, statement.principals, question):
        return False
    return _conditions_hold(statement, question.context)


def _conditions_hold(statement: Statement, context: Context) -> bool:
    is_deny = statement.effect == "Deny"
    for condition in statement.conditions:
        try:
            holds = condition.holds(context) if condition.is_comparable else is_deny
        except ValueError:
            holds = is_deny
        if not holds:
            return False
    return True


def _names(statement: Statement, principals: Principals, question: Question) -> bool:
    asker = question.asker
    wanted: Mapping[str, tuple[str, ...]] = principals.named
    is_named = any(
        _means(value, asker, question, is_deny=statement.effect == "Deny")
        for value in wanted.get(asker.kind, ())
    )
    everyone = "*" in wanted.get("AWS", ())
    return (is_named or everyone) is not principals.is_negated


def _means(value: str, asker: Asker, question: Question, *, is_deny: bool) -> bool:
    if value in asker.names:
        return True
    if asker.kind == "Service":
        return value == "*"
    is_account = value in (asker.account, f"arn:aws:iam::{asker.account}:root")
    # To allow an account of one's own means to leave it to that account's identity policies.
    return is_account and (is_deny or asker.account != question.resource_account)
