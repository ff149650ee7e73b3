"""What the tags of a user or a role may be. Pure.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
"""

from collections.abc import Mapping
from typing import Final

from keyturn.iam.names import check_range
from keyturn.iam.refusals import TooManyTagsError

TAGS_MAX: Final = 50
TAG_KEY_CHARACTERS_MAX: Final = 128
TAG_VALUE_CHARACTERS_MAX: Final = 256


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse tags that can't be.

    Raises:
        TooManyTagsError: there are more than AWS allows.
        OutOfRangeError: a key or a value is too long.
    """
    if len(tags) > TAGS_MAX:
        raise TooManyTagsError
    for key, value in tags.items():
        check_range("key", len(key), 1, TAG_KEY_CHARACTERS_MAX)
        check_range("value", len(value), 0, TAG_VALUE_CHARACTERS_MAX)
