"""Why a function failed, in words that hold no secret value.

A function that isn't ours may put anything into its error message, a connection string with the
password in it for one. Whatever the labelled versions of the secret hold, and of the secret that
the function logs in with, is taken out of the text before it is stored: as it stands, and as texts
of other kinds quote it. What is left says which error it was, in one line that a terminal and
every store can take.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
import json
import re
from typing import Any, Final
from urllib.parse import quote, quote_plus

from keyturn.keys.keyring import Keyring
from keyturn.model.rotation import Cause, Failure
from keyturn.model.secret import Secret
from keyturn.rotation.cause import cause_of
from keyturn.rotation.target import target_of
from keyturn.secrets.versions import open_value
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

REASON_LETTERS_MAX: Final = 1024
_REDACTED: Final = "***"
# In place of what ends a line, moves a cursor, turns the direction of writing, or can't be stored.
_UNPRINTABLE: Final = "\N{REPLACEMENT CHARACTER}"
# Members that name the target; without them an error message would help nobody.
_NOT_SECRET: Final = {"engine", "host", "port", "dbname", "username", "ssl", "masterarn"}
# A shorter value would blot out half the message and is no secret anyway.
_SECRET_LETTERS_MIN: Final = 4
_PERCENT_CODE: Final = re.compile("%[0-9A-F]{2}")


def failure_of(
    connection: Connection, keyring: Keyring, secret: Secret, payload: bytes
) -> Failure:
    """Return the error that a function answered with, without the secret's values.

    Args:
        payload: the answer, as AWS forms it: ``{"errorType": ..., "errorMessage": ...}``.
    """
    error = _read(payload)
    if error is None:
        return Failure(Cause.UNKNOWN, "the function failed without saying why")
    kind, message = _text(error.get("errorType", "Error")), _text(error.get("errorMessage", ""))
    text = f"{kind}: {message}" if message else kind
    for value in sorted(_values(connection, keyring, secret), key=len, reverse=True):
        text = text.replace(value, _REDACTED)
    return Failure(cause_of(kind, message), _line(text))


def _read(payload: bytes) -> Mapping[str, Any] | None:
    try:
        error = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return error if isinstance(error, dict) else None


def _text(said: object) -> str:
    return said if isinstance(said, str) else json.dumps(said)


def _line(text: str) -> str:
    words = " ".join(text.split())[:REASON_LETTERS_MAX]
    return "".join(letter if letter.isprintable() else _UNPRINTABLE for letter in words)


def _values(connection: Connection, keyring: Keyring, secret: Secret) -> set[str]:
    admin_id = target_of(connection, keyring, secret).admin_id
    admin = None if admin_id is None else rows.find_by_id(connection, admin_id)
    found: set[str] = set()
    for each in (secret, admin):
        if each is not None:
            found.update(_values_of(connection, keyring, each))
    return {value for value in found if len(value) >= _SECRET_LETTERS_MIN}


def _values_of(connection: Connection, keyring: Keyring, secret: Secret) -> Iterator[str]:
    for version_id in set(version_rows.stages_of(connection, secret.values_id).values()):
        version = version_rows.find_version(connection, secret.values_id, version_id)
        if version is not None and version.sealed is not None:
            plaintext = open_value(keyring, secret, version).plaintext.reveal()
            yield repr(plaintext)[2:-1]
            for leaf in _leaves(plaintext.decode(errors="replace")):
                yield from _spellings(leaf)


def _leaves(text: str) -> Iterator[str]:
    yield text
    try:
        yield from _leaves_of(json.loads(text))
    except (ValueError, RecursionError):
        return


def _leaves_of(node: object) -> Iterator[str]:
    match node:
        case str():
            yield node
        case bool() | None:
            return
        case int() | float():
            yield json.dumps(node)
        case dict():
            secret = (value for key, value in node.items() if key not in _NOT_SECRET)
            yield from chain.from_iterable(map(_leaves_of, secret))
        case list():
            yield from chain.from_iterable(map(_leaves_of, node))
        case _:
            return


def _spellings(value: str) -> Iterator[str]:
    """Yield a value as it stands, and as JSON, URLs and Python's repr quote it."""
    for inner in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield inner
        # JSON may hold JSON: AWS's SecretString does.
        yield json.dumps(inner)[1:-1]
        yield json.dumps(inner, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    octets = value.encode(errors="replace")
    yield repr(octets)[2:-1]
    for quoted in (quote(octets), quote(octets, safe=""), quote_plus(octets)):
        yield quoted
        yield _PERCENT_CODE.sub(lambda code: code[0].lower(), quoted)
