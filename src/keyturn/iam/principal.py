"""Who a request comes from."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity that policies can name.

    Attributes:
        kind: an IAM user, or a session of a role.
        account: the twelve digits of its account.
        arn: what GetCallerIdentity says, for a session
            ``arn:aws:sts::123456789012:assumed-role/role/session``.
        unique_id: ``AIDA...``, or ``AROA...:session``.
        identity_arn: the user's or the role's own ARN, which policies are attached to.
    """

    kind: Literal["user", "assumed-role"]
    account: str
    arn: str
    unique_id: str
    identity_arn: str
