"""Decide whether policies allow a question. Pure.

The rules, which every caller may rely on:

* An explicit deny anywhere wins. What nothing allows is denied.
* Within an account one allow is enough, the identity's or the resource's. Across accounts both
  must allow.
* A service (``lambda.amazonaws.com``) has no policies of its own: only a resource can allow it.
* The principal ``arn:aws:iam::123456789012:root``, or the bare account, hands the decision to that
  account's own policies: by itself it allows nobody of the resource's account. To deny it is to
  deny everybody in the account.
* An account's root needs no policies of its own.
* ``NotPrincipal`` spares only those whose every name it has: the session's, its role's and its
  account's.
* Whatever can't be decided, such as a value of the wrong type, makes an Allow not apply and a Deny
  apply.

It knows no permissions boundaries, session policies or service control policies: who takes one in
must refuse it. Who may take on a role is ``keyturn.iam.trust``'s.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
import re
from typing import Final, Literal

from keyturn.iam.policy.condition import Context
from keyturn.iam.policy.principals import Principals
from keyturn.iam.policy.statement import Policy, Statement

_ROOT: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:root")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks, as policies can name it.

    Attributes:
        kind: ``AWS`` for users, roles and sessions; ``Service`` for a service.
        names: every ARN that means this principal (a session's own, and its role's), or the
            service's name.
        account: empty for a service.
        unique_id: of the user or the role.
    """

    kind: Literal["AWS", "Service"]
    names: tuple[str, ...]
    account: str
    unique_id: str = ""

    @property
    def is_root(self) -> bool:
        """Whether it is an account's root, which may do everything in its account."""
        return self.kind == "AWS" and any(map(_ROOT.fullmatch, self.names))


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


class Voice(IntEnum):
    """What policies say to a question. The greatest counts."""

    SILENT = 0
    #: The asker's account is allowed, which leaves it to the account's own policies.
    DELEGATES = 1
    ALLOWS = 2
    DENIES = 3


def decide(
    question: Question,
    *,
    identity_policies: Iterable[Policy],
    resource_policy: Policy | None = None,
) -> Decision:
    """Return whether the policies allow what is asked."""
    identity = _voice(identity_policies, question)
    if identity is Voice.DENIES:
        return Decision(Verdict.DENIED_BY_IDENTITY_POLICY, question.action)
    resource = _voice(() if resource_policy is None else (resource_policy,), question)
    if resource is Voice.DENIES:
        return Decision(Verdict.DENIED_BY_RESOURCE_POLICY, question.action)
    if identity is Voice.SILENT and question.asker.is_root:
        identity = Voice.ALLOWS
    return Decision(_verdict(question, identity, resource), question.action)


def _verdict(question: Question, identity: Voice, resource: Voice) -> Verdict:
    is_own_account = question.asker.account == question.resource_account
    if question.asker.kind == "Service":
        is_allowed = resource is Voice.ALLOWS
    elif is_own_account:
        is_allowed = Voice.ALLOWS in (identity, resource)
    else:
        is_allowed = identity is Voice.ALLOWS and resource is not Voice.SILENT
    if is_allowed:
        return Verdict.ALLOWED
    if question.asker.kind == "Service" or identity is Voice.ALLOWS:
        return Verdict.NOT_ALLOWED_BY_RESOURCE_POLICY
    return Verdict.NOT_ALLOWED_BY_IDENTITY_POLICY


def _voice(policies: Iterable[Policy], question: Question) -> Voice:
    action = question.action.lower()
    voices = [
        _voice_of(statement, question)
        for policy in policies
        for statement in policy.statements
        if statement.actions.admit(action)
    ]
    return max(voices, default=Voice.SILENT)


def _voice_of(statement: Statement, question: Question) -> Voice:
    named = _naming(statement.principals, question.asker)
    if named is Voice.SILENT:
        return Voice.SILENT
    applies = _applies(statement, question)
    if statement.effect == "Deny":
        return Voice.SILENT if applies is False else Voice.DENIES
    return named if applies else Voice.SILENT


def _applies(statement: Statement, question: Question) -> bool | None:
    """Return whether resource and conditions are those of the question; None if unknown."""
    is_told = True
    if statement.resources is not None:
        admits = statement.resources.admit(question.resource, question.context)
        if admits is False:
            return False
        is_told = admits is not None
    for condition in statement.conditions:
        holds = condition(question.context)
        if holds is False:
            return False
        is_told = is_told and holds is not None
    return True if is_told else None


def _naming(principals: Principals | None, asker: Asker) -> Voice:
    """Return what an Allow for these principals says to the asker."""
    if principals is None or (principals.is_everyone and not principals.is_negated):
        return Voice.ALLOWS
    is_service = asker.kind == "Service"
    named = principals.services if is_service else principals.identities
    if principals.is_negated:
        names = asker.names if is_service else (*asker.names, asker.account)
        is_spared = principals.is_everyone or named.issuperset(names)
        return Voice.SILENT if is_spared else Voice.ALLOWS
    if not named.isdisjoint(asker.names) or asker.unique_id in named:
        return Voice.ALLOWS
    return Voice.DELEGATES if asker.account in named else Voice.SILENT
