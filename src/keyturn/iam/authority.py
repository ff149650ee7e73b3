"""Whether a principal may do something: the rules of ``keyturn.iam.policy``, on what is stored.

* Nothing is allowed that no policy allows; whatever can't be read or decided denies.
* A decision sees every change that was committed before it began.
* Taking on a role is decided by ``assumable_by`` and ``assumable_by_service``, and nowhere else.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
import re
from types import MappingProxyType
from typing import Final

from keyturn.iam import circumstances
from keyturn.iam.grants import GrantReader, Grants
from keyturn.iam.policy.document import (
    DENY_EVERYTHING,
    Kind,
    MalformedPolicyError,
    Policy,
    parse,
)
from keyturn.iam.policy.evaluate import Asker, Decision, Question, decide
from keyturn.iam.principal import Principal
from keyturn.iam.trust import decide_trust
from keyturn.model.arn import Arn
from keyturn.model.clock import Clock
from keyturn.model.errors import NotAllowedError
from keyturn.model.identity import Role
from keyturn.store import identities
from keyturn.store.database import Database

RESOURCE_POLICIES_CACHED_MAX: Final = 1024

ASSUME_ROLE: Final = "sts:AssumeRole"
SET_SOURCE_IDENTITY: Final = "sts:SetSourceIdentity"

# AWS: GetCallerIdentity, "No permissions are required", also where a policy denies it.
_NEEDS_NO_PERMISSION: Final = "sts:GetCallerIdentity"
# The caller's policies alone can't allow it, nor need they: see ``assumable_by``.
_DECIDED_WITH_TRUST: Final = ASSUME_ROLE
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_NO_POLICY: Final = Policy(())

Given = Mapping[str, tuple[str, ...]]
"""Condition keys of one request, in whatever case, with their values."""

_NOTHING: Final[Given] = MappingProxyType({})


class Authority:
    """Decides, and refuses what isn't allowed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._grants = GrantReader(database)

    def require(
        self,
        principal: Principal,
        action: str,
        resource: str,
        *,
        resource_policy: str | None = None,
        context: Given = _NOTHING,
    ) -> None:
        """Return if ``principal`` may perform ``action`` on ``resource``.

        Args:
            resource: an ARN, or ``*`` for an action that isn't about a resource.
            resource_policy: the document of the policy on the resource, if it has one.
            context: the action's own condition keys.

        Raises:
            NotAllowedError: it may not.
        """
        if action in (_NEEDS_NO_PERMISSION, _DECIDED_WITH_TRUST):
            return
        grants = self._grants.of(principal)
        question = Question(
            asker=_asker(principal),
            action=action,
            resource=resource,
            resource_account=_account_of(resource, principal),
            context=self._context(principal, grants, context),
        )
        policy = None if resource_policy is None else _read(resource_policy, "resource")
        decision = decide(question, identity_policies=grants.policies, resource_policy=policy)
        _refuse_unless_allowed(decision, question, principal.arn)

    def require_pass_role(self, caller: Principal, role_arn: str, service: str) -> None:
        """Return if ``caller`` may hand the role to ``service``, such as lambda.amazonaws.com.

        Raises:
            NotAllowedError: it may not.
        """
        context = {"iam:PassedToService": (service,)}
        self.require(caller, "iam:PassRole", role_arn, context=context)

    def assumable_by(
        self,
        caller: Principal,
        role_arn: str,
        *,
        actions: Sequence[str] = (ASSUME_ROLE,),
        context: Given = _NOTHING,
    ) -> Role:
        """Return the role, which ``caller`` may take on.

        Args:
            actions: all that must be allowed; ``SET_SOURCE_IDENTITY`` too, when one is set.

        Raises:
            NotAllowedError: it may not, or there is no such role.
        """
        grants = self._grants.of(caller)
        keys = self._context(caller, grants, context)
        role = self._role(role_arn)
        for action in actions:
            question = _about_role(_asker(caller), action, role_arn, keys)
            decision = decide_trust(
                question, identity_policies=grants.policies, trust_policy=_trust_policy(role)
            )
            _refuse_unless_allowed(decision, question, caller.arn)
        return _existing(role)

    def assumable_by_service(
        self, service: str, role_arn: str, *, context: Given = _NOTHING
    ) -> Role:
        """Return the role, which ``service`` may take on because the trust policy names it.

        Raises:
            NotAllowedError: it may not, or there is no such role.
        """
        now = circumstances.of_instant(self._clock.now())
        keys = circumstances.merged(context, circumstances.of_service(service), now)
        role = self._role(role_arn)
        asker = Asker(kind="Service", names=(service,), account="")
        question = _about_role(asker, ASSUME_ROLE, role_arn, keys)
        decision = decide_trust(question, identity_policies=(), trust_policy=_trust_policy(role))
        _refuse_unless_allowed(decision, question, service)
        return _existing(role)

    def _context(self, principal: Principal, grants: Grants, given: Given) -> Given:
        of_principal = circumstances.of_principal(principal, grants)
        now = circumstances.of_instant(self._clock.now())
        return circumstances.merged(given, of_principal, now)

    def _role(self, role_arn: str) -> Role | None:
        with self._database.read() as connection:
            return identities.find_role_by_arn(connection, role_arn)


def _asker(principal: Principal) -> Asker:
    # A policy can name a session by its own ARN or by its role's.
    names = (principal.arn, principal.identity_arn)
    unique_id = principal.unique_id.partition(":")[0]
    return Asker(kind="AWS", names=names, account=principal.account, unique_id=unique_id)


def _about_role(asker: Asker, action: str, role_arn: str, keys: Given) -> Question:
    arn = Arn.parse(role_arn)
    account = "" if arn is None else arn.account
    return Question(
        asker=asker, action=action, resource=role_arn, resource_account=account, context=keys
    )


def _account_of(resource: str, principal: Principal) -> str:
    # What belongs to no account, such as * or one of AWS's managed policies, is as good as the
    # principal's own: there is nobody else to ask.
    arn = Arn.parse(resource)
    if arn is None or _ACCOUNT.fullmatch(arn.account) is None:
        return principal.account
    return arn.account


def _trust_policy(role: Role | None) -> Policy:
    # A role that there isn't trusts nobody, and is not told from one that trusts others.
    return _NO_POLICY if role is None else _read(role.trust_policy, "trust")


@lru_cache(RESOURCE_POLICIES_CACHED_MAX)
def _read(document: str, kind: Kind) -> Policy:
    try:
        return parse(document, kind=kind)
    except MalformedPolicyError:
        return DENY_EVERYTHING


def _refuse_unless_allowed(decision: Decision, question: Question, who: str) -> None:
    if not decision.is_allowed:
        raise NotAllowedError(
            principal_arn=who,
            action=question.action,
            resource=question.resource,
            reason=decision.reason,
        )


def _existing(role: Role | None) -> Role:
    assert role is not None, "a role that there isn't trusts nobody"
    return role
