"""Policies on functions and layers as texts: how Lambda writes them. Pure.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

import json
import re
from typing import Final

from keyturn.functions.refusals import PrincipalInvalidError
from keyturn.iam.policy.document import MalformedPolicyError, parse
from keyturn.model.arn import Arn

POLICY_BYTES_MAX: Final = 20_480

_ACCOUNT: Final = re.compile(r"\d{12}")
_ROOT: Final = re.compile(r"arn:aws:iam::(\d{12}):root")
_SERVICE: Final = re.compile(r"[a-z0-9.-]+\.amazonaws\.com(\.cn)?")


def document(*statements: str) -> str:
    """Return a policy that has these statements."""
    return f'{{"Version":"2012-10-17","Id":"default","Statement":[{",".join(statements)}]}}'


def check_statement(statement: str) -> None:
    """Refuse a statement that couldn't be read again.

    Raises:
        PrincipalInvalidError: its principal can't be one.
    """
    try:
        # The version decides what is read in it, so it is the one that the policy will have.
        parse(f'{{"Version":"2012-10-17","Statement":[{statement}]}}', kind="resource")
    except MalformedPolicyError:
        raise PrincipalInvalidError from None


def principal_of(text: str) -> str | dict[str, str]:
    """Return a principal as policies write it.

    Raises:
        PrincipalInvalidError: it is neither everyone, an account, an identity nor a service.
    """
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


def principal_in(policy: str, statement_id: str) -> str | None:
    """Return a statement's principal as ``principal_of`` takes it; None without such a statement.

    An account is its number, whichever way it was given.
    """
    for statement in json.loads(policy)["Statement"]:
        if statement["Sid"] == statement_id:
            return _text_of(statement["Principal"])
    return None


def _text_of(principal: str | dict[str, str]) -> str:
    if isinstance(principal, str):
        return principal
    (name,) = principal.values()
    root = _ROOT.fullmatch(name)
    return name if root is None else root[1]
