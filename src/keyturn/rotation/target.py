"""What a rotation will touch, read from the secret's value: which server, which user there.

The store must tell which rotations touch the same without knowing what: it gets marks of the
names, of which it can tell only that they are equal.

Members of the value: AWS's "JSON structure of Secrets Manager database credential secrets".
AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

from collections.abc import Mapping
import json
from typing import Any, Final

from keyturn.keys.keyring import Keyring
from keyturn.model.rotation import Target
from keyturn.model.secret import AWSCURRENT, Secret
from keyturn.secrets import versions
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection

#: AWS's functions for alternating users call the second user so.
_CLONE: Final = "_clone"


def target_of(connection: Connection, keyring: Keyring, secret: Secret) -> Target:
    """Return what a rotation of ``secret`` touches, as far as its current value says."""
    value = _current_value(connection, keyring, secret)
    host = _text(value, "host")
    if host is None:
        return Target(admin_id=_admin_id(connection, value))
    server = (host.lower().rstrip("."), _text(value, "port") or _text(value, "engine") or "")
    user = _text(value, "username")
    return Target(
        host=keyring.mark("rotation host", *server),
        user=None if user is None else keyring.mark("rotation user", *server, _family(user)),
        admin_id=_admin_id(connection, value),
    )


def _current_value(connection: Connection, keyring: Keyring, secret: Secret) -> Mapping[str, Any]:
    current_id = version_rows.stages_of(connection, secret.id).get(AWSCURRENT)
    version = current_id and version_rows.find_version(connection, secret.id, current_id)
    if not version or version.sealed is None:
        return {}
    try:
        value = json.loads(versions.open_value(keyring, secret, version).plaintext.reveal())
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Mapping[str, Any], member: str) -> str | None:
    found = value.get(member)
    return str(found) if isinstance(found, str | int) and str(found) else None


def _family(user: str) -> str:
    return user.removesuffix(_CLONE)


def _admin_id(connection: Connection, value: Mapping[str, Any]) -> int | None:
    arn = _text(value, "masterarn")
    admin = None if arn is None else rows.find_by_arn(connection, arn)
    return None if admin is None else admin.id
