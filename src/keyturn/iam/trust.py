"""Who may take on a role. Pure.

* The role's trust policy must name the caller, whatever the caller's own policies allow.
* When it names the caller's account instead, the caller's own policies must allow it too; so they
  must across accounts, however the caller is named.
* Within the account, a caller who is named needs no policy of its own.
* An explicit deny in either wins. A service has no policies of its own.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html,
"Evaluating identity-based policies with resource-based policies".
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from keyturn.iam.policy.document import Policy
from keyturn.iam.policy.evaluate import Decision, Question, Verdict, decide

_NOBODYS_ACCOUNT: Final = ""
_DENIED: Final = (Verdict.DENIED_BY_IDENTITY_POLICY, Verdict.DENIED_BY_RESOURCE_POLICY)


def decide_trust(
    question: Question, *, identity_policies: Sequence[Policy], trust_policy: Policy
) -> Decision:
    """Return whether the role that is the question's resource may be taken on."""
    # As if the role were of another account: both policies must allow, and the caller's account
    # stands for the caller.
    apart = replace(question, resource_account=_NOBODYS_ACCOUNT)
    both = decide(apart, identity_policies=identity_policies, resource_policy=trust_policy)
    if both.is_allowed or both.verdict in _DENIED:
        return both
    if question.asker.account != question.resource_account:
        return both
    named = decide(question, identity_policies=(), resource_policy=trust_policy)
    return named if named.is_allowed else both
