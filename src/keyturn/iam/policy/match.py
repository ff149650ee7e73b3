"""Whether a text matches a pattern of IAM's: ``*`` is any characters, ``?`` is any one.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

_MATCHERS_CACHED_MAX: Final = 4096

Matcher = Callable[[str], bool]


@lru_cache(_MATCHERS_CACHED_MAX)
def matcher(pattern: str) -> Matcher:
    """Return the test for a pattern, the quickest that the pattern allows."""
    if pattern == "*":
        return lambda _text: True
    if "*" not in pattern and "?" not in pattern:
        return pattern.__eq__
    head = pattern[:-1]
    if pattern.endswith("*") and "*" not in head and "?" not in head:
        return lambda text: text.startswith(head)
    return lambda text: _matches(pattern, text)


def _matches(pattern: str, text: str) -> bool:
    """Match greedily, going back to the last star only: linear for any pattern that people write.

    At worst the time is the product of both lengths, never exponential.
    """
    at, within, star, resume = 0, 0, -1, 0
    while at < len(text):
        if within < len(pattern) and pattern[within] == "*":
            star, resume, within = within, at, within + 1
        elif within < len(pattern) and pattern[within] in ("?", text[at]):
            at, within = at + 1, within + 1
        elif star >= 0:
            resume += 1
            at, within = resume, star + 1
        else:
            return False
    return pattern[within:].strip("*") == ""
