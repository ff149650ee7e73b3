"""Filter patterns for columns: ``[ip, ..., status = 4* || status = 500, bytes]``. Pure.

* Columns are separated by blanks. What is in brackets or quotation marks is one column, without
  them.
* A message matches that has a column for each name, of which every condition holds. The last name
  has all that is left of the message: AWS's ``[w1=ERROR, w2]`` matches a message of many words.
* ``...``, once, stands for any number of columns; the names behind it count from the end.
* The conditions on a column name that column.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html, "Using
filter patterns to match terms in space-delimited log events".
"""

from collections.abc import Callable
from functools import partial
import re
from typing import Final

from keyturn.functions.output.pattern_expression import read_expression
from keyturn.functions.output.pattern_reader import PatternReader
from keyturn.functions.output.pattern_values import Test, read_test

_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")
_ELLIPSIS: Final = "..."
_CLOSING: Final = {"[": "]", '"': '"'}
_WORD: Final = re.compile(r"\S+")
_BLANKS: Final = re.compile(r"\s*")


def read_columns(reader: PatternReader) -> Callable[[str], bool]:
    """Return the test that a pattern in brackets means.

    Raises:
        ParameterError: it means nothing.
    """
    reader.expect("[")
    tests: list[Test | None] = []
    ellipsis_at: int | None = None
    while True:
        if reader.take(_ELLIPSIS):
            if ellipsis_at is not None:
                raise reader.refusal(f"{_ELLIPSIS} may stand once")
            ellipsis_at = len(tests)
        else:
            tests.append(_column(reader))
        if not reader.take(","):
            break
    reader.expect("]")
    if ellipsis_at is None:
        return partial(_matches_all, tests)
    return partial(_matches_around, tests[:ellipsis_at], tests[ellipsis_at:])


def _column(reader: PatternReader) -> Test | None:
    """Return the condition on a column; None where it has none, nor perhaps a name."""
    reader.skip_blanks()
    start = reader.at
    # Parentheses may stand before the name.
    has_parentheses = reader.take("(")
    name = reader.match(_NAME) if not has_parentheses else None
    reader.skip_blanks()
    if not has_parentheses and reader.next_character in (",", "]", ""):
        return None
    reader.at = start
    return read_expression(reader, _Conditions(name))


class _Conditions:
    """Reads conditions on one column, whose name is that of the first."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __call__(self, reader: PatternReader) -> Test:
        reader.skip_blanks()
        start = reader.at
        name = reader.match(_NAME)
        self._name = self._name or name
        if name is None or name != self._name:
            reader.at = start
            raise reader.refusal(f"expected the column's name{_quoted(self._name)}")
        return read_test(reader)


def _quoted(name: str | None) -> str:
    return "" if name is None else f" {name}"


def _matches_all(tests: list[Test | None], message: str) -> bool:
    columns = _split(message, len(tests))
    return len(columns) == len(tests) and _hold(tests, columns)


def _matches_around(first: list[Test | None], last: list[Test | None], message: str) -> bool:
    columns = _split(message)
    if len(columns) < len(first) + len(last):
        return False
    behind = columns[len(columns) - len(last) :]
    return _hold(first, columns[: len(first)]) and _hold(last, behind)


def _hold(tests: list[Test | None], columns: list[str]) -> bool:
    return all(test is None or test(column) for test, column in zip(tests, columns, strict=True))


def _split(message: str, most: int | None = None) -> list[str]:
    """Return the columns of a message; the last of ``most`` is all that is left."""
    columns: list[str] = []
    # Once there is no closing one any more, there is none further on: nobody looks again.
    closing = dict(_CLOSING)
    at = _behind_blanks(message, 0)
    while at < len(message):
        column, behind = _next_column(message, at, closing)
        behind = _behind_blanks(message, behind)
        if len(columns) + 1 == most and behind < len(message):
            return [*columns, message[at:].rstrip()]
        columns.append(column)
        at = behind
    return columns


def _next_column(message: str, at: int, closing: dict[str, str]) -> tuple[str, int]:
    opening = message[at]
    if opening in closing:
        end = message.find(closing[opening], at + 1)
        if end > 0:
            return message[at + 1 : end], end + 1
        del closing[opening]
    word = _WORD.match(message, at)
    assert word is not None, "blanks were skipped"
    return word[0], word.end()


def _behind_blanks(message: str, at: int) -> int:
    blanks = _BLANKS.match(message, at)
    assert blanks is not None, "no blanks are some"
    return blanks.end()
