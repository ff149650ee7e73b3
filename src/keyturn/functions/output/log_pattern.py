"""A filter pattern of CloudWatch Logs for plain texts. Pure.

Terms are separated by spaces, or quoted; every one must occur, ``-term`` must not, and of the
``?term`` ones at least one must. Patterns that look into JSON or columns aren't served.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from collections.abc import Callable
import re
from typing import Final

from keyturn.functions.refusals import ParameterError

_TERM: Final = re.compile(r'\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))')


def read_pattern(text: str) -> Callable[[str], bool]:
    """Return the test that a pattern means.

    Raises:
        ParameterError: it is of a kind that isn't served, or no pattern at all.
    """
    if text.lstrip().startswith(("{", "[", "%")):
        raise ParameterError(
            "Filter patterns for JSON, columns and regular expressions aren't served; use terms."
        )
    terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
    at = 0
    while at < len(text.rstrip()):
        match = _TERM.match(text, at)
        if match is None:
            raise ParameterError("Invalid filter pattern: a quotation mark isn't closed.")
        sign, quoted, plain = match.groups()
        terms[sign].append(plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        at = match.end()
    return lambda message: _matches(message, terms)


def _matches(message: str, terms: dict[str, list[str]]) -> bool:
    if any(term in message for term in terms["-"]):
        return False
    if terms["?"] and not any(term in message for term in terms["?"]):
        return False
    return all(term in message for term in terms[""])
