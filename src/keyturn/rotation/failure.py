"""Why a function failed, in words that hold no secret value.

A function that isn't ours may put anything into its error message, a connection string with the
password in it for one. Whatever the secret's labelled versions hold is taken out of the text
before it is stored; what is left says which error it was.
"""

from collections.abc import Iterator, Mapping
import json
from typing import Any, Final

from keyturn.keys.keyring import Keyring
from keyturn.model.rotation import Cause, Failure
from keyturn.model.secret import Secret
from keyturn.rotation.cause import cause_of
from keyturn.secrets.versions import open_value
from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Connection

REASON_LETTERS_MAX: Final = 1024
_REDACTED: Final = "***"
# Members that name the target; without them an error message would help nobody.
_NOT_SECRET: Final = {"engine", "host", "port", "dbname", "username", "ssl", "masterarn"}
# A shorter value would blot out half the message and is no secret anyway.
_SECRET_LETTERS_MIN: Final = 4


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
    kind, message = str(error.get("errorType", "Error")), str(error.get("errorMessage", ""))
    text = f"{kind}: {message}"
    for value in sorted(_values(connection, keyring, secret), key=len, reverse=True):
        text = text.replace(value, _REDACTED)
    return Failure(cause_of(kind, message), text[:REASON_LETTERS_MAX])


def _read(payload: bytes) -> Mapping[str, Any] | None:
    try:
        error = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return error if isinstance(error, dict) else None


def _values(connection: Connection, keyring: Keyring, secret: Secret) -> set[str]:
    found: set[str] = set()
    for version_id in set(version_rows.stages_of(connection, secret.id).values()):
        version = version_rows.find_version(connection, secret.id, version_id)
        if version is not None and version.sealed is not None:
            plaintext = open_value(keyring, secret, version).plaintext.reveal()
            found.update(_leaves(plaintext.decode(errors="replace")))
    return {value for value in found if len(value) >= _SECRET_LETTERS_MIN}


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
            # As it stands inside a JSON text, or in the repr of one.
            yield json.dumps(node)[1:-1]
            yield repr(node)[1:-1]
        case dict():
            for key, value in node.items():
                if key not in _NOT_SECRET:
                    yield from _leaves_of(value)
        case list():
            for value in node:
                yield from _leaves_of(value)
        case _:
            return
