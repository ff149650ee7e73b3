"""AWS's managed policies, as far as they concern services that are served here.

Each is a JSON file beside this one, statement for statement as AWS publishes it. They belong to no
account and nobody can change them. Of each there is the default version only.

AWS: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/about-managed-policy-reference.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
import json
from typing import Any, Final

ADMINISTRATOR_ACCESS: Final = "arn:aws:iam::aws:policy/AdministratorAccess"
_PREFIX: Final = "arn:aws:iam::aws:policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy:
    """A policy that AWS publishes.

    Attributes:
        policy_id: AWS's own, where it is publicly known.
    """

    arn: str
    policy_id: str | None
    version_id: str
    description: str
    created_at: datetime
    updated_at: datetime
    document: str


def name_of(arn: str) -> str:
    """Return the name in a managed policy's ARN, which is its last part."""
    return arn.rpartition("/")[2]


def path_of(arn: str) -> str:
    """Return the path in a managed policy's ARN, with a ``/`` at either end."""
    return arn.removeprefix(_PREFIX).removesuffix(name_of(arn))


def find(arn: str) -> ManagedPolicy | None:
    """Return the managed policy with this ARN."""
    return every().get(arn)


@cache
def every() -> Mapping[str, ManagedPolicy]:
    """Return all managed policies by their ARNs."""
    files = resources.files(__package__).iterdir()
    policies = [_read(file.read_text("utf-8")) for file in files if file.name.endswith(".json")]
    return {policy.arn: policy for policy in policies}


def _read(text: str) -> ManagedPolicy:
    members: dict[str, Any] = json.loads(text)
    return ManagedPolicy(
        arn=members["Arn"],
        policy_id=members.get("PolicyId"),
        version_id=members["DefaultVersionId"],
        description=members["Description"],
        created_at=datetime.fromisoformat(members["CreateDate"]),
        updated_at=datetime.fromisoformat(members["UpdateDate"]),
        document=json.dumps(members["Document"], indent=4),
    )
