"""The secret values that a rotation's event is about.

Code that runs elsewhere signs with keys that aren't its function's session: what it sees of values
isn't told (``keyturn.api.secretsmanager.seen_values``). Of a rotation, the event says which secret
it works on.

Only for the function that the secret names for its rotation: anybody who may invoke a function
could otherwise learn, from what is taken out of its output, whether a guess at a value is right.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
import json
from typing import Any, Final

from keyturn.functions.execution.elsewhere import NoteValues
from keyturn.functions.output.seen_values import SeenValues
from keyturn.functions.permission import unqualified
from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.function import Function
from keyturn.model.secret import Secret
from keyturn.secrets.versions import open_value
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection, Database

_TOKEN: Final = "RotationToken"


def noting(database: Database, keyring: Keyring, seen: SeenValues) -> NoteValues:
    """Return what notes the values that an event is about as seen by the event's function."""

    def note(function: Function, event: bytes) -> None:
        seen.note(function.arn, *_values(database, keyring, function, event))

    return note


def _values(database: Database, keyring: Keyring, function: Function, event: bytes) -> list[bytes]:
    members = _read(event)
    secret_arn, token = members.get("SecretId"), members.get(_TOKEN)
    values = [token.encode(errors="replace")] if isinstance(token, str) else []
    if not isinstance(secret_arn, str):
        return values
    with database.read() as connection:
        secret = rows.find_by_arn(connection, secret_arn)
        if secret is not None and _is_rotated_by(secret, function):
            values.extend(_labelled(connection, keyring, secret))
    return values


def _read(event: bytes) -> Mapping[str, Any]:
    try:
        members = json.loads(event)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


def _is_rotated_by(secret: Secret, function: Function) -> bool:
    rotation = secret.rotation
    if rotation is None or rotation.lambda_arn is None:
        return False
    return unqualified(rotation.lambda_arn) == function.arn


def _labelled(connection: Connection, keyring: Keyring, secret: Secret) -> Iterator[bytes]:
    for version_id in set(version_rows.stages_of(connection, secret.values_id).values()):
        version = version_rows.find_version(connection, secret.values_id, version_id)
        if version is None or version.sealed is None:
            continue
        # What can't be opened, the function can't have seen.
        with suppress(DecryptionError):
            yield open_value(keyring, secret, version).plaintext.reveal()
