"""Read a policy document, strictly: whatever isn't understood is refused.

A policy that was stored can therefore always be evaluated. Whoever evaluates one that can't be
read denies everything: it could have been a policy that denies, and nobody would know what.

* ``Version`` decides whether ``${...}`` is a policy variable; without it, it isn't.
* No member may be given twice, since two readers might pick different ones.
* How long a document may be is its caller's to say.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import math
from typing import Any, Final, NoReturn

from keyturn.iam.policy.malformed import (
    MalformedPolicyError,
    MalformedPrincipalError,
    NotJsonError,
    as_list,
    checked_object,
    refuse_unknown,
)
from keyturn.iam.policy.match import matcher
from keyturn.iam.policy.statement import Patterns, Policy, Statement
from keyturn.iam.policy.statement_reader import Kind, StatementReader

# What it takes to read a policy, under one name.
__all__ = [
    "DENY_EVERYTHING",
    "Kind",
    "MalformedPolicyError",
    "MalformedPrincipalError",
    "NotJsonError",
    "Patterns",
    "Policy",
    "Statement",
    "parse",
]

DENY_EVERYTHING: Final = Policy(
    (
        Statement(
            effect="Deny",
            actions=Patterns((matcher("*"),)),
            resources=None,
            principals=None,
            conditions=(),
        ),
    )
)
"""Stands for a policy that can't be read."""

_DEFAULT_VERSION: Final = "2008-10-17"
_VERSIONS: Final = (_DEFAULT_VERSION, "2012-10-17")
_MEMBERS: Final = frozenset({"Version", "Id", "Statement"})


def parse(text: str, *, kind: Kind) -> Policy:
    """Return the policy that ``text`` spells.

    Raises:
        MalformedPolicyError: it isn't one, or has an element that isn't known.
    """
    document = _json(text)
    refuse_unknown(document, _MEMBERS, "policy")
    if not isinstance(document.get("Id", ""), str):
        raise MalformedPolicyError("Id", "must be a text")
    readers = _statement_readers(document, kind)
    sids = [reader.sid for reader in readers if reader.sid]
    if len(sids) != len(set(sids)):
        raise MalformedPolicyError("Statement", "has the same Sid twice")
    return Policy(tuple(reader.read() for reader in readers))


def _statement_readers(document: dict[str, Any], kind: Kind) -> list[StatementReader]:
    version = document.get("Version", _DEFAULT_VERSION)
    if version not in _VERSIONS:
        raise MalformedPolicyError("Version", f"must be one of {', '.join(_VERSIONS)}")
    statements = as_list(document.get("Statement"))
    if not statements:
        raise MalformedPolicyError("Statement", "has no value")
    return [
        StatementReader(
            statement,
            kind,
            f"Statement[{index}]",
            has_plain_dollars=version == _DEFAULT_VERSION,
        )
        for index, statement in enumerate(statements)
    ]


def _json(text: str) -> dict[str, Any]:
    try:
        # A lone surrogate is no character: it couldn't be stored, nor quoted in an answer.
        text.encode()
        document = json.loads(
            text,
            object_pairs_hook=_without_repetition,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NotJsonError("policy", "isn't JSON") from None
    return checked_object(document, "policy")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedPolicyError("policy", "has a member twice")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("JSON has no such number")
    return number


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("JSON has no such number")
