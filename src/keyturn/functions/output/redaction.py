"""Takes secret values out of texts. Pure.

The rules, which every caller may rely on, in letters as ``keyturn.functions.output.spellings`` has
them:

* ``RUN_LETTERS`` letters in a row that are also in a row in a value are taken out, however they
  are spelled, and over whatever ends of lines they are spread: no fragment so long is left.
* A value shorter than that is taken out where all of it stands, in one piece or with something
  after each letter: ``late start`` isn't ``test``.
* A value of fewer than ``VALUE_LETTERS_MIN`` letters is no secret, and would blot out too much.
* A text in which nothing of this is found comes back as it was, to the letter.

Finding is linear in the text, whatever the number of values: of each value, every fourth group of
four letters is kept, and each group of the text is looked up. Where one is found, the runs around
it are.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

from keyturn.functions.output.spellings import LINE_HEAD, Reading, readings, readings_of_value

RUN_LETTERS: Final = 8
VALUE_LETTERS_MIN: Final = 4
REDACTED: Final = "***"
_GROUP_LETTERS: Final = 4

Span = tuple[int, int]


class Redactor:
    """Knows values, and takes them out of texts. Values may be added while others redact."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._groups: set[int] = set()
        self._runs: set[bytes] = set()
        self._short: dict[bytes, list[bool]] = {}
        self._is_ascii = True
        for value in values:
            self.add(value)

    def add(self, value: str) -> int:
        """Take ``value`` out of texts from now on; return how many letters are looked for."""
        return sum(map(self._add, readings_of_value(value)))

    def _add(self, reading: Reading) -> int:
        letters = reading.letters
        if len(letters) < VALUE_LETTERS_MIN:
            return 0
        self._is_ascii = self._is_ascii and reading.text.isascii()
        if len(letters) < RUN_LETTERS:
            self._short[letters] = _gaps(reading, 0, len(letters))
        else:
            last = len(letters) - RUN_LETTERS
            self._runs.update(letters[at : at + RUN_LETTERS] for at in range(last + 1))
        self._groups.update(_groups(letters))
        return len(letters)

    def redact(self, text: str) -> str:
        """Return a text without the values, as ``redact_lines`` does."""
        return self.redact_lines([text])[0]

    def redact_lines(self, lines: Sequence[str]) -> list[str]:
        """Return lines without the values, those included that begin in one and end in another.

        Each line stays a line, and keeps what AWS's runtime client puts before it.
        """
        text = "\n".join(lines)
        spans = self._found_in(text)
        if not spans:
            return list(lines)
        redacted = _without(text, _within_lines(text, spans), _ends_of(lines))
        assert len(redacted) == len(lines), "a redaction takes no end of a line away"
        return redacted

    def _found_in(self, text: str) -> list[Span]:
        if not self._groups:
            return []
        found: list[Span] = []
        for reading in readings(text, is_ascii=self._is_ascii):
            runs = _merged(self._runs_in(reading))
            found.extend(reading.source_of(start, end) for start, end in runs)
        return _merged(found)

    def _runs_in(self, reading: Reading) -> Iterator[Span]:
        letters = reading.letters
        for shift in range(_GROUP_LETTERS):
            groups = _groups(letters[shift:])
            known = self._groups.intersection(groups)
            if not known:
                continue
            for number, group in enumerate(groups):
                if group in known:
                    yield from self._around(reading, letters, shift + number * _GROUP_LETTERS)

    def _around(self, reading: Reading, letters: bytes, at: int) -> Iterator[Span]:
        # A run begins at most three letters before the first whole group in it.
        for start in range(max(at - _GROUP_LETTERS + 1, 0), at + 1):
            if letters[start : start + RUN_LETTERS] in self._runs:
                yield start, start + RUN_LETTERS
        longest = min(RUN_LETTERS - 1, len(letters) - at) if self._short else 0
        for length in range(VALUE_LETTERS_MIN, longest + 1):
            own = self._short.get(letters[at : at + length])
            if own is not None and _is_one_piece(own, _gaps(reading, at, at + length)):
                yield at, at + length


def _groups(letters: bytes) -> "array[int]":
    groups = array("I")
    assert groups.itemsize == _GROUP_LETTERS
    groups.frombytes(letters[: len(letters) // _GROUP_LETTERS * _GROUP_LETTERS])
    return groups


def _gaps(reading: Reading, start: int, end: int) -> list[bool]:
    """Return for each letter but the last whether something stands between it and the next."""
    parts = [reading.source_of(at, at + 1) for at in range(start, end)]
    return [after > before for (_, before), (after, _) in pairwise(parts)]


def _is_one_piece(own: list[bool], gaps: list[bool]) -> bool:
    return gaps == own or not any(gaps) or all(gaps)


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _within_lines(text: str, spans: Iterable[Span]) -> Iterator[Span]:
    """Cut spans where lines end, and what precedes a line out of them."""
    for start, end in spans:
        at = start
        for line in text[start:end].split("\n"):
            # A span begins anywhere in its first line, and at the beginning of every other.
            head = LINE_HEAD.match(text, at) if at > start else None
            first, last = at if head is None else head.end(), at + len(line)
            if first < last:
                yield first, last
            at = last + 1


def _ends_of(lines: Sequence[str]) -> Iterator[int]:
    """Yield where each line ends in all of them joined."""
    return accumulate(map(len, lines), lambda end, length: end + 1 + length)


def _without(text: str, spans: Iterator[Span], ends: Iterable[int]) -> list[str]:
    lines: list[str] = []
    at, span = 0, next(spans, None)
    for end in ends:
        pieces: list[str] = []
        while span is not None and span[0] < end:
            pieces += (text[at : span[0]], REDACTED)
            at, span = span[1], next(spans, None)
        lines.append("".join((*pieces, text[at:end])))
        at = end + 1
    return lines
