"""The tags of a secret. Pure.

Tags whose keys begin with ``aws:`` are the system's: no user sets one, takes one away or gives it
another value, and they don't count against the limit.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html and
https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
"""

from collections.abc import Iterable, Mapping

from keyturn.model.limits import TAGS_PER_SECRET_MAX
from keyturn.model.secret import Tags
from keyturn.secrets.refusals import ReservedTagError, TagKeyMissingError, TooManyTagsError

_RESERVED_PREFIX = "aws:"


def with_tags(tags: Tags | None, added: Mapping[str, str]) -> Tags:
    """Return ``tags`` with some added or given another value.

    Raises:
        TagKeyMissingError: a key is empty.
        ReservedTagError: a key begins with ``aws:``.
        TooManyTagsError: there would be more than AWS allows.
    """
    if "" in added:
        raise TagKeyMissingError
    _refuse_reserved(added)
    merged = {**(tags or {}), **added}
    if sum(not _is_reserved(key) for key in merged) > TAGS_PER_SECRET_MAX:
        raise TooManyTagsError
    return merged


def without_tags(tags: Tags | None, removed: Iterable[str]) -> Tags | None:
    """Return ``tags`` without some keys; a secret that was never tagged stays so.

    Raises:
        ReservedTagError: a key begins with ``aws:``.
    """
    gone = set(removed)
    _refuse_reserved(gone)
    if tags is None:
        return None
    return {key: value for key, value in tags.items() if key not in gone}


def _refuse_reserved(keys: Iterable[str]) -> None:
    if any(map(_is_reserved, keys)):
        raise ReservedTagError


def _is_reserved(key: str) -> bool:
    return key.lower().startswith(_RESERVED_PREFIX)
