"""What a primary secret knows of one of its replicas."""

from dataclasses import dataclass
from typing import Literal

ReplicaStatus = Literal["InSync", "Failed", "Detached"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A replica in another region of the same account, or in another account.

    Attributes:
        arn: the replica's own; of one that failed, the ARN that it would have had.
        role_arn: the role that replicates to another account, if one was named.
        status: ``Detached`` once a replica in another account has left.
        status_message: why it failed.
    """

    arn: str
    region: str
    kms_key_id: str | None = None
    role_arn: str | None = None
    status: ReplicaStatus = "InSync"
    status_message: str | None = None
