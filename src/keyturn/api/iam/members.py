"""What several of IAM's operations read from a request in the same way."""

from collections.abc import Mapping
from typing import Any

from keyturn.api.calls import AuthenticatedCall
from keyturn.iam.refusals import DuplicateTagError, UnsupportedMemberError, UserNameMissingError


def user_name(call: AuthenticatedCall) -> str:
    """Return the user whom a call is about: the caller, unless it names another.

    Raises:
        UserNameMissingError: it names none, and the caller is no user.
    """
    named = call.params.get("UserName")
    if named is not None:
        return str(named)
    if call.caller.kind != "user":
        raise UserNameMissingError
    return call.caller.arn.rpartition("/")[2]


def read_tags(params: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags that a request gives.

    Raises:
        DuplicateTagError: a key is there twice. AWS doesn't tell keys apart by their case.
    """
    tags = {tag["Key"]: tag["Value"] for tag in params.get("Tags", ())}
    if len({key.lower() for key in tags}) != len(params.get("Tags", ())):
        raise DuplicateTagError
    return tags


def refuse_permissions_boundary(params: Mapping[str, Any]) -> None:
    """Refuse a permissions boundary: to take it and not to hold it would be a lie.

    Raises:
        UnsupportedMemberError: there is one.
    """
    if "PermissionsBoundary" in params:
        raise UnsupportedMemberError("PermissionsBoundary")
