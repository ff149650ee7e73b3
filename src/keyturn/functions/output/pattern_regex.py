r"""Regular expressions of filter patterns, matched in time that grows with the text alone. Pure.

AWS's expressions have no groups: alternatives, each a row of characters or classes with a
quantifier. So an expression is a row of places, and how far a match has come is a set of them,
kept as the bits of one number; a character of the text leads from one set to the next. No
expression and no text make it try one thing after another. Sets that were met are remembered,
which is most of the speed; what is remembered is bounded.

* What AWS's page doesn't list is refused: other symbols, ``(`` and ``)``, lazy quantifiers, ``^``
  and ``$`` within an alternative. Other symbols are written ``\xhh``.
* ``.`` is any character, the end of a line too. ``$`` is the end of the text.
* With its quantifiers written out, an expression has at most ``PLACES_MAX`` places.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/regex-expressions.html
Navarro and Raffinot, Flexible Pattern Matching in Strings, 2002, section 4.2 (extended Shift-And).
"""

from collections.abc import Callable
from dataclasses import dataclass
import re
import string
from typing import Final

from keyturn.functions.output.pattern_reader import bad_term
from keyturn.functions.refusals import ParameterError

PLACES_MAX: Final = 500
_REMEMBERED_MAX: Final = 10_000

_OPERATORS: Final = frozenset("^$?[]{}|\\*+.")
_SYMBOLS: Final = frozenset(":_#=@/;,- ")
_LITERAL: Final = frozenset(string.ascii_letters + string.digits) | _SYMBOLS
_CLASSES: Final = {
    "d": frozenset(string.digits),
    "s": frozenset(" \t\n\r\f"),
    "w": frozenset(string.ascii_letters + string.digits + "_"),
}
_QUANTIFIER: Final = re.compile(r"([?*+])|\{ *([0-9]{0,4}) *(,?) *([0-9]{0,4}) *\}")
_SIMPLE: Final = {"?": (0, 1), "*": (0, None), "+": (1, None)}
_HEX: Final = re.compile(r"[0-7][0-9A-Fa-f]")


@dataclass(frozen=True, slots=True)
class Characters:
    """Some characters; all others when ``is_negated``."""

    listed: frozenset[str]
    is_negated: bool = False

    def __contains__(self, character: str) -> bool:
        return (character in self.listed) != self.is_negated


