"""PostgreSQL, with psycopg 3.

* The password never leaves the function: what is sent is its SCRAM-SHA-256 verifier, made here.
  The server's log, its statistics and whoever reads the wire see no plaintext. A server whose
  ``password_encryption`` is md5 gets an md5 hash, with a warning, for its clients may not know
  SCRAM.
* ``"ssl": true`` is TLS with the server's name and CA verified (``verify-full``); false is none.
  Without the key TLS is used if the server has it, unverified; if it has none, the log warns, and
  a password is never sent in the clear.
* A login counts only if the server asked for the password.
* A role that changes its own password keeps VALID UNTIL and every other attribute.

RDS's CA is in no system's store: name its bundle in TLS_CA_FILE, or put it into the secret.

PostgreSQL: https://www.postgresql.org/docs/current/libpq-connect.html and sql-alterrole.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
import logging
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.postgres_connection import (
    STATEMENT_SECONDS,
    PostgresConnection,
    login_error,
)
from keyturn_rotators.engines.postgres_roles import PostgresAdministration
from keyturn_rotators.errors import PasswordNotAskedError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.target import CloneNames
from keyturn_rotators.tls import ca_file

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS: Final = 5
APPLICATION_NAME: Final = "keyturn-rotation"
# NAMEDATALEN - 1: longer names are cut off by the server.
ROLE_NAME_BYTES_MAX: Final = 63
_DEFAULTS: Final = Defaults(
    engines=frozenset({"postgres", "aurora-postgresql"}), port=5432, dbname="postgres"
)
# Somebody else's change of the same role, for which ours waited, was committed. The server says it
# in English whatever its language (src/backend/access/heap/heapam.c, simple_heap_update).
_OVERTAKEN: Final = "tuple concurrently updated"

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Postgres:
    """PostgreSQL, and what speaks its protocol and has its roles.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=ROLE_NAME_BYTES_MAX, is_in_bytes=True)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["PostgresSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with self._connected(credential) as connection:
            yield PostgresSession(connection, credential)

    @contextmanager
    def administer(
        self, admin: Credential, current: Credential
    ) -> Iterator["PostgresAdministration"]:
        """Log in to the database that ``current`` uses; see ``target.Engine``."""
        there = replace(admin, dbname=current.dbname)
        with self._connected(there) as connection:
            yield PostgresAdministration(connection, there, self.clone_names.suffix)

    @contextmanager
    def _connected(self, credential: Credential) -> Iterator["psycopg.Connection"]:
        # The driver takes longest to load, and two of the four steps do without it.
        import psycopg

        try:
            connection = psycopg.connect(
                **self._parameters(credential),
                autocommit=True,
                # Behind a pooler the next transaction may be another connection's.
                prepare_threshold=None,
            )
        except psycopg.OperationalError as error:
            # The cause could hold what the server said before the values were taken out.
            raise login_error(error, credential) from None
        with connection:
            _check(connection, credential)
            yield connection

    def _parameters(self, credential: Credential) -> dict[str, Any]:
        return {
            "host": credential.host,
            "port": credential.port,
            "dbname": credential.dbname,
            "user": credential.username,
            "password": credential.password,
            "application_name": APPLICATION_NAME,
            "client_encoding": "utf8",
            "connect_timeout": CONNECT_SECONDS,
            # A connection that went dead under a statement isn't waited for any longer.
            "tcp_user_timeout": STATEMENT_SECONDS * 1000,
            "gssencmode": "disable",
            **self._encryption(credential),
        }

    def _encryption(self, credential: Credential) -> dict[str, str]:
        match credential.ssl:
            case True:
                return {"sslmode": "verify-full", "sslrootcert": ca_file(credential, self.ca_file)}
            case False:
                return {"sslmode": "disable"}
            case None:
                return {"sslmode": "prefer", "require_auth": "!password"}


class PostgresSession(PostgresConnection):
    """A role's login."""

    def probe(self) -> None:
        """Read the server's clock."""
        with self._refusals(), self._transaction():
            self._connection.execute("SELECT now()")

    def change_own_password(self, password: str) -> None:
        """Change the password of the role that logged in; see ``target.Session``.

        SESSION_USER is that role whatever it is called and whichever role it acts as.
        """
        from psycopg.errors import InternalError_

        with self._refusals(password):
            try:
                self._change_own_password(password)
            except InternalError_ as error:
                if error.diag.message_primary != _OVERTAKEN:
                    raise
                # As by an earlier run of this step, which died and left the server a COMMIT to do.
                _log.info("the role was changed meanwhile; changing its password once more")
                self._change_own_password(password)

    def _change_own_password(self, password: str) -> None:
        from psycopg import sql

        with self._transaction():
            self._prepare_change()
            verifier = self._verifier(self._one("SELECT session_user"), password)
            statement = sql.SQL("ALTER ROLE SESSION_USER PASSWORD {}")
            self._connection.execute(statement.format(sql.Literal(verifier)))


def _check(connection: "psycopg.Connection", credential: Credential) -> None:
    if not connection.pgconn.used_password:
        raise PasswordNotAskedError(credential.where)
    if credential.ssl is None and not connection.pgconn.ssl_in_use:
        _log.warning(
            "the connection to %s is not encrypted: the server offers no TLS, and the secret has "
            'no "ssl"; set it to true to insist on TLS, to false to do without',
            credential.where,
        )
