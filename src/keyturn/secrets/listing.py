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
* A value without words matches nothing where words are matched.
* A page ends early when it has taken ``STEPS_PER_PAGE_MAX`` steps, however much is asked of
  however long texts.

It does not know what a word is (``keyturn.secrets.texts``), nor read secrets
(``keyturn.store.secret_listing``), nor the tokens that join pages.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Filter.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html, which calls
``description`` a prefix match where the service matches words.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from typing import Any, Final

from keyturn.model.errors import InvalidInputError
from keyturn.model.listing import Outline, Position
from keyturn.secrets.texts import WholeTexts, WordTexts, words

#: About a second at most (``keyturn.secrets.texts``). A filter on a secret with a few short texts
#: takes some dozen steps; ten of them, of ten values, on one with 50 long tags take 100,000.
STEPS_PER_PAGE_MAX: Final = 2_000_000

_NEGATION: Final = "!"
_MATCHED_BY_WORDS: Final = frozenset({"description", "all"})


class FilterKeyMissingError(InvalidInputError):
    """A filter doesn't say what it is about."""


class FilterValuesMissingError(InvalidInputError):
    """A filter doesn't say what it looks for."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Claim:
    """One value of a filter, without its ``!``.

    Attributes:
        beginnings: what one text must have, each at the beginning of a word: the value's words,
            the longest first. Where whole texts are matched, the value itself.
    """

    beginnings: tuple[str, ...]
    is_negated: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked at, and what is claimed of it."""

    key: str
    claims: tuple[Claim, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What looking at one secret came to.

    Attributes:
        steps: what it took, one at least.
    """

    is_wanted: bool
    steps: int = 1


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
    return tuple(dict.fromkeys(_filter(members) for members in filters))


def look(filters: Iterable[Filter], outline: Outline) -> Look:
    """Return whether every filter holds for a secret."""
    prepared: dict[str, WholeTexts | WordTexts] = {}

    def holds(one: Filter) -> bool:
        if one.key not in prepared:
            prepared[one.key] = _texts(one.key, outline)
        texts = prepared[one.key]
        return any(texts.have(claim.beginnings) != claim.is_negated for claim in one.claims)

    is_wanted = all(map(holds, filters))
    return Look(is_wanted, 1 + sum(texts.steps for texts in prepared.values()))


def name_prefix(filters: Iterable[Filter]) -> str:
    """Return what the name of every secret that matches begins with; often nothing."""
    shared = [
        commonprefix([claim.beginnings[0] for claim in each.claims])  # noqa: RUF071 - of characters
        for each in filters
        if each.key == "name" and not any(claim.is_negated for claim in each.claims)
    ]
    return max(shared, key=len, default="")


def take(
    outlines: Iterable[Outline],
    look_at: Callable[[Outline], Look],
    *,
    most: int,
    looked_at_max: int,
    steps_max: int,
) -> Taken:
    """Return those that are wanted, until the page is full or looking at more takes too long.

    At least one is looked at, so that a listing ends whatever it takes.
    """
    found: list[Outline] = []
    steps = 0
    last = None
    for number, outline in enumerate(outlines):
        if number == looked_at_max or steps >= steps_max:
            return Taken(tuple(found), last)
        seen = look_at(outline)
        steps += seen.steps
        if seen.is_wanted and len(found) == most:
            return Taken(tuple(found), last)
        if seen.is_wanted:
            found.append(outline)
        last = outline.position
    return Taken(tuple(found), None)


def _filter(members: Mapping[str, Any]) -> Filter:
    key = members.get("Key")
    if not key:
        raise FilterKeyMissingError
    values = members.get("Values")
    if not values:
        raise FilterValuesMissingError(key)
    return Filter(key, tuple(dict.fromkeys(_claim(key, value) for value in values)))


def _claim(key: str, value: str) -> Claim:
    text = value.removeprefix(_NEGATION)
    beginnings = _necessary(words(text)) if key in _MATCHED_BY_WORDS else (text,)
    return Claim(beginnings, is_negated=value.startswith(_NEGATION))


def _necessary(beginnings: Iterable[str]) -> tuple[str, ...]:
    """Return each once, the longest first, without those that another begins with."""
    necessary: list[str] = []
    # In this order, what begins with a text stands right before it.
    for each in sorted(set(beginnings), reverse=True):
        if not (necessary and necessary[-1].startswith(each)):
            necessary.append(each)
    return tuple(sorted(necessary, key=len, reverse=True))


def _texts(key: str, outline: Outline) -> WholeTexts | WordTexts:
    texts = [text for text in _TEXTS[key](outline) if text is not None]
    return WordTexts(texts) if key in _MATCHED_BY_WORDS else WholeTexts(texts)


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
