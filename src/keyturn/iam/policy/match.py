"""Whether a text matches a pattern of IAM's: ``*`` is any characters, ``?`` is any one.

* ``${*}``, ``${?}`` and ``${$}`` are those characters themselves.
* No pattern takes longer than the product of both lengths: every ``*`` but the last settles for
  the first place where what follows it fits, which a longer stretch could never better.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

from collections.abc import Callable
from functools import lru_cache
import re
from typing import Final

_MATCHERS_CACHED_MAX: Final = 4096
_ARN_FIELDS: Final = 6

Matcher = Callable[[str], object]
"""Says yes with anything that is true."""

_STARS: Final = re.compile(r"(?<!\$\{)\*+")
_TOKEN: Final = re.compile(r"\$\{([*?$])\}|(\?)|[^$?]+|\$", re.DOTALL)
_ESCAPE: Final = re.compile(r"\$\{([*?$])\}")
_SPECIAL: Final = re.compile(r"[*?$]")


def escaped(text: str) -> str:
    """Return the pattern that matches ``text`` alone."""
    return _SPECIAL.sub(r"${\g<0>}", text)


def unescaped(pattern: str) -> str:
    """Return the text that ``pattern`` matches if its wildcards are taken for themselves."""
    return _ESCAPE.sub(r"\1", pattern)


@lru_cache(_MATCHERS_CACHED_MAX)
def matcher(pattern: str) -> Matcher:
    """Return the test for a pattern, the quickest that the pattern allows."""
    if pattern == "*":
        return lambda _text: True
    head = pattern.removesuffix("*")
    if not _SPECIAL.search(head):
        return pattern.__eq__ if head == pattern else lambda text: text.startswith(head)
    return re.compile(_expression(pattern), re.DOTALL).fullmatch


@lru_cache(_MATCHERS_CACHED_MAX)
def arn_matcher(pattern: str) -> Matcher:
    """Return the test for an ARN, each of whose fields must match on its own.

    Raises:
        ValueError: the pattern doesn't have an ARN's fields.
    """
    fields = pattern.split(":", _ARN_FIELDS - 1)
    if len(fields) != _ARN_FIELDS:
        raise ValueError("an ARN has six fields")
    matchers = tuple(matcher(field) for field in fields)

    def matches(text: str) -> bool:
        parts = text.split(":", _ARN_FIELDS - 1)
        return len(parts) == _ARN_FIELDS and all(
            test(part) for test, part in zip(matchers, parts, strict=True)
        )

    return matches


def _expression(pattern: str) -> str:
    head, *rest = map(_literal, _STARS.split(pattern))
    if not rest:
        return head
    *middle, tail = rest
    # Atomic groups: what they have matched is never tried otherwise.
    return head + "".join(f"(?>.*?{piece})" for piece in middle) + f".*{tail}"


def _literal(piece: str) -> str:
    return "".join(
        "." if token[2] else re.escape(token[1] or token[0]) for token in _TOKEN.finditer(piece)
    )