_ANY: Final = Characters(frozenset(), is_negated=True)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a character of the text is matched; perhaps none, perhaps several."""

    characters: Characters
    is_optional: bool = False
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """A row of places, perhaps bound to the beginning or the end of the text."""

    places: list[Place]
    is_at_start: bool
    is_at_end: bool


def compile_regex(text: str) -> Callable[[str], bool]:
    """Return the test whether an expression matches anywhere in a text.

    Raises:
        ParameterError: it is none that AWS has.
    """
    reader = _Reader(text)
    alternatives = [reader.alternative()]
    while reader.take("|"):
        alternatives.append(reader.alternative())
    if not reader.is_at_end:
        raise reader.refusal()
    return _Automaton(alternatives).matches


class _Automaton:
    """All alternatives in one row of bits: one before each place, and one behind the last."""

    def __init__(self, alternatives: list[Alternative]) -> None:
        self._places: dict[int, Characters] = {}
        self._optional = self._repeated = 0
        self._anywhere = self._at_start = 0
        self._accepting = self._accepting_at_end = 0
        bit = 1
        for alternative in alternatives:
            bit = self._add(alternative, bit)
        self._anywhere = self._closed(self._anywhere)
        self._first = self._closed(self._at_start) | self._anywhere
        self._masks: dict[str, int] = {}
        self._following: dict[int, dict[str, int]] = {}
        self._remembered = 0

    def matches(self, text: str) -> bool:
        """Return whether the expression matches anywhere in ``text``."""
        state, accepting = self._first, self._accepting
        if state & accepting:
            return True
        following = self._following
        for character in text:
            row = following.get(state)
            found = None if row is None else row.get(character)
            state = self._step(state, character) if found is None else found
            if state & accepting:
                return True
        return bool(state & self._accepting_at_end)

    def _add(self, alternative: Alternative, bit: int) -> int:
        """Add an alternative from this bit on; return the bit behind it."""
        if alternative.is_at_start:
            self._at_start |= bit
        else:
            self._anywhere |= bit
        for place in alternative.places:
            if place.is_optional:
                self._optional |= bit
            bit <<= 1
            # A place is known by the bit behind it.
            self._places[bit] = place.characters
            if place.is_repeated:
                self._repeated |= bit
        if alternative.is_at_end:
            self._accepting_at_end |= bit
        else:
            self._accepting |= bit
        return bit << 1

    def _step(self, state: int, character: str) -> int:
        mask = self._masks.get(character)
        if mask is None:
            mask = sum(bit for bit, characters in self._places.items() if character in characters)
            self._masks[character] = mask
        reached = ((state << 1) | (state & self._repeated)) & mask
        found = self._closed(reached) | self._anywhere
        self._remember(state, character, found)
        return found

    def _remember(self, state: int, character: str, found: int) -> None:
        if self._remembered == _REMEMBERED_MAX:
            self._following.clear()
            self._remembered = 0
        self._following.setdefault(state, {})[character] = found
        self._remembered += 1

    def _closed(self, state: int) -> int:
        """Return the set with what is reached over optional places.

        Added to a run of set bits, one of them carries through all above it to the bit behind.
        """
        optional = self._optional
        return state | (optional ^ (optional + (state & optional)))


class _Reader:
    """Reads an expression from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._left = PLACES_MAX

    @property
    def is_at_end(self) -> bool:
        return self._at == len(self._text)

    def refusal(self) -> ParameterError:
        """Return the refusal of the expression, with the character where it goes wrong."""
        return bad_term(f"%{self._text}%", f", at character {self._at + 1} of the expression")

    def take(self, character: str) -> bool:
        if not self._text.startswith(character, self._at):
            return False
        self._at += 1
        return True

    def alternative(self) -> Alternative:
        begin = self._at
        is_at_start = self.take("^")
        places: list[Place] = []
        while not self.is_at_end and self._text[self._at] not in "|$":
            start = self._at
            more = self._quantified(self._characters())
            self._left -= len(more)
            if self._left < 0:
                self._at = start
                raise self.refusal()
            places += more
        is_at_end = self.take("$")
        if self._at == begin:
            raise self.refusal()
        return Alternative(places, is_at_start, is_at_end)

    def _quantified(self, characters: Characters) -> list[Place]:
        least, most = self._quantifier()
        places = [Place(characters)] * least
        if most is not None:
            return places + [Place(characters, is_optional=True)] * (most - least)
        if places:
            return [*places[:-1], Place(characters, is_repeated=True)]
        return [Place(characters, is_optional=True, is_repeated=True)]

    def _quantifier(self) -> tuple[int, int | None]:
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:
            return 1, 1
        simple, least_text, comma, most_text = found.groups()
        if simple:
            bounds = _SIMPLE[simple]
        else:
            least = int(least_text or 0)
            most = int(most_text) if most_text else None if comma else least
            bounds = least, most
            is_empty = not least_text and not most_text
            if (
                is_empty
                or max(least, most or 0) > PLACES_MAX
                or (most is not None and most < least)
            ):
                raise self.refusal()
        self._at = found.end()
        return bounds

    def _characters(self) -> Characters:
        if self.take("."):
            return _ANY
        if self.take("["):
            return self._class()
        if self.take("\\"):
            return self._escaped()
        return Characters(frozenset(self._literal(_LITERAL)))

    def _literal(self, allowed: frozenset[str]) -> str:
        character = self._text[self._at : self._at + 1]
        if character not in allowed:
            raise self.refusal()
        self._at += 1
        return character

    def _escaped(self) -> Characters:
        character = self._text[self._at : self._at + 1]
        if character.lower() in _CLASSES:
            self._at += 1
            return Characters(_CLASSES[character.lower()], is_negated=character.isupper())
        if self.take("x"):
            digits = _HEX.match(self._text, self._at)
            if digits is None:
                raise self.refusal()
            self._at = digits.end()
            return Characters(frozenset(chr(int(digits[0], 16))))
        return Characters(frozenset(self._literal(_OPERATORS | _SYMBOLS)))

    def _class(self) -> Characters:
        is_negated = self.take("^")
        listed: set[str] = set()
        start = self._at
        while self._at == start or not self.take("]"):
            listed |= self._range()
        return Characters(frozenset(listed), is_negated)

    def _range(self) -> frozenset[str]:
        first = self._class_member()
        ends = self._text[self._at + 1 : self._at + 2]
        if len(first) != 1 or ends in ("]", "") or not self.take("-"):
            return first
        last = self._class_member()
        (low,), (high,) = first, last if len(last) == 1 else first
        if len(last) != 1 or low > high:
            raise self.refusal()
        return frozenset(map(chr, range(ord(low), ord(high) + 1)))

    def _class_member(self) -> frozenset[str]:
        if not self.take("\\"):
            return frozenset(self._literal(_LITERAL | _OPERATORS - {"[", "]", "\\"}))
        characters = self._escaped()
        if characters.is_negated:
            # Within a class: all of ASCII but these.
            return frozenset(map(chr, range(128))) - characters.listed
        return characters.listed
