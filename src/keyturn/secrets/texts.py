"""The texts of one secret, as filters look at them: prepared once, for any number of claims. Pure.

The rules, which every caller may rely on:

* ``WholeTexts``: a text begins with what is claimed, and case counts.
* ``WordTexts``: each word of what is claimed begins some word of the same text, whatever their
  case.
* Words end at spaces and punctuation, before a capital that follows a small letter, before the
  last capital of several that a small letter follows, and where letters become digits. But what
  mixes two or more of ``/ - _ + = . @`` without a space between is one word, as AWS has it. What
  has neither letters nor digits is no word.
* What it takes is counted in steps, none of which takes longer than about half a microsecond,
  whatever the texts and the claims: one for a text, for every 16 characters that are searched, for
  a character that is split, and for a word that is found; two for a beginning that is looked up.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import reduce
from operator import or_
import re
from typing import Final

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

_CHARACTERS_SEARCHED_A_STEP: Final = 16
# A search may compare each of these with each character that it passes.
_CHARACTERS_SOUGHT_MAX: Final = 8
# Greater than any character of a word.
_BEYOND: Final = "\U0010ffff"


class WholeTexts:
    """Texts that a claim is compared with from their first character.

    Attributes:
        steps: what it has taken so far.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = sorted(texts)
        self.steps = len(texts)

    def have(self, beginnings: Sequence[str]) -> bool:
        """Return whether some text begins with what is claimed, which is one beginning."""
        [beginning] = beginnings
        self.steps += 2
        place = bisect_left(self._texts, beginning)
        return place < len(self._texts) and self._texts[place].startswith(beginning)


class WordTexts:
    """Texts that a claim is compared with word by word.

    Attributes:
        steps: what it has taken so far.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._lowered = "\n".join(texts).lower()
        # Every word, in order, and which texts have it: the bit with the text's number is set.
        self._words: list[str] = []
        self._holders: list[int] = []
        self._is_split = False
        self.steps = len(texts)

    def have(self, beginnings: Sequence[str]) -> bool:
        """Return whether some text has, for each beginning, a word that begins with it."""
        if not beginnings:
            return False
        if not self._is_split:
            # Most texts are ruled out without being split.
            if not self._may_have(beginnings[0]):
                return False
            self._split()
        holders = self._holders_of(beginnings[0])
        for beginning in beginnings[1:]:
            if not holders:
                return False
            holders &= self._holders_of(beginning)
        return bool(holders)

    def _may_have(self, beginning: str) -> bool:
        self.steps += 1 + len(self._lowered) // _CHARACTERS_SEARCHED_A_STEP
        return beginning[:_CHARACTERS_SOUGHT_MAX] in self._lowered

    def _split(self) -> None:
        self.steps += len(self._lowered)
        holders: dict[str, int] = {}
        for number, text in enumerate(self._texts):
            for word in words(text):
                holders[word] = holders.get(word, 0) | 1 << number
        self._words = sorted(holders)
        self._holders = [holders[word] for word in self._words]
        self._is_split = True

    def _holders_of(self, beginning: str) -> int:
        start = bisect_left(self._words, beginning)
        end = bisect_left(self._words, beginning + _BEYOND)
        self.steps += 2 + end - start
        return reduce(or_, self._holders[start:end], 0)


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
