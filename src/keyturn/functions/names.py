"""What a function may be called, and how a request may refer to one. Pure.

A function is named by its name, its ARN, or a part of it (``123456789012:function:name``), with an
optional qualifier behind it.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_GetFunction.html
"""

from dataclasses import dataclass
import re
from typing import Final

from keyturn.functions.refusals import ParameterError
from keyturn.model.arn import Arn, partition_of
from keyturn.model.function import LATEST

__all__ = ["LATEST", "FunctionRef", "function_arn", "read_arn", "read_reference"]

_REFERENCE: Final = re.compile(
    r"(?:arn:[a-z-]+:lambda:)?(?:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d):)?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[A-Za-z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)

_WHOLE: Final = re.compile(r"arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:")


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRef:
    """A function that a request refers to; ``qualifier`` None is ``$LATEST``."""

    region: str
    account: str
    name: str
    qualifier: str | None = None

    @property
    def arn(self) -> str:
        """The function's ARN, without a qualifier."""
        return function_arn(self.region, self.account, self.name)

    @property
    def asked_arn(self) -> str:
        """The ARN with the qualifier, as AWS's errors name it."""
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn


def read_reference(
    text: str, *, region: str, account: str, qualifier: str | None = None
) -> FunctionRef:
    """Return what ``text`` refers to; what it leaves out is the caller's.

    Raises:
        ParameterError: it refers to nothing, or to two qualifiers.
    """
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise ParameterError(f"{text[:140]} is not a function's name or ARN.")
    stated = match["qualifier"]
    if stated and qualifier and stated != qualifier:
        raise ParameterError(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    return FunctionRef(
        region=match["region"] or region,
        account=match["account"] or account,
        name=match["name"],
        qualifier=stated or qualifier,
    )


def read_arn(text: str) -> FunctionRef | None:
    """Return what a function's whole ARN refers to; None if it is none."""
    match = _REFERENCE.fullmatch(text) if _WHOLE.match(text) else None
    if match is None:
        return None
    return FunctionRef(
        region=match["region"],
        account=match["account"],
        name=match["name"],
        qualifier=match["qualifier"],
    )


def function_arn(region: str, account: str, name: str) -> str:
    """Return a function's ARN, without a qualifier."""
    return str(Arn(partition_of(region), "lambda", region, account, f"function:{name}"))
