"""PostgreSQL, with psycopg 3.

* The password never leaves the function: what is sent is its SCRAM-SHA-256 verifier, made here.
  The server's log, its statistics and whoever reads the wire see no plaintext. A server whose
  ``password_encryption`` is md5 gets an md5 hash, with a warning, for its clients may not know
  SCRAM.
* ``"ssl": true`` is TLS with the server's name and CA verified (``verify-full``); false is none.
  Without the key TLS is used if the server has it, unverified; if it has none, the log warns, and
  a password is never sent in the clear.
* A login counts only if the server asked for the password.
* VALID UNTIL and every other attribute of the role stay as they are.

It makes no roles and grants nothing. RDS's CA is in no system's store: name its bundle in
TLS_CA_FILE.

PostgreSQL: https://www.postgresql.org/docs/current/libpq-connect.html and sql-alterrole.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    PasswordNotAskedError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    StatementFailedError,
    TargetError,
    UnreachableError,
    without_values,
)
from keyturn_rotators.logs import LOGGER_NAME

if TYPE_CHECKING:
    import psycopg

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 10
APPLICATION_NAME: Final = "keyturn-rotation"
_DEFAULTS: Final = Defaults(
    engines=frozenset({"postgres", "aurora-postgresql"}), port=5432, dbname="postgres"
)
# Somebody else's change of the same role, for which ours waited, was committed. The server says it
# in English whatever its language (src/backend/access/heap/heapam.c, simple_heap_update).
_OVERTAKEN: Final = "tuple concurrently updated"
# Lambda's (Amazon Linux), then Debian's.
_SYSTEM_CA_FILES: Final = ("/etc/pki/tls/cert.pem", "/etc/ssl/certs/ca-certificates.crt")

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

    @contextmanager
    def login(self, credential: Credential) -> Iterator["PostgresSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        # The driver takes longest to load, and two of the four steps do without it.
        import psycopg

        try:
            connection = psycopg.connect(**self._parameters(credential), autocommit=True)
        except psycopg.OperationalError as error:
            # The cause could hold what the server said before the values were taken out.
            raise _login_error(error, credential) from None
        with connection:
            _check(connection, credential)
            yield PostgresSession(connection, credential)

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
                return {"sslmode": "verify-full", "sslrootcert": self._ca_file(credential)}
            case False:
                return {"sslmode": "disable"}
            case None:
                return {"sslmode": "prefer", "require_auth": "!password"}

    def _ca_file(self, credential: Credential) -> str:
        candidates = (self.ca_file,) if self.ca_file else _SYSTEM_CA_FILES
        for path in candidates:
            if Path(path).is_file():
                return path
        raise EncryptionError(credential.where, f"no CA file at {' or '.join(candidates)}")


class PostgresSession:
    """A role's login."""

    def __init__(self, connection: "psycopg.Connection", credential: Credential) -> None:
        self._connection = connection
        self._credential = credential

    def probe(self) -> None:
        """Read the server's clock."""
        with self._refusals():
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

        with self._connection.transaction():
            self._prepare_change()
            statement = sql.SQL("ALTER ROLE SESSION_USER PASSWORD {}")
            self._connection.execute(statement.format(sql.Literal(self._verifier(password))))

    def _prepare_change(self) -> None:
        """Undo what the role is set to: to read only, act as another, commit undurably.

        SET LOCAL, for behind a pooler the next transaction may be another connection's.
        """
        from psycopg.errors import FeatureNotSupported

        try:
            self._connection.execute("SET LOCAL transaction_read_only = off")
        except FeatureNotSupported:
            raise ReadOnlyTargetError(self._credential.where) from None
        self._connection.execute("SET LOCAL ROLE NONE")
        self._connection.execute("SET LOCAL synchronous_commit = on")
        self._connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'")

    def _verifier(self, password: str) -> str:
        role = self._one("SELECT session_user")
        encryption = self._one("SHOW password_encryption")
        is_scram = encryption == "scram-sha-256"
        if not is_scram:
            _log.warning(
                "password_encryption is %s on the server: a hash that it logs can be used to log "
                "in; set it to scram-sha-256",
                encryption,
            )
        algorithm = b"scram-sha-256" if is_scram else b"md5"
        hashed = self._connection.pgconn.encrypt_password(
            password.encode(), role.encode(), algorithm
        )
        return hashed.decode()

    def _one(self, query: LiteralString) -> str:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return str(row[0])

    @contextmanager
    def _refusals(self, *values: str) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            # The cause's text quotes the statement, and thereby the password's verifier.
            raise _statement_error(error, self._credential, *values) from None


def _check(connection: "psycopg.Connection", credential: Credential) -> None:
    if not connection.pgconn.used_password:
        raise PasswordNotAskedError(credential.where)
    if credential.ssl is None and not connection.pgconn.ssl_in_use:
        _log.warning(
            "the connection to %s is not encrypted: the server offers no TLS, and the secret has "
            'no "ssl"; set it to true to insist on TLS, to false to do without',
            credential.where,
        )


def _login_error(error: "psycopg.OperationalError", credential: Credential) -> TargetError:
    """Tell why a connection failed.

    The driver passes no SQLSTATE on for these, and the server may speak any language. What libpq
    itself says is English, and a server that asked for the password has answered to it.
    """
    said = without_values(str(error), credential.password).removeprefix("connection failed: ")
    asked = error.pgconn is not None and error.pgconn.used_password
    if asked or "FATAL:" in said or "pg_hba.conf" in said:
        return LoginRefusedError(credential.where, credential.stage, said)
    if any(word in said for word in ("SSL", "certificate", "authentication method requirement")):
        return EncryptionError(credential.where, said)
    return UnreachableError(credential.where, said)


def _statement_error(error: "psycopg.Error", credential: Credential, *values: str) -> TargetError:
    """Tell why a statement failed.

    PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    where = credential.where
    code = error.sqlstate or ""
    said = without_values(error.diag.message_primary or "", credential.password, *values)
    match code[:2], code:
        case _, "42501":
            return MissingRightError(where, said)
        case _, "25006":
            return ReadOnlyTargetError(where)
        # Of a check by the server: invalid value, invalid authorisation, raised by a function.
        case "22" | "28" | "P0", _:
            return PasswordRefusedError(where, f"{said} ({code})")
        # The connection broke, or the server is shutting down.
        case "" | "08" | "57", _ if code != "57014":
            return ConnectionLostError(where, said or "the server said nothing")
        case _:
            return StatementFailedError(where, f"{said} ({code})")
