"""Whether a policy on a resource is public: whether it lets in strangers. Pure.

Strangers are all callers but a fixed set of them. A policy is taken for public until the rules
show that it isn't, and whatever they don't understand shows nothing:

* A policy is public if an Allow lets strangers perform an action that no Deny takes from them.
* An Allow is for strangers if it names everyone or a web identity provider, with whom anyone may
  have an account. Accounts, users, roles, sessions, services, SAML providers and canonical users
  are fixed.
* Conditions must all hold, so one that fails for strangers keeps them out: a positive operator,
  which fails without the key too (neither ``IfExists`` nor ``ForAllValues:``), that compares a key
  which says who calls or from where with fixed values.
* A Deny takes an action from strangers if it is for everyone, or for everyone but fixed names, and
  each of its conditions holds for strangers: a negated operator, which holds without the key too
  (not ``ForAnyValue:``), on such a key with fixed values. Whom one condition spares is fixed then,
  and so are all whom several spare.
* A value is fixed if it has no wildcard and no policy variable; not even where the operator takes
  ``*`` for itself, as ``StringEquals`` does: it wasn't meant so. An ARN may have wildcards if its
  account has none, an organisation's path after the organisation's id, and a network is fixed if
  it is not too broad.
* An Allow counts if some request could make it apply, a Deny only if every request does.

Each condition and each Deny is judged by itself: two that would only keep strangers out together
leave the policy public. It doesn't know who exists: an account that nobody has is fixed too.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
"The meaning of public", to which Secrets Manager's guide refers for ``BlockPublicPolicy``, and
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutResourcePolicy.html
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
import re
from typing import Final

from keyturn.iam.policy.condition import Comparison, Condition
from keyturn.iam.policy.operators import OPERATORS
from keyturn.iam.policy.principals import Principals
from keyturn.iam.policy.statement import Policy, Statement

# AWS: "values broader than /8 for IPv4 and /32 for IPv6 (excluding RFC1918 private ranges)", of
# which none is broader than /8.
NETWORK_PREFIX_BITS_MIN: Final[Mapping[int, int]] = {4: 8, 6: 32}
"""How many leading bits a network's addresses must share, by IP's version."""

_SAML_PROVIDER: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:saml-provider/.+")

_FIXED: Final = r"[^*?$]+"
_FIXED_TEXT: Final = re.compile(_FIXED)
_FIXED_ORGANISATION: Final = re.compile(r"[^*?$/]+(?:/[^$]*)?")
# A wildcard before the account would match colons too, and let others move the account along.
_FIXED_ARN_TEXT: Final = re.compile(rf"{_FIXED}|arn(?::[^*?$:]*){{3}}:[0-9]{{12}}:[^$]*")
# ARN operators match field by field.
_FIXED_ARN: Final = re.compile(rf"{_FIXED}|[^$:]*(?::[^$:]*){{3}}:[0-9]{{12}}:[^$]*")

# Not among them: aws:username, which isn't unique across accounts, aws:PrincipalTag and
# aws:SourceIdentity, which others choose, aws:PrincipalType and aws:PrincipalIsAWSService, which
# are about kinds of callers. aws:PrincipalServiceName is, since Principal may name the same
# services.
_TEXTS: Final[Mapping[str, re.Pattern[str]]] = {
    "aws:principalaccount": _FIXED_TEXT,
    "aws:principalarn": _FIXED_ARN_TEXT,
    "aws:principalorgid": _FIXED_TEXT,
    "aws:principalorgpaths": _FIXED_ORGANISATION,
    "aws:principalservicename": _FIXED_TEXT,
    "aws:sourceaccount": _FIXED_TEXT,
    "aws:sourcearn": _FIXED_ARN_TEXT,
    "aws:sourceorgid": _FIXED_TEXT,
    "aws:sourceorgpaths": _FIXED_ORGANISATION,
    "aws:sourceowner": _FIXED_TEXT,
    "aws:sourcevpc": _FIXED_TEXT,
    "aws:sourcevpce": _FIXED_TEXT,
    # AWS: "outside the pattern AROLEID:*", which has a wildcard. Nobody is "anonymous" here, where
    # all callers sign.
    "aws:userid": _FIXED_TEXT,
}
_ARNS: Final = ("aws:principalarn", "aws:sourcearn")
_ADDRESSES: Final = ("aws:sourceip", "aws:vpcsourceip")


def is_public(policy: Policy, *, actions: Iterable[str], resource: str | None) -> bool:
    """Return whether strangers may perform one of the actions.

    Args:
        actions: all that can be asked of the resource, such as ``secretsmanager:GetSecretValue``.
        resource: the ARN of what the policy is on; None if that could be anything.
    """
    allows = [
        statement.actions
        for statement in policy.statements
        if _allows_strangers(statement) and _is_about(statement, resource) is not False
    ]
    denies = [
        statement.actions
        for statement in policy.statements
        if _denies_strangers(statement) and _is_about(statement, resource) is True
    ]
    return any(
        any(allowed.admit(action) for allowed in allows)
        and not any(denied.admit(action) for denied in denies)
        for action in map(str.lower, actions)
    )


def _is_about(statement: Statement, resource: str | None) -> bool | None:
    """Return whether a statement is about the resource; None if that can't be told."""
    if statement.resources is None:
        return True
    if resource is not None:
        return statement.resources.admit_regardless(resource)
    is_about_all = not statement.resources.is_negated and statement.resources.admit("*")
    return True if is_about_all else None


