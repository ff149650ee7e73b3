"""A request body, read as one JSON object and nothing else.

Strict, since two readers of one request must never see two different requests:

* UTF-8, no NaN or infinity, no unpaired surrogates, no number beyond a double.
* No object has a key twice, at any depth.
* No more than ``NESTING_MAX`` levels.

msgspec holds the first rule and is the fastest reader there is, but keeps the last of two equal
keys. That nothing was dropped is proven by counting: every string in the text brings two quotes,
and the only others are escaped ones inside strings. So when the text has exactly two for each
string that was read, it had no others. Where it has more (an escaped quote, or a key twice) the
standard library's slower reader, which shows every pair, decides.
"""

from collections.abc import Iterable
import json

import msgspec

from keyturn.wire.malformed import NESTING_MAX, MalformedError, nesting_error

_decoder = msgspec.json.Decoder()


def parse_object(body: bytes) -> dict[str, object]:
    """Return the object that ``body`` holds; an empty body is an empty object.

    Raises:
        MalformedError: the body isn't one JSON object by the rules above.
    """
    if not body:
        return {}
    value = _parse(body)
    if not isinstance(value, dict):
        raise MalformedError("The request body is not a JSON object")
    if body.count(b'"') != 2 * _count_strings(value, NESTING_MAX):
        _refuse_duplicate_keys(body)
    return value


def _parse(body: bytes) -> object:
    try:
        return _decoder.decode(body)
    # msgspec reports broken UTF-8 as a ValueError too.
    except (ValueError, RecursionError):
        # Not chained: its text may quote the body.
        raise MalformedError("The request body is not valid JSON") from None


def _count_strings(value: object, levels_left: int) -> int:
    if isinstance(value, str):
        return 1
    if isinstance(value, dict):
        return len(value) + _count_strings_in(value.values(), levels_left)
    if isinstance(value, list):
        return _count_strings_in(value, levels_left)
    return 0


def _count_strings_in(items: Iterable[object], levels_left: int) -> int:
    if not levels_left:
        raise nesting_error()
    count = 0
    for item in items:
        count += _count_strings(item, levels_left - 1)
    return count


def _refuse_duplicate_keys(body: bytes) -> None:
    _pairs_decoder.decode(body.decode())


def _unique(pairs: list[tuple[str, object]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise MalformedError("The request body has an object with the same key twice")


_pairs_decoder = json.JSONDecoder(object_pairs_hook=_unique)
