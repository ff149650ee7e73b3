"""Going through the text of a filter pattern, from its beginning to its end. Pure.

Every refusal says at which character, and quotes no more than a word of what is there.
"""

import re
from typing import Final

from keyturn.functions.refusals import ParameterError

# AWS's escapes in what is quoted: of the quotation mark, and of the escape itself.
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_BLANKS: Final = re.compile(r"\s*")
_WORD: Final = re.compile(r"\S{0,40}")


class PatternReader:
    """A place in a pattern's text, and what has been met before it.

    Attributes:
        at: the place.
        regexes, wildcards: how many there were so far.
    """

    def __init__(self, text: str) -> None:
        self.at = 0
        self.regexes = 0
        self.wildcards = 0
        self._text = text

    @property
    def next_character(self) -> str:
        """What comes next; empty at the end."""
        return self._text[self.at : self.at + 1]

    def skip_blanks(self) -> None:
        """Go on to what isn't blank."""
        self.match(_BLANKS)

    def take(self, text: str) -> bool:
        """Go behind ``text`` if it comes next, but for blanks; return whether it did."""
        self.skip_blanks()
        if not self._text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def expect(self, text: str) -> None:
        """Go behind ``text``, which comes next.

        Raises:
            ParameterError: it doesn't.
        """
        if not self.take(text):
            raise self.refusal(f"expected {text}")

    def match(self, pattern: re.Pattern[str]) -> str | None:
        """Go behind what ``pattern`` matches here, and return it; None when it doesn't match."""
        found = pattern.match(self._text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return found[0]

    def quoted(self) -> str:
        """Go behind the text in quotation marks that begins here, and return it without them.

        Raises:
            ParameterError: it doesn't end.
        """
        found = self.match(_QUOTED)
        if found is None:
            raise self.refusal("a quotation mark isn't closed")
        return _ESCAPE.sub(r"\1", found[1:-1])

    def until(self, end: str) -> str:
        """Go behind the next ``end``, and return what is before it.

        Raises:
            ParameterError: there is none.
        """
        found = self._text.find(end, self.at)
        if found < 0:
            raise self.refusal(f"{end} isn't closed")
        text, self.at = self._text[self.at : found], found + 1
        return text

    def require_end(self) -> None:
        """Refuse whatever follows but blanks.

        Raises:
            ParameterError: there is more.
        """
        self.skip_blanks()
        if self.next_character:
            raise self.refusal("the pattern should end")

    def refusal(self, reason: str) -> ParameterError:
        """Return the refusal of what is at this place."""
        word = self.match(_WORD)
        place = f"at '{word}', character {self.at - len(word or '') + 1}" if word else "at its end"
        return ParameterError(f"Invalid filter pattern: {reason}, {place}.")


def bad_term(term: str, reason: str = "") -> ParameterError:
    """Return the refusal of a term that can't be, in AWS's words, and in ours why."""
    return ParameterError(f"Invalid filter pattern: Invalid character(s) in term '{term}'{reason}")
