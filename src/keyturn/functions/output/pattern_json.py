"""Filter patterns that look into JSON: ``{ $.a.b[0] = "x*" && $.n > 3 }``. Pure.

* A selector leads to values. It may have one wildcard, ``.*`` or ``[*]``: then one value that
  meets the condition is enough. A pattern has at most ``WILDCARDS_MAX`` of them.
* ``=``, ``!=`` and the orders are about texts and numbers. An object, an array, ``true``, ``null``
  and what doesn't exist meet none of them, not even ``!=``.
* A message that isn't JSON doesn't match.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/matching-terms-json-log-events.html
"""

from collections.abc import Callable, Iterable
from functools import partial
import json
import re
from typing import Any, Final

from keyturn.functions.output.pattern_expression import read_expression
from keyturn.functions.output.pattern_reader import PatternReader
from keyturn.functions.output.pattern_values import Test, read_test

WILDCARDS_MAX: Final = 3

# A key, an index, or None for the wildcard of either.
Step = tuple[str, str | int | None]
Condition = Callable[[Any], bool]

_KEY, _INDEX = "key", "index"
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED_NAME: Final = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_DIGITS: Final = re.compile(r"[0-9]{1,9}")
_KEYWORD: Final = re.compile(r"[A-Za-z]+(?:\s+[A-Za-z]+)?")
_STATES: Final = {"NULL": None, "TRUE": True, "FALSE": False}


class _Number(str):
    """A number as it is written: what it is compared with decides what it is read as."""

    __slots__ = ()


def read_json(reader: PatternReader) -> Callable[[str], bool]:
    """Return the test that a pattern in braces means.

    Raises:
        ParameterError: it means nothing.
    """
    reader.expect("{")
    condition = read_expression(reader, _condition)
    reader.expect("}")

    def matches(message: str) -> bool:
        document = _document(message)
        return document is not None and condition(document)

    return matches


def _condition(reader: PatternReader) -> Condition:
    steps = _selector(reader)
    keywords = re.sub(r"\s+", " ", reader.match(_KEYWORD) or "").upper()
    if keywords == "NOT EXISTS":
        return lambda document: not any(True for _ in _values(document, steps))
    state = keywords.removeprefix("IS ")
    if keywords.startswith("IS ") and state in _STATES:
        return partial(_is, steps, _STATES[state])
    if keywords:
        raise reader.refusal(f"{keywords} is none of IS NULL, IS TRUE, IS FALSE and NOT EXISTS")
    return partial(_has, steps, read_test(reader))


def _is(steps: list[Step], state: object, document: object) -> bool:
    return any(value is state for value in _values(document, steps))


def _has(steps: list[Step], test: Test, document: object) -> bool:
    return any(isinstance(value, str) and test(value) for value in _values(document, steps))


def _selector(reader: PatternReader) -> list[Step]:
    reader.expect("$")
    steps: list[Step] = []
    while reader.next_character in (".", "["):
        steps.append(_step(reader))
    if not steps:
        raise reader.refusal("expected . behind $")
    wildcards = sum(wanted is None for _, wanted in steps)
    reader.wildcards += wildcards
    if wildcards > 1 or reader.wildcards > WILDCARDS_MAX:
        raise reader.refusal(
            f"a selector has at most one wildcard, a pattern at most {WILDCARDS_MAX}"
        )
    reader.skip_blanks()
    return steps


def _step(reader: PatternReader) -> Step:
    if reader.take("."):
        if reader.take("*"):
            return _KEY, None
        if reader.next_character != "[":
            name = reader.match(_NAME)
            if name is None:
                raise reader.refusal("expected the name of a property")
            return _KEY, name
    reader.expect("[")
    step = _in_brackets(reader)
    reader.expect("]")
    return step


def _in_brackets(reader: PatternReader) -> Step:
    if reader.take("*"):
        return _INDEX, None
    if (name := reader.match(_QUOTED_NAME)) is not None:
        return _KEY, name[1:-1]
    if (digits := reader.match(_DIGITS)) is not None:
        return _INDEX, int(digits)
    raise reader.refusal("expected an index, * or a name in quotation marks")


def _values(document: object, steps: list[Step]) -> Iterable[object]:
    """Return what a selector leads to."""
    values: Iterable[object] = (document,)
    for kind, wanted in steps:
        values = [below for value in values for below in _below(value, kind, wanted)]
    return values


def _below(value: object, kind: str, wanted: str | int | None) -> Iterable[object]:
    if kind == _KEY and isinstance(value, dict):
        if wanted is None:
            return value.values()
        return (value[wanted],) if wanted in value else ()
    if kind == _INDEX and isinstance(value, list):
        if wanted is None:
            return value
        return (value[wanted],) if isinstance(wanted, int) and wanted < len(value) else ()
    return ()


def _document(message: str) -> object:
    """Return the object or array that a message is; None for any other."""
    if not message.lstrip().startswith(("{", "[")):
        return None
    try:
        document: object = json.loads(
            message, parse_int=_Number, parse_float=_Number, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError):
        return None
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(name)
