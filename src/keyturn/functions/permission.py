"""A function's policies: who, other than its own account's identities, may invoke it.

Each qualifier has a policy of its own, and the function as it is named without one has another:
what one of them allows, the others don't.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from collections.abc import Mapping
import json
from typing import Any, Final

from keyturn.functions import policy_text, registry
from keyturn.functions.names import LATEST, read_arn
from keyturn.functions.refusals import (
    NoPolicyError,
    ParameterError,
    PolicyTooLongError,
    StatementExistsError,
    StatementNotFoundError,
)
from keyturn.iam.policy.document import MalformedPolicyError, Policy, parse
from keyturn.iam.policy.evaluate import Asker, Question, decide
from keyturn.model.function import Function
from keyturn.model.secret import Secret
from keyturn.store import function_permissions as rows, functions
from keyturn.store.database import Connection, Database

SECRETS_MANAGER: Final = "secretsmanager.amazonaws.com"
INVOKE: Final = "lambda:InvokeFunction"


def add(
    connection: Connection,
    function: Function,
    request: Mapping[str, Any],
    qualifier: str | None = None,
) -> str:
    """Store the statement that AddPermission asks for, and return it as a JSON text.

    Args:
        qualifier: the version or alias that it is for; None for the function without one.

    Raises:
        PrincipalInvalidError: the principal can't be one.
        StatementExistsError: there is a statement of that id.
        PolicyTooLongError: the policy would be longer than one may be.
        ParameterError: the statement would be of a kind that isn't served.
    """
    statement_id = request["StatementId"]
    statements = _statements(connection, function, qualifier)
    if statement_id in statements:
        raise StatementExistsError(statement_id)
    resource = f"{function.arn}:{qualifier}" if qualifier else function.arn
    text = json.dumps(_statement(resource, request), separators=(",", ":"))
    policy_text.check_statement(text)
    if (
        len(policy_text.document(*statements.values(), text).encode())
        > policy_text.POLICY_BYTES_MAX
    ):
        raise PolicyTooLongError(policy_text.POLICY_BYTES_MAX)
    rows.insert_statement(
        connection, function.id, qualifier or rows.UNQUALIFIED, statement_id, text
    )
    return text


def remove(
    connection: Connection, function: Function, statement_id: str, qualifier: str | None = None
) -> None:
    """Remove a statement.

    Raises:
        NoPolicyError: there is no policy for that qualifier.
        StatementNotFoundError: the policy has no such statement.
    """
    statements = _statements(connection, function, qualifier)
    if not statements:
        raise NoPolicyError
    if statement_id not in statements:
        raise StatementNotFoundError(statement_id)
    rows.delete_statement(connection, function.id, qualifier or rows.UNQUALIFIED, statement_id)


def policy_of(
    connection: Connection, function: Function, qualifier: str | None = None
) -> str | None:
    """Return the policy for a qualifier as a JSON text; None when there is none."""
    statements = _statements(connection, function, qualifier)
    return policy_text.document(*statements.values()) if statements else None


def tags_and_policy_of(
    connection: Connection, arn: str, qualifier: str | None = None
) -> tuple[Mapping[str, str] | None, str | None]:
    """Return a function's tags, and the policy for a qualifier as a JSON text.

    Args:
        arn: the function's, without a qualifier. Of one that doesn't exist, there is neither.
    """
    tags, statements = rows.tags_and_statements_of(connection, arn, qualifier or rows.UNQUALIFIED)
    return tags, policy_text.document(*statements) if statements else None


class SecretsManagerGate:
    """Knows which functions Secrets Manager may invoke for which secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def may_invoke(self, function_arn: str, secret: Secret) -> bool:
        """Return whether the function exists and its policy lets Secrets Manager invoke it.

        AWS: Secrets Manager calls as a service, with the secret and its account as the source; a
        function that is named with a qualifier needs the permission on that qualifier.
        """
        # AWS: the policy for $LATEST is the one for the function without a qualifier.
        reference = read_arn(function_arn.removesuffix(f":{LATEST}"))
        if reference is None:
            return False
        with self._database.read() as connection:
            function = functions.find_by_arn(connection, reference.arn)
            if function is None or not registry.has_qualifier(connection, function, reference):
                return False
            policy = policy_of(connection, function, reference.qualifier)
        if policy is None:
            return False
        question = Question(
            asker=Asker(kind="Service", names=(SECRETS_MANAGER,), account=""),
            action=INVOKE,
            resource=reference.asked_arn,
            resource_account=function.account,
            context={"aws:sourceaccount": (secret.account,), "aws:sourcearn": (secret.arn,)},
        )
        decision = decide(question, identity_policies=(), resource_policy=_compiled(policy))
        return decision.is_allowed


def unqualified(function_arn: str) -> str:
    """Return a function's ARN without the version or alias behind it."""
    reference = read_arn(function_arn)
    return function_arn if reference is None else reference.arn


def _statements(
    connection: Connection, function: Function, qualifier: str | None
) -> dict[str, str]:
    return rows.statements_of(connection, function.id, qualifier or rows.UNQUALIFIED)


def _compiled(policy: str) -> Policy | None:
    try:
        return parse(policy, kind="resource")
    except MalformedPolicyError:
        # It was checked when it was stored; whatever happened to it since allows nothing.
        return None


def _statement(resource: str, request: Mapping[str, Any]) -> dict[str, Any]:
    if request.get("FunctionUrlAuthType") or request.get("InvokedViaFunctionUrl"):
        raise ParameterError("Function URLs aren't served here.")
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": policy_text.principal_of(request["Principal"]),
        "Action": request["Action"],
        "Resource": resource,
    }
    condition = _condition(request)
    if condition:
        statement["Condition"] = condition
    return statement


def _condition(request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    condition: dict[str, dict[str, str]] = {}
    for operator, key, member in (
        ("StringEquals", "AWS:SourceAccount", "SourceAccount"),
        ("StringEquals", "aws:PrincipalOrgID", "PrincipalOrgID"),
        ("StringEquals", "lambda:EventSourceToken", "EventSourceToken"),
        ("ArnLike", "AWS:SourceArn", "SourceArn"),
    ):
        if member in request:
            condition.setdefault(operator, {})[key] = request[member]
    return condition
