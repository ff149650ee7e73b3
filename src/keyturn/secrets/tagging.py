"""The tags of a secret. Pure.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_TagResource.html
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
    if any(key.lower().startswith(_RESERVED_PREFIX) for key in added):
        raise ReservedTagError
    merged = {**(tags or {}), **added}
    if len(merged) > TAGS_PER_SECRET_MAX:
        raise TooManyTagsError
    return merged


def without_tags(tags: Tags | None, removed: Iterable[str]) -> Tags | None:
    """Return ``tags`` without some keys; a secret that was never tagged stays so."""
    if tags is None:
        return None
    gone = set(removed)
    return {key: value for key, value in tags.items() if key not in gone}
