"""Plain values as text: in forms, query strings, headers and paths.

Numbers are ASCII decimals and nothing else: no spaces, no underscores, no other digits.
"""

import binascii
from collections.abc import Callable
import math
import re
from typing import Any

from botocore.model import Shape

from keyturn.wire.malformed import MalformedError
from keyturn.wire.timestamp import format_timestamp, parse_timestamp

ReadText = Callable[[str], Any]
WriteText = Callable[[Any], str]

_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,32}(\.[0-9]{1,32})?([eE][+-]?[0-9]{1,3})?")
_BOOLEANS = {"true": True, "false": False}


def text_reader(shape: Shape, timestamp_format: str) -> ReadText:
    """Return a function from text to the shape's value.

    Args:
        shape: a shape without members.
        timestamp_format: the place's own format, for where the model names none.
    """
    if shape.type_name == "timestamp":
        timestamp_format = shape.serialization.get("timestampFormat", timestamp_format)
        return lambda text: parse_timestamp(text, timestamp_format)
    return _READERS[shape.type_name]


def text_writer(shape: Shape, timestamp_format: str) -> WriteText:
    """Return the inverse of ``text_reader``."""
    if shape.type_name == "timestamp":
        timestamp_format = shape.serialization.get("timestampFormat", timestamp_format)
        return lambda at: format_timestamp(at, timestamp_format)
    return _WRITERS.get(shape.type_name, str)


def read_blob(text: str) -> bytes:
    """Return what strict base64 stands for."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise MalformedError("STRING_VALUE is not valid base64") from None


def header_text(text: str) -> str:
    """Return ``text`` if it can be a header's value and nothing more than one.

    Raises:
        ValueError: it can't; a line break in it would start another header.
    """
    if not (text.isascii() and text.isprintable()):
        raise ValueError("a header holds printable ASCII only")
    return text


def _integer_reader(bits: int, refusal: str) -> ReadText:
    low, high = -(1 << (bits - 1)), 1 << (bits - 1)

    def read(text: str) -> int:
        value = int(text) if _INTEGER.fullmatch(text) else high
        if low <= value < high:
            return value
        raise MalformedError(refusal)

    return read


def _read_number(text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if math.isfinite(value):
        return value
    raise MalformedError("STRING_VALUE can not be converted to a Double")


def _read_boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise MalformedError("STRING_VALUE can not be converted to a Boolean")
    return value


_READERS: dict[str, ReadText] = {
    "string": str,
    "character": str,
    "boolean": _read_boolean,
    "integer": _integer_reader(32, "STRING_VALUE can not be converted to an Integer"),
    "long": _integer_reader(64, "STRING_VALUE can not be converted to a Long"),
    "float": _read_number,
    "double": _read_number,
    "blob": read_blob,
}
_WRITERS: dict[str, WriteText] = {
    "boolean": lambda value: "true" if value else "false",
    "blob": lambda value: binascii.b2a_base64(value, newline=False).decode(),
}
