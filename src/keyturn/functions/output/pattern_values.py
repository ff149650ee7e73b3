"""What a filter pattern asks of one value: ``= "x*"``, ``> 1e3``, ``!= %regex%``. Pure.

* A text matches as a whole. A ``*`` at its beginning or end stands for any text, within it for
  itself.
* A number is compared as one with whatever is written as a number; every other value is unequal to
  it, and neither less nor greater.
* A regular expression is looked for anywhere in the value. A pattern has no more than
  ``REGEXES_MAX``.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
import operator
import re
from typing import Final

from keyturn.functions.output.pattern_reader import PatternReader
from keyturn.functions.output.pattern_regex import compile_regex

REGEXES_MAX: Final = 2

Test = Callable[[str], bool]

_OPERATOR: Final = re.compile(r"!=|<=|>=|=|<|>")
_ORDERS: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# What stands without quotation marks: AWS's examples have 123.123.*, *.html* and numbers.
_PLAIN: Final = re.compile(rf"{_NUMBER.pattern}(?![A-Za-z0-9_.*])|[A-Za-z0-9_.*]+")


def read_test(reader: PatternReader) -> Test:
    """Return the test that an operator and what follows it mean.

    Raises:
        ParameterError: they mean nothing.
    """
    reader.skip_blanks()
    sign = reader.match(_OPERATOR)
    if sign is None:
        raise reader.refusal("expected one of = != < <= > >=")
    reader.skip_blanks()
    if sign in _ORDERS:
        return _ordered(_ORDERS[sign], _limit(reader))
    equals = _equality(reader)
    return equals if sign == "=" else lambda value: not equals(value)


def read_regex(reader: PatternReader) -> Test:
    """Return the test that a regular expression between two ``%`` means.

    Raises:
        ParameterError: it is none, or one too many.
    """
    reader.expect("%")
    reader.regexes += 1
    if reader.regexes > REGEXES_MAX:
        raise reader.refusal(f"a pattern has at most {REGEXES_MAX} regular expressions")
    return compile_regex(reader.until("%"))


def _equality(reader: PatternReader) -> Test:
    if reader.next_character == "%":
        return read_regex(reader)
    if reader.next_character == '"':
        return _text(reader.quoted())
    plain = reader.match(_PLAIN)
    if plain is None:
        raise reader.refusal("expected a value, in quotation marks unless it is a plain word")
    number = _number(plain)
    return _text(plain) if number is None else lambda value: _number(value) == number


def _limit(reader: PatternReader) -> Decimal:
    at = reader.at
    number = _number(reader.match(_PLAIN) or "")
    if number is None:
        reader.at = at
        raise reader.refusal("expected a number")
    return number


def _ordered(is_in_order: Callable[[Decimal, Decimal], bool], limit: Decimal) -> Test:
    def test(value: str) -> bool:
        number = _number(value)
        return number is not None and is_in_order(number, limit)

    return test


def _text(text: str) -> Test:
    if text == "*":
        return lambda _: True
    core = text.removeprefix("*").removesuffix("*")
    match text.startswith("*"), text.endswith("*"):
        case True, True:
            return lambda value: core in value
        case True, False:
            return lambda value: value.endswith(core)
        case False, True:
            return lambda value: value.startswith(core)
        case _:
            return lambda value: value == core


def _number(text: str) -> Decimal | None:
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent beyond what the library counts with.
        return None
