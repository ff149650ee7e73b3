"""Which secrets a listing is asked for. Pure.

The rules of a filter, which every caller may rely on:

* ``name``, ``tag-key``, ``tag-value``, ``primary-region`` and ``owning-service`` match the
  beginning of the whole text, and case counts. ``description`` and ``all`` match words, whatever
  their case: each word of the value must begin some word of the same text. ``all`` looks at the
  name, the description, and each tag's key and value.
* A value that begins with ``!`` holds for exactly those secrets that the rest doesn't match, those
  without such a text among them.
* Every filter must hold. Of the values in one filter one must hold, negated or not: ``["!a",
  "!b"]`` is "not a, or not b". "Neither a nor b" is two filters.
* Words end at spaces and punctuation, before a capital that follows a small letter, before the
  last capital of several that a small letter follows, and where letters become digits. But what
  mixes two or more of ``/ - _ + = . @`` without a space between is one word, as AWS has it. What
  has neither letters nor digits is no word, and a value without words matches nothing.

It does not read secrets (``keyturn.store.secret_listing``), nor the tokens that join pages.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html, which calls
``description`` a prefix match where the service matches words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
import re
from typing import Any, Final

from keyturn.model.errors import InvalidInputError
from keyturn.model.listing import Outline, Position

_NEGATION: Final = "!"
_MATCHED_BY_WORDS: Final = frozenset({"description", "all"})
_SPECIAL: Final = "/-_+=.@"

# What has no space and no other punctuation in it.
_PIECE: Final = re.compile(rf"(?:[^\W_]|[{re.escape(_SPECIAL)}])+")
_SPECIALS: Final = re.compile(f"[{re.escape(_SPECIAL)}]")
_LETTER_OR_DIGIT: Final = re.compile(r"[^\W_]")
_WORD_BEGINS: Final = re.compile(
    r"(?<=[a-z])(?=[A-Z])"  # prod|App
    r"|(?=[A-Z][a-z])"  # COMPAN|Ything
    r"|(?<=[A-Za-z])(?=[0-9])"  # Database|892
)


class FilterKeyMissingError(InvalidInputError):
    """A filter doesn't say what it is about."""


class FilterValuesMissingError(InvalidInputError):
    """A filter doesn't say what it looks for."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Claim:
    """One value of a filter, without its ``!``."""

    text: str
    words: tuple[str, ...]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked at, and what is claimed of it."""

    key: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """One page of a listing.

    Attributes:
        more_after: where the next page begins, if there may be one.
    """

    found: tuple[Outline, ...]
    more_after: Position | None


def parse(filters: Iterable[Mapping[str, Any]]) -> tuple[Filter, ...]:
    """Return the filters of a request.

    Raises:
        FilterKeyMissingError, FilterValuesMissingError: one of them is incomplete.
    """
    return tuple(_filter(members) for members in filters)


def matches(filters: Iterable[Filter], outline: Outline) -> bool:
    """Return whether every filter holds for a secret."""
    return all(_holds(each, outline) for each in filters)


def name_prefix(filters: Iterable[Filter]) -> str:
    """Return what the name of every secret that matches begins with; often nothing."""
    shared = [
        commonprefix([claim.text for claim in each.claims])  # noqa: RUF071 - of characters
        for each in filters
        if each.key == "name" and not any(claim.is_negated for claim in each.claims)
    ]
    return max(shared, key=len, default="")


def take(
    outlines: Iterable[Outline],
    is_wanted: Callable[[Outline], bool],
    *,
    most: int,
    looked_at_max: int,
) -> Taken:
    """Return those that are wanted, until the page is full or enough have been looked at."""
    found: list[Outline] = []
    last = None
    for number, outline in enumerate(outlines):
        wanted = is_wanted(outline)
        if number == looked_at_max or (wanted and len(found) == most):
            return Taken(tuple(found), last)
        if wanted:
            found.append(outline)
        last = outline.position
    return Taken(tuple(found), None)


def words(text: str) -> list[str]:
    """Return the words of a text, in small letters."""
    return [word.lower() for piece in _PIECE.findall(text) for word in _words_of_piece(piece)]


def _words_of_piece(piece: str) -> list[str]:
    if not _LETTER_OR_DIGIT.search(piece):
        return []
    if len(set(_SPECIALS.findall(piece))) > 1:
        return [piece]
    parts = _SPECIALS.split(piece)
    return [word for part in parts for word in _WORD_BEGINS.split(part) if word]


def _filter(members: Mapping[str, Any]) -> Filter:
    key = members.get("Key")
    if not key:
        raise FilterKeyMissingError
    values = members.get("Values")
    if not values:
        raise FilterValuesMissingError(key)
    return Filter(key, tuple(_claim(value) for value in values))


def _claim(value: str) -> Claim:
    text = value.removeprefix(_NEGATION)
    return Claim(text, tuple(words(text)), is_negated=value.startswith(_NEGATION))


def _holds(one: Filter, outline: Outline) -> bool:
    texts = [text for text in _TEXTS[one.key](outline) if text is not None]
    matches_text = _begins_words if one.key in _MATCHED_BY_WORDS else _begins
    return any(
        any(matches_text(claim, text) for text in texts) != claim.is_negated
        for claim in one.claims
    )


def _begins(claim: Claim, text: str) -> bool:
    return text.startswith(claim.text)


def _begins_words(claim: Claim, text: str) -> bool:
    # Most texts are ruled out without being split.
    lowered = text.lower()
    if not claim.words or not all(wanted in lowered for wanted in claim.words):
        return False
    split = words(text)
    return all(any(word.startswith(wanted) for word in split) for wanted in claim.words)


_TEXTS: Final[Mapping[str, Callable[[Outline], Sequence[str | None]]]] = {
    "name": lambda outline: (outline.name,),
    "description": lambda outline: (outline.description,),
    "tag-key": lambda outline: tuple(outline.tags or {}),
    "tag-value": lambda outline: tuple((outline.tags or {}).values()),
    "primary-region": lambda outline: (outline.primary_region,),
    "owning-service": lambda outline: (outline.owning_service,),
    "all": lambda outline: (
        *(outline.name, outline.description),
        *(outline.tags or {}),
        *(outline.tags or {}).values(),
    ),
}
