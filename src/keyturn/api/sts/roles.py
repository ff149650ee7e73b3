"""Taking on a role.

What AWS can do beyond this, such as session policies, session tags and MFA, is refused by name: a
caller who asks for less than the role's rights must not be given all of them.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from collections.abc import Mapping
from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output
from keyturn.iam.assume import (
    SESSION_SECONDS_DEFAULT,
    AssumeRequest,
    Assumption,
    SessionCredentials,
)
from keyturn.iam.refusals import UnsupportedMemberError

_UNSUPPORTED: Final = (
    "Policy",
    "PolicyArns",
    "Tags",
    "TransitiveTagKeys",
    "SerialNumber",
    "TokenCode",
    "ProvidedContexts",
)


class AssumeRole:
    """The operation AssumeRole."""

    def __init__(self, assumption: Assumption) -> None:
        self._assumption = assumption

    def __call__(self, call: AuthorisedCall) -> Output:
        request = _request(call.params)
        issued = self._assumption.assume_role(call.caller, request)
        return _answer(issued)


def _request(params: Mapping[str, Any]) -> AssumeRequest:
    for member in _UNSUPPORTED:
        if params.get(member):
            raise UnsupportedMemberError(member)
    return AssumeRequest(
        role_arn=params["RoleArn"],
        session_name=params["RoleSessionName"],
        duration_seconds=params.get("DurationSeconds", SESSION_SECONDS_DEFAULT),
        external_id=params.get("ExternalId"),
        source_identity=params.get("SourceIdentity"),
    )


def _answer(issued: SessionCredentials) -> Output:
    principal = issued.principal
    answer: dict[str, Any] = {
        "Credentials": {
            "AccessKeyId": issued.key.access_key_id,
            "SecretAccessKey": issued.key.secret_access_key.reveal().decode(),
            "SessionToken": issued.session_token,
            "Expiration": issued.expires_at,
        },
        "AssumedRoleUser": {"AssumedRoleId": principal.unique_id, "Arn": principal.arn},
    }
    if principal.source_identity is not None:
        answer["SourceIdentity"] = principal.source_identity
    return answer