def _allows_strangers(statement: Statement) -> bool:
    return (
        statement.effect == "Allow"
        and _may_mean_strangers(statement.principals)
        and not any(_holds_for_strangers(condition) is False for condition in statement.conditions)
    )


def _denies_strangers(statement: Statement) -> bool:
    return (
        statement.effect == "Deny"
        and _means_all_strangers(statement.principals)
        and all(_holds_for_strangers(condition) is True for condition in statement.conditions)
    )


def _may_mean_strangers(principals: Principals | None) -> bool:
    return principals is None or principals.is_negated or _names_strangers(principals)


def _means_all_strangers(principals: Principals | None) -> bool:
    if principals is None:
        return True
    if principals.is_negated:
        return not _names_strangers(principals)
    return principals.is_everyone


def _names_strangers(principals: Principals) -> bool:
    # AWS: a policy is public that allows {"Federated": "graph.facebook.com"}.
    return principals.is_everyone or not all(map(_SAML_PROVIDER.fullmatch, principals.providers))


def _holds_for_strangers(condition: Condition) -> bool | None:
    """Return what a condition says of all strangers; None if that isn't the same of all."""
    if not isinstance(condition, Comparison):
        return None
    if condition.is_negated is not condition.without_key:
        return None
    is_fixed = _TESTS.get((condition.operator, condition.key))
    if is_fixed is None or not all(map(is_fixed, condition.values)):
        return None
    return condition.is_negated


def _is_narrow(network: str) -> bool:
    read = ip_network(network, strict=False)
    return read.prefixlen >= NETWORK_PREFIX_BITS_MIN[read.version]


def _operators(kind: str) -> list[str]:
    return [name.lower() for name in OPERATORS if name.removeprefix("Not").startswith(kind)]


_TESTS: Final[Mapping[tuple[str, str], Callable[[str], object]]] = {
    **{
        (operator, key): pattern.fullmatch
        for operator in _operators("String")
        for key, pattern in _TEXTS.items()
    },
    **{(operator, key): _FIXED_ARN.fullmatch for operator in _operators("Arn") for key in _ARNS},
    **{(operator, key): _is_narrow for operator in _operators("IpAddress") for key in _ADDRESSES},
}
"""By operator and key: whether a value is fixed."""
