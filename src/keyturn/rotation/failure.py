"""Why a function failed, in words that hold no secret value.

A function that isn't ours may put anything into its error message, a connection string with the
password in it for one. Whatever the labelled versions of the secret hold, and of the secret that
the function logs in with, is taken out of the text before it is stored, however it is spelled
(``keyturn.functions.output.redaction``). What is left says which error it was, in one line that a
terminal and every store can take.
"""

from collections.abc import Iterator, Mapping
import json
from typing import Any, Final

from keyturn.functions.output.leaves import leaves_of
from keyturn.functions.output.redaction import Redactor
from keyturn.keys.keyring import Keyring
from keyturn.model.rotation import Cause, Failure
from keyturn.model.secret import Secret
from keyturn.rotation.cause import cause_of
from keyturn.rotation.target import target_of
from keyturn.secrets.versions import open_value
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

REASON_LETTERS_MAX: Final = 1024
# In place of what ends a line, moves a cursor, turns the direction of writing, or can't be stored.
_UNPRINTABLE: Final = "\N{REPLACEMENT CHARACTER}"


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
    redacted = Redactor(_values(connection, keyring, secret)).redact(text)
    return Failure(cause_of(kind, message), _line(redacted))


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


def _values(connection: Connection, keyring: Keyring, secret: Secret) -> Iterator[str]:
    admin_id = target_of(connection, keyring, secret).admin_id
    admin = None if admin_id is None else rows.find_by_id(connection, admin_id)
    for each in (secret, admin):
        if each is not None:
            yield from _values_of(connection, keyring, each)


def _values_of(connection: Connection, keyring: Keyring, secret: Secret) -> Iterator[str]:
    for version_id in set(version_rows.stages_of(connection, secret.values_id).values()):
        version = version_rows.find_version(connection, secret.values_id, version_id)
        if version is not None and version.sealed is not None:
            plaintext = open_value(keyring, secret, version).plaintext
            yield from leaves_of(plaintext.reveal())
