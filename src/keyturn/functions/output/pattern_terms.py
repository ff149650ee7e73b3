"""Filter patterns of terms, for texts without structure. Pure.

* Terms are words of letters, digits and underscores, or anything in quotation marks. A message
  matches that has each of them in it, wherever that is, and none of those after ``-``.
* Of terms after ``?`` one is enough. AWS: "If you combine ? with other filter patterns, all
  question mark terms will be ignored."
* Blanks in quotation marks match everything, and so does no pattern at all.
"""

from collections.abc import Callable
import re
from typing import Final

from keyturn.functions.output.pattern_reader import PatternReader, bad_term

_TERM: Final = re.compile(r"[^\s\"]+")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_]+")
_SIGN: Final = re.compile(r"[-?]?")


def read_terms(reader: PatternReader) -> Callable[[str], bool]:
    """Return the test that terms mean.

    Raises:
        ParameterError: one of them can't be a term.
    """
    terms: dict[str, list[str]] = {"": [], "-": [], "?": []}
    reader.skip_blanks()
    while reader.next_character:
        sign = reader.match(_SIGN) or ""
        terms[sign].append(_term(reader))
        reader.skip_blanks()
    wanted, excluded, optional = ([t for t in found if t.strip()] for found in terms.values())
    if wanted or excluded:
        optional = []
    return lambda message: (
        all(term in message for term in wanted)
        and not any(term in message for term in excluded)
        and (not optional or any(term in message for term in optional))
    )


def _term(reader: PatternReader) -> str:
    if reader.next_character == '"':
        quoted = reader.quoted()
        if not quoted:
            raise bad_term('""')
        return quoted
    term = reader.match(_TERM) or ""
    if _PLAIN.fullmatch(term) is None:
        raise bad_term(term)
    return term
