"""What a login to PostgreSQL has in common, whoever's it is: statements, refusals, verifiers."""

from collections.abc import Iterator
from contextlib import contextmanager
import logging
from typing import TYPE_CHECKING, Final, LiteralString

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
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

STATEMENT_SECONDS: Final = 10
#: A change that waits for a lock makes everybody who comes after it wait too.
LOCK_SECONDS: Final = 1

_log = logging.getLogger(LOGGER_NAME)


# A database's owner may have set it to a weaker one for everybody who logs in to it.
_PASSWORD_ENCRYPTION: Final = """
SELECT coalesce(max(setting), 'scram-sha-256') FROM pg_settings
WHERE name = 'password_encryption' AND source <> 'database'
"""


class PostgresConnection:
    """A connection, and the login that it was made with."""

    def __init__(self, connection: "psycopg.Connection", credential: Credential) -> None:
        self._connection = connection
        self._credential = credential

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Begin a transaction in which every name is the system's.

        Whoever owns the database may have set it to find a view of theirs under the name of a
        catalogue, with a function in it that would run as who is logged in here.

        SET LOCAL, for behind a pooler the next transaction may be another connection's.
        """
        with self._connection.transaction():
            self._connection.execute(
                "SET LOCAL search_path = pg_catalog, pg_temp;"
                f"SET LOCAL statement_timeout = '{STATEMENT_SECONDS}s'"
            )
            yield

    def _prepare_change(self) -> None:
        """Undo what the role is set to: to read only, act as another, commit undurably."""
        from psycopg.errors import FeatureNotSupported

        try:
            self._connection.execute("SET LOCAL transaction_read_only = off")
        except FeatureNotSupported:
            raise ReadOnlyTargetError(self._credential.where) from None
        self._connection.execute(
            "SET LOCAL ROLE NONE; SET LOCAL synchronous_commit = on;"
            f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"
        )

    def _verifier(self, role: str, password: str) -> str:
        """Return what the server stores for a password: it never sees the password itself."""
        encryption = self._one(_PASSWORD_ENCRYPTION)
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
    def _refusals(self, *passwords: str, advice: str = "") -> Iterator[None]:
        """Tell what the server refuses within, where these passwords are set."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            # The cause's text quotes the statement, and thereby the password's verifier.
            raise statement_error(error, self._credential, *passwords, advice=advice) from None


# The server is there, and lets nobody in just now (src/backend/utils/init/postinit.c and
# src/backend/tcop/backend_startup.c).
_BUSY: Final = (
    "too many clients",
    "too many connections",
    "remaining connection slots",
    "starting up",
    "shutting down",
    "in recovery mode",
)


def login_error(error: "psycopg.OperationalError", credential: Credential) -> TargetError:
    """Tell why a connection failed.

    The driver passes no SQLSTATE on for these, and the server may speak any language. What libpq
    itself says is English, and a server that asked for the password has answered to it.
    """
    said = without_values(str(error), credential.password).removeprefix("connection failed: ")
    if any(word in said for word in _BUSY):
        return UnreachableError(credential.where, said)
    asked = error.pgconn is not None and error.pgconn.used_password
    if asked or "FATAL:" in said or "pg_hba.conf" in said:
        return LoginRefusedError(credential.where, credential.stage, said)
    if any(word in said for word in ("SSL", "certificate", "authentication method requirement")):
        return EncryptionError(credential.where, said)
    return UnreachableError(credential.where, said)


def statement_error(
    error: "psycopg.Error", credential: Credential, *passwords: str, advice: str = ""
) -> TargetError:
    """Tell why a statement failed.

    PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    where = credential.where
    code = error.sqlstate or ""
    said = without_values(error.diag.message_primary or "", credential.password, *passwords)
    match code[:2], code:
        case _, "42501":
            return MissingRightError(where, said, advice)
        case _, "25006":
            return ReadOnlyTargetError(where)
        # Of a check by the server: invalid value, invalid authorisation, raised by a function.
        case "22" | "28" | "P0", _ if passwords:
            return PasswordRefusedError(where, f"{said} ({code})")
        # The connection broke, or the server is shutting down.
        case "" | "08" | "57", _ if code != "57014":
            return ConnectionLostError(where, said or "the server said nothing")
        case _:
            return StatementFailedError(where, f"{said} ({code})")
