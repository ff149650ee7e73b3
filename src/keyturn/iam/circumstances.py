"""The condition keys that are known of every request: who asks, and when. Pure.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from keyturn.iam.grants import Grants
from keyturn.iam.policy.condition import Context
from keyturn.iam.principal import Principal
from keyturn.iam.session import SessionPrincipal, source_function_of

_PRINCIPAL_TYPES: Final = {"user": "User", "assumed-role": "AssumedRole"}


def of_principal(principal: Principal, grants: Grants) -> dict[str, tuple[str, ...]]:
    """Return what policies can ask about a principal, by condition key in lower case."""
    keys = {
        "aws:principalarn": principal.identity_arn,
        "aws:principalaccount": principal.account,
        "aws:principaltype": _PRINCIPAL_TYPES[principal.kind],
        "aws:principalisawsservice": "false",
        "aws:userid": principal.unique_id,
    }
    if principal.kind == "user":
        keys["aws:username"] = principal.arn.rpartition("/")[2]
    if isinstance(principal, SessionPrincipal) and principal.source_identity is not None:
        keys["aws:sourceidentity"] = principal.source_identity
    if (source_function_arn := source_function_of(principal)) is not None:
        keys["lambda:sourcefunctionarn"] = source_function_arn
    for tag, value in grants.tags.items():
        keys[f"aws:principaltag/{tag.lower()}"] = value
    return {key: (value,) for key, value in keys.items()}


def of_service(service: str) -> dict[str, tuple[str, ...]]:
    """Return what policies can ask about a service."""
    return {"aws:principalservicename": (service,), "aws:principalisawsservice": ("true",)}


def of_instant(now: datetime) -> dict[str, tuple[str, ...]]:
    """Return what policies can ask about the time."""
    return {
        "aws:currenttime": (now.strftime("%Y-%m-%dT%H:%M:%SZ"),),
        "aws:epochtime": (str(int(now.timestamp())),),
    }


def merged(given: Mapping[str, tuple[str, ...]], *known: Context) -> Context:
    """Return everything in one, keys in lower case; nothing given overrides what is known."""
    context = {key.lower(): values for key, values in given.items()}
    for keys in known:
        context.update(keys)
    return context
