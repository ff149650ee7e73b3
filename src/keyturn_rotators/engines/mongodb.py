"""MongoDB, with pymongo 4; also what speaks its protocol and has its users, as Amazon DocumentDB.

* ``dbname`` is the database that knows the user, in which it logs in: ``admin`` if left out. An
  administrator logs in to its own, wherever the user is.
* A login by SCRAM reveals no password, but a change does: MongoDB takes none that was hashed by
  the client for SCRAM-SHA-256. So the connection is TLS with the server's name and CA verified,
  also where the secret has no ``ssl``. Only ``"ssl": false`` sends the password in the clear.
* The secret's host is the one server that is asked, whatever replica set it says it is of: it has
  to be the primary, or a name that leads to it, as DocumentDB's cluster endpoint.
* A user keeps its mechanisms, roles and everything else when its password changes.

RDS's CA, which is DocumentDB's, is in no system's store: name its bundle in TLS_CA_FILE, or put it
into the secret. MongoDB's log and the driver's hold no password: both leave such commands out.

MongoDB: https://www.mongodb.com/docs/manual/core/security-scram/
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import re
import ssl
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.mongodb_connection import (
    MongoConnection,
    is_preparable,
    login_error,
)
from keyturn_rotators.engines.mongodb_users import MongoAdministration
from keyturn_rotators.errors import EncryptionError, LoginRefusedError, SecretValueError
from keyturn_rotators.target import CloneNames
from keyturn_rotators.tls import ca_file

if TYPE_CHECKING:
    from pymongo import MongoClient

CONNECT_SECONDS: Final = 5
COMMAND_SECONDS: Final = 10
APPLICATION_NAME: Final = "keyturn-rotation"
# MongoDB itself has no limit. The name is in an index with that of its database, of up to 63
# bytes, and before 4.2 an entry of an index had up to 1024 bytes.
USERNAME_BYTES_MAX: Final = 900
# "mongo" is AWS's word.
_DEFAULTS: Final = Defaults(
    engines=frozenset({"mongo", "mongodb", "documentdb"}), port=27017, dbname="admin"
)
# A server that is silent for as long as it may be is then still told as one.
_MARGIN_MS: Final = 500
# The driver would read these as a URI with options of its own, a list of servers or a file.
_NO_HOST: Final = re.compile("[/,@?]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mongodb:
    """MongoDB, and what speaks its protocol and has its users.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
        connect_seconds: how long a server may take to be found and to log somebody in.
    """

    ca_file: str | None = None
    connect_seconds: float = CONNECT_SECONDS

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=USERNAME_BYTES_MAX, is_in_bytes=True)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["MongoSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with self._connected(credential) as client:
            yield MongoSession(
                client[credential.dbname],
                credential,
                "Grant it a role with the action changeOwnPassword on the database "
                f'"{credential.dbname}", or name an administrator\'s secret in the secret as '
                '"masterarn".',
            )

    @contextmanager
    def administer(
        self, admin: Credential, current: Credential
    ) -> Iterator["MongoAdministration"]:
        """Log in, to change the users of the database of ``current``; see ``target.Engine``."""
        with self._connected(admin) as client:
            yield MongoAdministration(
                client[current.dbname],
                admin,
                f"The administrator must have the role userAdmin on the database "
                f'"{current.dbname}", and on those whose roles the user has.',
            )

    @contextmanager
    def _connected(self, credential: Credential) -> Iterator["MongoClient[dict[str, Any]]"]:
        # The driver takes longest to load, and two of the four steps do without it.
        from pymongo.errors import PyMongoError

        if not is_preparable(credential.password):
            said = "the password has characters that SASLprep (RFC 4013) prohibits"
            raise LoginRefusedError(credential.where, credential.stage, said)
        with self._client(credential) as client:
            try:
                # The first command, which anybody may use, waits for the login.
                client[credential.dbname].command("connectionStatus")
            except PyMongoError as error:
                # The cause could hold what the server said before the values were taken out.
                raise login_error(error, credential) from None
            yield client

    def _client(self, credential: Credential) -> "MongoClient[dict[str, Any]]":
        from pymongo import MongoClient

        if _NO_HOST.search(credential.host):
            raise SecretValueError(
                'The secret\'s "host" must be the name or address of one server, no URI or list. '
                "Correct it with: aws secretsmanager put-secret-value."
            )
        try:
            return MongoClient(**self._parameters(credential), **self._encryption(credential))
        except ssl.SSLError as error:
            said = f"the CA file is unusable: {error.reason}"
            raise EncryptionError(credential.where, said) from None

    def _parameters(self, credential: Credential) -> dict[str, Any]:
        connect_ms, command_ms = int(self.connect_seconds * 1000), COMMAND_SECONDS * 1000
        return {
            "host": _bracketed(credential.host),
            "port": credential.port,
            "username": credential.username,
            "password": credential.password,
            "authSource": credential.dbname,
            "appname": APPLICATION_NAME,
            "directConnection": True,
            # DocumentDB refuses the first; and a step is repeated as a whole.
            "retryWrites": False,
            "retryReads": False,
            "connectTimeoutMS": connect_ms,
            "serverSelectionTimeoutMS": connect_ms + _MARGIN_MS,
            "socketTimeoutMS": command_ms,
            # No second connection that waits for news of a server that is asked for a moment.
            "serverMonitoringMode": "poll",
        }

    def _encryption(self, credential: Credential) -> dict[str, Any]:
        if credential.ssl is False:
            return {"tls": False}
        return {"tls": True, "tlsCAFile": ca_file(credential, self.ca_file)}


def _bracketed(host: str) -> str:
    """Return a host as the driver takes it: what has colons is an address of IPv6."""
    return f"[{host.strip('[]')}]" if ":" in host else host


class MongoSession(MongoConnection):
    """A user's login."""

    def probe(self) -> None:
        """Read who is logged in."""
        self._run("connectionStatus", 1)

    def change_own_password(self, password: str) -> None:
        """Change the password of the user that logged in; see ``target.Session``."""
        self._set_password(self._credential.username, password)
