"""What a rotation will touch, read from the secret's value: which server, which user there.

The store must tell which rotations touch the same without knowing what: it gets marks of the
names, of which it can tell only that they are equal.

Members of the value: AWS's "JSON structure of Secrets Manager database credential secrets".
AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
"""

from collections.abc import Mapping
import json
from typing import Any, Final

from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.errors import ServiceError
from keyturn.model.rotation import Target
from keyturn.model.secret import AWSCURRENT, Secret
from keyturn.secrets import lookup, targets, versions
from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Connection

#: AWS's functions for alternating users call the second user so, Oracle's in capitals.
_CLONES: Final = ("_clone", "_CLONE")
# What AWS's functions take where the secret names no port, and Keyturn's for other engines.
_DEFAULT_PORTS: Final = {
    "postgres": "5432",
    "aurora-postgresql": "5432",
    "mysql": "3306",
    "aurora-mysql": "3306",
    "mariadb": "3306",
    "oracle": "1521",
    "sqlserver": "1433",
    "mongo": "27017",
    "mongodb": "27017",
    "documentdb": "27017",
    "redis": "6379",
    "valkey": "6379",
    "rabbitmq": "15671",
    "openldap": "636",
    "ldap": "636",
    "redshift": "5439",
    "db2": "50000",
    "ssh": "22",
    "activedirectory": "636",
    "influxdb": "8086",
    "timestream-influxdb": "8086",
    "apikey": "443",
}


def target_of(connection: Connection, keyring: Keyring, secret: Secret) -> Target:
    """Return what a rotation of ``secret`` touches, as far as its current value says."""
    value = _placed(connection, secret, _current_value(connection, keyring, secret))
    host = _text(value, "host")
    if host is None:
        return Target(admin_id=_admin_id(connection, secret, value))
    server = (host.lower().rstrip("."), _port(value))
    user = _text(value, "username")
    return Target(
        host=keyring.mark("rotation host", *server),
        user=None if user is None else keyring.mark("rotation user", *server, _family(user)),
        admin_id=_admin_id(connection, secret, value),
    )


def _current_value(connection: Connection, keyring: Keyring, secret: Secret) -> Mapping[str, Any]:
    current_id = version_rows.stages_of(connection, secret.id).get(AWSCURRENT)
    version = current_id and version_rows.find_version(connection, secret.id, current_id)
    if not version or version.sealed is None:
        return {}
    try:
        value = json.loads(versions.open_value(keyring, secret, version).plaintext.reveal())
    except (ValueError, RecursionError, DecryptionError):
        return {}
    return value if isinstance(value, dict) else {}


def _placed(connection: Connection, secret: Secret, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a value that names no place with that of the target that the secret is linked to."""
    if value.keys() & {"engine", "host", "port"}:
        return value
    linked = targets.of_secret(connection, secret)
    return value if linked is None else {**value, "host": linked.host, "port": linked.port}


def _text(value: Mapping[str, Any], member: str) -> str | None:
    found = value.get(member)
    return str(found) if isinstance(found, str | int) and str(found) else None


def _port(value: Mapping[str, Any]) -> str:
    engine = _text(value, "engine") or ""
    # RDS's names begin with the product's, such as sqlserver-ex.
    product = engine if engine in _DEFAULT_PORTS else engine.partition("-")[0]
    return _text(value, "port") or _DEFAULT_PORTS.get(product, engine)


def _family(user: str) -> str:
    return next((user.removesuffix(each) for each in _CLONES if user.endswith(each)), user)


def _admin_id(connection: Connection, secret: Secret, value: Mapping[str, Any]) -> int | None:
    admin = _text(value, "masterarn")
    if admin is None:
        return None
    try:
        return lookup.find(connection, secret.account, secret.region, admin).values_id
    except ServiceError:
        # There is none, or none can be called so.
        return None
