"""The tags of a function. Pure.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
"""

from collections.abc import Iterable, Mapping
from typing import Final

from keyturn.functions.refusals import ParameterError

TAGS_MAX: Final = 50
_RESERVED_PREFIX: Final = "aws:"

Tags = Mapping[str, str]


def with_tags(tags: Tags | None, added: Tags) -> Tags:
    """Return ``tags`` with some added or given another value.

    Raises:
        ParameterError: a key begins with ``aws:``, or there would be too many.
    """
    if any(key.lower().startswith(_RESERVED_PREFIX) for key in added):
        raise ParameterError(f"A tag's key can't begin with {_RESERVED_PREFIX}: AWS reserves it.")
    merged = {**(tags or {}), **added}
    if len(merged) > TAGS_MAX:
        raise ParameterError("Number of tags exceeds resource tag limit.")
    return merged


def without_tags(tags: Tags | None, removed: Iterable[str]) -> Tags:
    """Return ``tags`` without some keys."""
    gone = set(removed)
    return {key: value for key, value in (tags or {}).items() if key not in gone}
