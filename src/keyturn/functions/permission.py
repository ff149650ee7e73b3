"""A function's policy: who, other than its own account's identities, may invoke it.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

from collections.abc import Iterable, Mapping
import json
import re
from typing import Any, Final

from keyturn.functions.refusals import (
    NoPolicyError,
    ParameterError,
    PolicyTooLongError,
    PrincipalInvalidError,
    StatementExistsError,
    StatementNotFoundError,
)
from keyturn.iam.policy.document import MalformedPolicyError, Policy, parse
from keyturn.iam.policy.evaluate import Asker, Question, decide
from keyturn.model.arn import Arn
from keyturn.model.function import Function
from keyturn.model.secret import Secret
from keyturn.store import functions as rows
from keyturn.store.database import Connection, Database

SECRETS_MANAGER: Final = "secretsmanager.amazonaws.com"
INVOKE: Final = "lambda:InvokeFunction"
POLICY_BYTES_MAX: Final = 20_480

_ACCOUNT: Final = re.compile(r"\d{12}")
_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")


def add(connection: Connection, function: Function, request: Mapping[str, Any]) -> str:
    """Store the statement that AddPermission asks for, and return it as a JSON text.

    Raises:
        PrincipalInvalidError: the principal can't be one.
        StatementExistsError: there is a statement of that id.
        PolicyTooLongError: the policy would be longer than one may be.
        ParameterError: the statement would be of a kind that isn't served.
    """
    statement_id = request["StatementId"]
    statements = rows.statements_of(connection, function.id)
    if statement_id in statements:
        raise StatementExistsError(statement_id)
    text = json.dumps(_statement(function, request), separators=(",", ":"))
    _check(text)
    if len(_document([*statements.values(), text]).encode()) > POLICY_BYTES_MAX:
        raise PolicyTooLongError(POLICY_BYTES_MAX)
    rows.insert_statement(connection, function.id, statement_id, text)
    return text


def remove(connection: Connection, function: Function, statement_id: str) -> None:
    """Remove a statement.

    Raises:
        NoPolicyError: the function has no policy.
        StatementNotFoundError: its policy has no such statement.
    """
    statements = rows.statements_of(connection, function.id)
    if not statements:
        raise NoPolicyError
    if statement_id not in statements:
        raise StatementNotFoundError(statement_id)
    rows.delete_statement(connection, function.id, statement_id)


def policy_of(connection: Connection, function: Function) -> str | None:
    """Return the function's policy as a JSON text; None when it has none."""
    statements = rows.statements_of(connection, function.id)
    return _document(statements.values()) if statements else None


class SecretsManagerGate:
    """Knows which functions Secrets Manager may invoke for which secret."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def may_invoke(self, function_arn: str, secret: Secret) -> bool:
        """Return whether the function exists and its policy lets Secrets Manager invoke it.

        AWS: Secrets Manager calls as a service, with the secret and its account as the source.
        """
        with self._database.read() as connection:
            function = rows.find_by_arn(connection, unqualified(function_arn))
            policy = None if function is None else policy_of(connection, function)
        if function is None or policy is None:
            return False
        question = Question(
            asker=Asker(kind="Service", names=(SECRETS_MANAGER,), account=""),
            action=INVOKE,
            resource=function.arn,
            resource_account=function.account,
            context={"aws:sourceaccount": (secret.account,), "aws:sourcearn": (secret.arn,)},
        )
        decision = decide(question, identity_policies=(), resource_policy=_compiled(policy))
        return decision.is_allowed


def unqualified(function_arn: str) -> str:
    """Return a function's ARN without ``:$LATEST`` behind it."""
    return function_arn.removesuffix(":$LATEST")


def _document(statements: Iterable[str]) -> str:
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{",".join(statements)}]}}'


def _compiled(policy: str) -> Policy | None:
    try:
        return parse(policy, kind="resource")
    except MalformedPolicyError:
        # It was checked when it was stored; whatever happened to it since allows nothing.
        return None


def _check(statement: str) -> None:
    try:
        # The version decides what is read in it, so it is the one that the policy will have.
        parse(f'{{"Version":"2012-10-17","Statement":[{statement}]}}', kind="resource")
    except MalformedPolicyError:
        raise PrincipalInvalidError from None


def _statement(function: Function, request: Mapping[str, Any]) -> dict[str, Any]:
    if request.get("FunctionUrlAuthType") or request.get("InvokedViaFunctionUrl"):
        raise ParameterError("Function URLs aren't served here.")
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(request["Principal"]),
        "Action": request["Action"],
        "Resource": function.arn,
    }
    condition = _condition(request)
    if condition:
        statement["Condition"] = condition
    return statement


def _principal(text: str) -> str | dict[str, str]:
    if text == "*":
        return "*"
    if _SERVICE.fullmatch(text):
        return {"Service": text}
    if _ACCOUNT.fullmatch(text):
        return {"AWS": f"arn:aws:iam::{text}:root"}
    arn = Arn.parse(text)
    if arn is None or arn.service not in ("iam", "sts"):
        raise PrincipalInvalidError
    return {"AWS": text}


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
