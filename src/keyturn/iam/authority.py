"""Whether a principal may do something. The rules are in ``keyturn.iam.policy``; here they meet
what is stored.

* Nothing is allowed that no policy allows; whatever can't be read or decided denies.
* A role is taken on by whom its trust policy names, whatever the caller's own policies allow. A
  trust policy that names an account leaves it to that account's policies; one that names a
  principal of the role's account needs no other.
* A decision sees every change that was committed before it began.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
import re
from types import MappingProxyType
from typing import Final

from keyturn.iam import circumstances
from keyturn.iam.identity import DENY_EVERYTHING, CompiledIdentity, Identities
from keyturn.iam.policy.document import Kind, MalformedPolicyError, Policy, parse
from keyturn.iam.policy.evaluate import Asker, Decision, Question, Verdict, decide
from keyturn.iam.principal import Principal
from keyturn.model.arn import Arn
from keyturn.model.clock import Clock
from keyturn.model.errors import NotAllowedError
from keyturn.model.identity import Role
from keyturn.store import identities
from keyturn.store.database import Database

RESOURCE_POLICIES_CACHED_MAX: Final = 1024

ASSUME_ROLE: Final = "sts:AssumeRole"

# AWS: GetCallerIdentity, "No permissions are required", also where a policy denies it.
NEEDS_NO_PERMISSION: Final = frozenset({"sts:GetCallerIdentity"})

Given = Mapping[str, tuple[str, ...]]
"""Condition keys of one request, in whatever case, with their values."""

_NOTHING: Final[Given] = MappingProxyType({})
_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_NO_ACCOUNT: Final = ""
_DENIED: Final = (Verdict.DENIED_BY_IDENTITY_POLICY, Verdict.DENIED_BY_RESOURCE_POLICY)


class Authority:
    """Decides, and refuses what isn't allowed."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._identities = Identities(database)

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
        if action in NEEDS_NO_PERMISSION:
            return
        identity = self._identities.of(principal)
        question = Question(
            asker=_asker(principal),
            action=action,
            resource=resource,
            resource_account=_account_of(resource, principal),
            context=self._context(principal, identity, context),
        )
        decision = decide(
            question,
            identity_policies=identity.policies,
            resource_policy=_read(resource_policy, "resource"),
        )
        _refuse_unless_allowed(decision, principal.arn, resource)

    def require_pass_role(self, caller: Principal, role_arn: str, service: str) -> None:
        """Return if ``caller`` may hand the role to ``service``, such as lambda.amazonaws.com.

        Raises:
            NotAllowedError: it may not.
        """
        self.require(
            caller, "iam:PassRole", role_arn, context={"iam:PassedToService": (service,)}
        )

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
            actions: what it takes; ``sts:SetSourceIdentity`` also, to set one.

        Raises:
            NotAllowedError: it may not, or there is no such role.
        """
        identity = self._identities.of(caller)
        role = self._role(role_arn)
        keys = self._context(caller, identity, context)
        for action in actions:
            question = _about_role(_asker(caller), action, role_arn, keys)
            decision = _on_taking(question, role, identity.policies)
            _refuse_unless_allowed(decision, caller.arn, role_arn)
        assert role is not None, "nobody may take on a role that there isn't"
        return role

    def assumable_by_service(
        self, service: str, role_arn: str, *, context: Given = _NOTHING
    ) -> Role:
        """Return the role, which ``service`` may take on, as its trust policy says.

        Raises:
            NotAllowedError: it may not, or there is no such role.
        """
        role = self._role(role_arn)
        asker = Asker(kind="Service", names=(service,), account=_NO_ACCOUNT)
        now = circumstances.of_instant(self._clock.now())
        keys = circumstances.merged(context, circumstances.of_service(service), now)
        decision = _on_taking(_about_role(asker, ASSUME_ROLE, role_arn, keys), role, ())
        _refuse_unless_allowed(decision, service, role_arn)
        assert role is not None, "nobody may take on a role that there isn't"
        return role

    def _context(self, principal: Principal, identity: CompiledIdentity, given: Given) -> Given:
        return circumstances.merged(
            given,
            circumstances.of_principal(principal, identity),
            circumstances.of_instant(self._clock.now()),
        )

    def _role(self, role_arn: str) -> Role | None:
        with self._database.read() as connection:
            return identities.find_role_by_arn(connection, role_arn)
