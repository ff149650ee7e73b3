"""Condition operators: how a value in a policy is compared with a request's.

A value in a policy is compiled once, which also shows whether it is of the operator's type. A
value of a request that isn't of that type raises ``ValueError`` when it is compared.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
import operator
import re
from typing import Any, Final

from keyturn.iam.policy.match import Matcher, arn_matcher, matcher, unescaped

Compile = Callable[[str], Matcher]

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{1,40})?")
# W3C's profile of ISO 8601, which is narrower than what datetime.fromisoformat reads.
_DATE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)
_EPOCH_SECONDS: Final = re.compile(r"[0-9]{1,11}")
_BOOLEANS: Final = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator.

    Attributes:
        compile: makes the test for one value in a policy; raises ``ValueError`` for one that isn't
            of the operator's type.
        is_negated: whether none of the values may match.
        takes_variables: whether the values may have policy variables and wildcards.
    """

    compile: Compile
    is_negated: bool = False
    takes_variables: bool = False


def to_boolean(text: str) -> bool:
    """Return the truth value that ``text`` spells."""
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise ValueError("neither true nor false")
    return value


def _equals(wanted: str) -> Matcher:
    return unescaped(wanted).__eq__


def _equals_ignoring_case(wanted: str) -> Matcher:
    text = unescaped(wanted).casefold()
    return lambda value: value.casefold() == text


def _to_number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError("not a number")
    return Decimal(text)


def _to_instant(text: str) -> datetime:
    if _EPOCH_SECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text), UTC)
    if not _DATE.fullmatch(text):
        raise ValueError("not a date")
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _to_bytes(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def _to_address(text: str) -> IPv4Address | IPv6Address:
    address = ip_address(text)
    # An IPv4 client of a socket that takes both is an IPv6 address in form only.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_within(wanted: str) -> Matcher:
    network = ip_network(wanted, strict=False)
    return lambda value: _to_address(value) in network


def _compared(read: Callable[[str], Any], holds: Callable[[Any, Any], bool]) -> Compile:
    def compile_value(wanted: str) -> Matcher:
        bound = read(wanted)
        return lambda value: holds(read(value), bound)

    return compile_value


def _ordered(name: str, read: Callable[[str], Any]) -> dict[str, Operator]:
    return {
        f"{name}Equals": Operator(_compared(read, operator.eq)),
        f"{name}NotEquals": Operator(_compared(read, operator.eq), is_negated=True),
        f"{name}LessThan": Operator(_compared(read, operator.lt)),
        f"{name}LessThanEquals": Operator(_compared(read, operator.le)),
        f"{name}GreaterThan": Operator(_compared(read, operator.gt)),
        f"{name}GreaterThanEquals": Operator(_compared(read, operator.ge)),
    }


def _textual(name: str, negated_name: str, compile_value: Compile) -> dict[str, Operator]:
    return {
        name: Operator(compile_value, takes_variables=True),
        negated_name: Operator(compile_value, is_negated=True, takes_variables=True),
    }


OPERATORS: Final[Mapping[str, Operator]] = {
    **_textual("StringEquals", "StringNotEquals", _equals),
    **_textual("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _equals_ignoring_case),
    **_textual("StringLike", "StringNotLike", matcher),
    # AWS says of these that they behave identically.
    **_textual("ArnEquals", "ArnNotEquals", arn_matcher),
    **_textual("ArnLike", "ArnNotLike", arn_matcher),
    **_ordered("Numeric", _to_number),
    **_ordered("Date", _to_instant),
    "Bool": Operator(_compared(to_boolean, operator.eq)),
    "BinaryEquals": Operator(_compared(_to_bytes, operator.eq)),
    "IpAddress": Operator(_is_within),
    "NotIpAddress": Operator(_is_within, is_negated=True),
}
