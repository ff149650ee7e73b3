"""The search that is the most work: the longest secret, and filters that no word rules out.

look(parse(hardest_filters()), Outline(position=..., name="a", **long_members()))
"""

from string import ascii_lowercase
from typing import Any, Final

from keyturn.model.limits import TAGS_PER_SECRET_MAX

# AWS: DescriptionType, TagKeyType, TagValueType, FiltersListType and FilterValuesStringList in
# botocore's service model.
_DESCRIPTION_CHARACTERS_MAX: Final = 2048
_TAG_KEY_CHARACTERS_MAX: Final = 128
_TAG_VALUE_CHARACTERS_MAX: Final = 256
_FILTERS_MAX: Final = 10
_VALUES_PER_FILTER_MAX: Final = 10

_WORDS: Final = "".join(f"{one}{two} " for one in ascii_lowercase for two in ascii_lowercase)


def long_members() -> dict[str, Any]:
    """Return a description and tags: as many as there may be, as long as they may be."""
    tags = {
        f"{number:02} {_WORDS[number:]}"[:_TAG_KEY_CHARACTERS_MAX]: _WORDS[number:][
            :_TAG_VALUE_CHARACTERS_MAX
        ]
        for number in range(TAGS_PER_SECRET_MAX)
    }
    return {"description": _WORDS[:_DESCRIPTION_CHARACTERS_MAX], "tags": tags}


def hardest_filters() -> list[dict[str, Any]]:
    """Return as many filters as there may be, all of which hold, each by its last value."""
    return [
        {
            "Key": "all",
            "Values": [
                *(excluding(number, end) for number in range(_VALUES_PER_FILTER_MAX - 1)),
                "!!",
            ],
        }
        for end in ascii_lowercase[:_FILTERS_MAX]
    ]


def excluding(number: int, end: str) -> str:
    """Return a value that doesn't hold: its words begin all words of the description."""
    return f"!{' '.join(ascii_lowercase)} {ascii_lowercase[number]}{end}"
