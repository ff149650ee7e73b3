r"""What a text spells, in whatever way it spells it. Pure.

Values are looked for by their *letters*: what is left of a text when every quoting is taken off
it. A value and any of its spellings have the same letters, so one search finds all of them.

* Backslash escapes (``\n``, ``\xe4``, ``\u00e4``, ``\303``), percent codes and entities stand for
  what they mean, however deeply they are nested.
* UTF-8 that was taken for Latin-1, as in ``repr`` of bytes, stands for what it means.
* Blanks, ends of lines, control characters, quotes, commas, backslashes and ``+`` are no letters:
  a value is the same one in a JSON string, in a URL or with a blank after each letter, and one in
  ASCII also in UTF-16.
* The beginning that AWS's runtime client gives a line in the log is no letters either.

A letter is one byte, the lowest of its code point: exact for ASCII, and close enough for others
that eight in a row tell one text from another.

``readings`` returns a text's letters as it stands, and as its escapes, base64 (both alphabets, at
each of four alignments) and hexadecimal digits (both cases, whatever separates the pairs) mean
them. Each reading knows which part of the text its letters come from.

AWS's lines: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
Base64: RFC 4648. Percent codes: RFC 3986, section 2.1.
"""

from abc import ABC, abstractmethod
import binascii
from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from html.entities import html5
import re
import string
from typing import Final

from typing_extensions import override

#: JSON in JSON in a URL has three layers.
LAYERS_MAX: Final = 4
#: How a line begins that a function logs with ``logging``.
LINE_HEAD: Final = re.compile(r"^\[[A-Z]{1,10}\]\t[0-9T:.-]{1,30}Z\t[0-9a-f-]{36}\t", re.MULTILINE)

