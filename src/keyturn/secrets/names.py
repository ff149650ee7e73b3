"""What a secret may be called, and what a ``SecretId`` may say. Pure.

A ``SecretId`` is a name, a whole ARN, or an ARN without the six random characters at its end. A
partial ARN whose name happens to end in a hyphen and six letters or digits reads as a whole one,
and so finds nothing; AWS does the same and warns against such names.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
"""

from dataclasses import dataclass
import re

from keyturn.model.arn import Arn, partition_of
from keyturn.model.errors import InvalidInputError

_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]+")
_WHOLE = re.compile(r".*-[A-Za-z0-9]{6}")
_RESOURCE_PREFIX = "secret:"


class InvalidNameError(InvalidInputError):
    """A name has characters that no secret's name may have."""


@dataclass(frozen=True, slots=True)
class ByName:
    """A secret that is asked for by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class ByArn:
    """A secret that is asked for by its whole ARN."""

    arn: str


@dataclass(frozen=True, slots=True)
class ByPartialArn:
    """A secret that is asked for by an ARN without the six characters at its end."""

    region: str
    account: str
    name: str


SecretRef = ByName | ByArn | ByPartialArn


def check(name: str) -> None:
    """Refuse a name that has characters AWS doesn't allow.

    Raises:
        InvalidNameError: it does.
    """
    if _NAME.fullmatch(name) is None:
        raise InvalidNameError


def read_secret_id(secret_id: str) -> SecretRef:
    """Return what a ``SecretId`` refers to.

    Raises:
        InvalidNameError: it is neither an ARN nor a possible name.
    """
    arn = Arn.parse(secret_id)
    if arn is None or arn.service != "secretsmanager":
        check(secret_id)
        return ByName(secret_id)
    name = arn.resource.removeprefix(_RESOURCE_PREFIX)
    if _WHOLE.fullmatch(name):
        return ByArn(secret_id)
    check(name)
    return ByPartialArn(arn.region, arn.account, name)


def secret_arn(region: str, account: str, name: str, suffix: str) -> str:
    """Return the ARN of a secret."""
    resource = f"{_RESOURCE_PREFIX}{name}-{suffix}"
    return str(Arn(partition_of(region), "secretsmanager", region, account, resource))
