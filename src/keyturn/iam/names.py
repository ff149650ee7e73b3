"""What users, roles, policies and sessions may be called, and their ARNs. Pure.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
"""

import re
from typing import Final

from keyturn.iam.refusals import InvalidNameError, InvalidPathError, OutOfRangeError

USER_NAME_CHARACTERS_MAX: Final = 64
ROLE_NAME_CHARACTERS_MAX: Final = 64
POLICY_NAME_CHARACTERS_MAX: Final = 128
SESSION_NAME_CHARACTERS_MIN: Final = 2
SESSION_NAME_CHARACTERS_MAX: Final = 64
PATH_CHARACTERS_MAX: Final = 512

_NAME: Final = re.compile(r"[\w+=,.@-]+", re.ASCII)
_PATH: Final = re.compile(r"/|/[!-~]+/")


def check_user_name(name: str) -> None:
    """Refuse what can't be a user's name."""
    _check("userName", name, 1, USER_NAME_CHARACTERS_MAX)


def check_role_name(name: str) -> None:
    """Refuse what can't be a role's name."""
    _check("roleName", name, 1, ROLE_NAME_CHARACTERS_MAX)


def check_policy_name(name: str) -> None:
    """Refuse what can't be an inline policy's name."""
    _check("policyName", name, 1, POLICY_NAME_CHARACTERS_MAX)


def check_session_name(name: str) -> None:
    """Refuse what can't be the name of a role's session."""
    _check("roleSessionName", name, SESSION_NAME_CHARACTERS_MIN, SESSION_NAME_CHARACTERS_MAX)


def check_source_identity(name: str) -> None:
    """Refuse what can't be a source identity, which is spelt as a session's name is."""
    _check("sourceIdentity", name, SESSION_NAME_CHARACTERS_MIN, SESSION_NAME_CHARACTERS_MAX)


def check_path(path: str) -> None:
    """Refuse what can't be the path of a user or a role."""
    check_range("path", len(path), 1, PATH_CHARACTERS_MAX)
    if _PATH.fullmatch(path) is None:
        raise InvalidPathError


def check_range(member: str, value: int, least: int, most: int) -> None:
    """Refuse a number that is outside its limits.

    Raises:
        OutOfRangeError: it is.
    """
    if value < least:
        raise OutOfRangeError(member, value, least)
    if value > most:
        raise OutOfRangeError(member, value, most)


def user_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a user. A path has a ``/`` at either end."""
    return f"arn:aws:iam::{account}:user{path}{name}"


def role_arn(account: str, path: str, name: str) -> str:
    """Return the ARN of a role."""
    return f"arn:aws:iam::{account}:role{path}{name}"


def session_arn(account: str, role_name: str, session_name: str) -> str:
    """Return the ARN of a role's session, which doesn't have the role's path."""
    return f"arn:aws:sts::{account}:assumed-role/{role_name}/{session_name}"


def _check(member: str, name: str, least: int, most: int) -> None:
    check_range(member, len(name), least, most)
    if _NAME.fullmatch(name) is None:
        raise InvalidNameError(member)