_BACKSLASHES: Final = re.compile(r"\\{2,}")
_ESCAPE: Final = re.compile(
    r"\\u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u(?P<low>[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|\\u(?P<u>[0-9a-fA-F]{4})|\\U(?P<U>[0-9a-fA-F]{8})|\\x(?P<x>[0-9a-fA-F]{2})"
    r"|\\(?P<octal>[0-7]{3})|\\(?P<control>[0abefnrtv])|%(?P<percent>[0-9a-fA-F]{2})"
    r"|&#(?P<decimal>[0-9]{1,7});|&#[xX](?P<hex>[0-9a-fA-F]{1,6});|&(?P<name>[A-Za-z]\w{1,30};)",
    re.ASCII,
)
_UTF_8: Final = re.compile(
    "[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_BLANKS: Final = bytes([*range(0x21), 0x7F])
_BLANK_CODE_POINTS: Final = frozenset(_BLANKS)
_QUOTES: Final = b"\"',\\"
_NO_LETTERS: Final = _BLANKS + _QUOTES + b"+"
_BETWEEN_PAIRS: Final = re.compile(r"0[xX]|[:-]")
_DECIMAL: Final = frozenset({"decimal"})
_OCTAL: Final = frozenset({"octal"})
_LAST_CODE_POINT: Final = 0x10FFFF

_BASE64: Final = (string.ascii_letters + string.digits + "+/").encode()
_FOUR_ALIGNMENTS: Final = range(4)
_TWO_ALIGNMENTS: Final = range(2)


def _zeros_but(alphabet: bytes, zero: bytes) -> bytearray:
    table = bytearray(zero * 256)
    for octet in alphabet:
        table[octet] = octet
    return table


# What isn't in the alphabet reads as zeros, which are no letters.
_TO_HEX: Final = bytes(_zeros_but(string.hexdigits.encode(), b"0"))
_TO_BASE64: Final = _zeros_but(_BASE64, b"A")
_TO_BASE64[ord("-")], _TO_BASE64[ord("_")] = b"+/"

Replacement = Callable[[re.Match[str]], str]


class Reading(ABC):
    """A text that was made of another, and where in the first of all its characters come from."""

    text: str

    @abstractmethod
    def source_of(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the first text that ``text[start:end]`` comes from."""

    @property
    def letters(self) -> bytes:
        """What is searched: one byte for each character of ``text``."""
        return self.text.encode("utf-32-le", "surrogatepass")[::4]


class _Original(Reading):
    def __init__(self, text: str) -> None:
        self.text = text

    @override
    def source_of(self, start: int, end: int) -> tuple[int, int]:
        return start, end


class _Rewritten(Reading):
    """A reading with parts of it replaced."""

    def __init__(
        self, text: str, before: Reading, pattern: re.Pattern[str], replaced: Replacement
    ) -> None:
        self.text = text
        self._before = before
        self._pattern = pattern
        self._replaced = replaced

    @override
    def source_of(self, start: int, end: int) -> tuple[int, int]:
        first, _ = self._character(start)
        _, last = self._character(end - 1)
        return self._before.source_of(first, last)

    def _character(self, at: int) -> tuple[int, int]:
        new, old = self._seams
        index = bisect_right(new, at) - 1
        # Between two seams lies what was kept, what was put in, what was kept, and so on.
        if index % 2 == 0:
            kept = old[index] + at - new[index]
            return kept, kept + 1
        return old[index], old[index + 1]

    @cached_property
    def _seams(self) -> tuple[list[int], list[int]]:
        """Where each part begins, in ``text`` and before. Made only where something was found."""
        new, old = [0], [0]
        at = 0
        for match in self._pattern.finditer(self._before.text):
            at += match.start() - old[-1]
            new.append(at)
            old.append(match.start())
            at += len(self._replaced(match))
            new.append(at)
            old.append(match.end())
        return new, old


class _Stripped(Reading):
    """A reading without some characters."""

    def __init__(self, before: Reading, dropped: bytes) -> None:
        self.text = _stripped(before.text, dropped)
        self._before = before
        self._dropped = dropped.decode()

    @override
    def source_of(self, start: int, end: int) -> tuple[int, int]:
        return self._before.source_of(self._kept[start], self._kept[end - 1] + 1)

    @cached_property
    def _kept(self) -> list[int]:
        """Where each character was before. Made only where something was found."""
        dropped = self._dropped
        return [at for at, letter in enumerate(self._before.text) if letter not in dropped]


class _Decoded(Reading):
    """A reading of characters that stand for bits, from some character on."""

    def __init__(self, before: Reading, decoded: bytes, skipped: int, bits: int) -> None:
        self.text = decoded.decode("latin-1")
        self._before = before
        self._skipped = skipped
        self._bits = bits

    @override
    def source_of(self, start: int, end: int) -> tuple[int, int]:
        first, last = start * 8 // self._bits, -(-end * 8 // self._bits)
        # The last of them may have been filled up.
        last = min(self._skipped + last, len(self._before.text))
        return self._before.source_of(self._skipped + first, last)


def readings(text: str, *, is_ascii: bool = False) -> list[Reading]:
    """Return every reading of a text.

    Args:
        is_ascii: whether ASCII is all that will be looked for. UTF-8 that a text spells isn't read
            then, which takes as long as the rest.
    """
    written = _Stripped(_without_heads(_Original(text)), _BLANKS)
    meant = _unquoted(written)
    unquoted = _Stripped(meant, _QUOTES)
    decoded = [*_as_base64(unquoted), *_as_hex(unquoted)]
    found = [
        written,
        *([] if meant is written else [meant]),
        *(_unquoted(reading, is_ascii=is_ascii) for reading in decoded),
    ]
    return [_Stripped(reading, _NO_LETTERS) for reading in found]


def readings_of_value(value: str) -> list[Reading]:
    """Return the readings of a value: as it stands, and as what it spells, if that is another."""
    written = _Stripped(_Original(value), _BLANKS)
    meant = _unquoted(written)
    found = [written] if meant is written else [written, meant]
    return [_Stripped(reading, _NO_LETTERS) for reading in found]


def _stripped(text: str, dropped: bytes) -> str:
    try:
        return text.encode("latin-1").translate(None, dropped).decode("latin-1")
    except UnicodeEncodeError:
        return text.translate(dict.fromkeys(dropped))


def _without_heads(reading: Reading) -> Reading:
    return _replaced(reading, LINE_HEAD, lambda _: "")


def _unquoted(reading: Reading, *, is_ascii: bool = False) -> Reading:
    for _ in range(LAYERS_MAX):
        before = reading
        # First, so that a long row of backslashes is read once.
        reading = _replaced(reading, _BACKSLASHES, lambda _: "\\")
        reading = _replaced(reading, _ESCAPE, _meant)
        if not is_ascii and not reading.text.isascii():
            reading = _replaced(reading, _UTF_8, _decoded)
        if reading is before:
            break
    return reading


def _replaced(reading: Reading, pattern: re.Pattern[str], replaced: Replacement) -> Reading:
    text, count = pattern.subn(replaced, reading.text)
    return _Rewritten(text, reading, pattern, replaced) if count else reading


def _meant(match: re.Match[str]) -> str:
    kind = match.lastgroup
    assert kind is not None, "every alternative has a group"
    digits = match[kind]
    if kind == "control":
        return ""
    if kind == "name":
        return html5.get(digits, match[0])
    if kind == "low":
        return chr(0x10000 + (int(match["high"], 16) - 0xD800 << 10) + int(digits, 16) - 0xDC00)
    base = 10 if kind in _DECIMAL else 8 if kind in _OCTAL else 16
    code_point = int(digits, base)
    return chr(code_point) if code_point <= _LAST_CODE_POINT else match[0]


def _decoded(match: re.Match[str]) -> str:
    try:
        return match[0].encode("latin-1").decode()
    except UnicodeDecodeError:
        return match[0]


def _as_base64(reading: Reading) -> list[Reading]:
    digits = reading.text.encode("ascii", "replace").translate(_TO_BASE64)
    made: list[Reading] = []
    for skipped in _FOUR_ALIGNMENTS:
        # Filled up: what is left of a group of four may hold a letter all the same.
        rest = digits[skipped:]
        filled = rest + b"A" * (-len(rest) % 4)
        made.append(_Decoded(reading, binascii.a2b_base64(filled), skipped, 6))
    return made


def _as_hex(reading: Reading) -> list[Reading]:
    pairs = _replaced(reading, _BETWEEN_PAIRS, lambda _: "")
    digits = pairs.text.encode("ascii", "replace").translate(_TO_HEX)
    made: list[Reading] = []
    for skipped in _TWO_ALIGNMENTS:
        rest = digits[skipped:]
        filled = rest + b"0" * (len(rest) % 2)
        made.append(_Decoded(pairs, binascii.a2b_hex(filled), skipped, 4))
    return made
