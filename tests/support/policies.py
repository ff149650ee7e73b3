"""Policies and questions about one secret, to be varied."""

from collections.abc import Mapping
import json
from typing import Any, Final

from keyturn.iam.policy.document import Kind, Policy, parse
from keyturn.iam.policy.evaluate import Asker, Question

ACCOUNT: Final = "123456789012"
OTHER_ACCOUNT: Final = "210987654321"
SECRET_ARN: Final = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:prod/db-a1B2c3"
ROLE_ARN: Final = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION_ARN: Final = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/one"
ROOT_ARN: Final = f"arn:aws:iam::{ACCOUNT}:root"
ACTION: Final = "secretsmanager:GetSecretValue"

SESSION: Final = Asker(kind="AWS", names=(SESSION_ARN, ROLE_ARN), account=ACCOUNT)
SERVICE: Final = Asker(kind="Service", names=("secretsmanager.amazonaws.com",), account="")


def make_statement(effect: str = "Allow", **members: object) -> dict[str, Any]:
    """Return a statement about reading the secret; a member that is None is left out."""
    statement = {"Effect": effect, "Action": ACTION, "Resource": SECRET_ARN, **members}
    for name in ("Action", "Resource"):
        if f"Not{name}" in members:
            del statement[name]
    return {name: value for name, value in statement.items() if value is not None}


def make_document(*statements: Mapping[str, Any], version: str | None = "2012-10-17") -> str:
    """Return a document with these statements."""
    versions = {} if version is None else {"Version": version}
    return json.dumps({**versions, "Statement": list(statements)})


def make_policy(
    *statements: Mapping[str, Any],
    kind: Kind = "identity",
    version: str | None = "2012-10-17",
) -> Policy:
    """Return a policy with these statements."""
    return parse(make_document(*statements, version=version), kind=kind)


def make_question(
    asker: Asker = SESSION,
    *,
    action: str = ACTION,
    resource: str = SECRET_ARN,
    context: Mapping[str, tuple[str, ...]] | None = None,
) -> Question:
    """Return the question whether the secret may be read."""
    return Question(
        asker=asker,
        action=action,
        resource=resource,
        resource_account=ACCOUNT,
        context=context or {},
    )
