"""What a login to MySQL or MariaDB has in common, whoever's it is: a connection, refusals."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import logging
import ssl
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators import tls
from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.mysql_plugins import is_encrypted, plugins
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
    from pymysql.connections import Connection
    from pymysql.err import MySQLError

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 10
#: Shorter than a statement's, so that it is the server that gives up.
LOCK_SECONDS: Final = 8
PROGRAM_NAME: Final = "keyturn-rotation"
# Who is logged in to a server that was started with --skip-grant-tables.
_NOBODY: Final = frozenset({"@", "skip-grants user@skip-grants host"})

#: MySQL: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
NO_PRIVILEGE: Final = 1227
INCORRECT_CURRENT_PASSWORD: Final = 3891
_DENIED: Final = 1045
_LOGIN_REFUSED: Final = frozenset(
    # Denied; to the database; unknown database; host not allowed; without a password; expired,
    # twice; locked; MariaDB's locked; locked after failed logins; a plugin the driver hasn't.
    {1045, 1044, 1049, 1130, 1698, 1862, 1820, 3118, 4151, 3955, 2059}
)
_NEEDS_TLS: Final = frozenset({3159})
_MISSING_RIGHT: Final = frozenset(
    # Denied: a database, in general, without a password, a table, a column, a routine, an act; a
    # user that GRANT would have to make; a password that REPLACE has to name.
    {1044, 1045, 1698, 1142, 1143, 1370, 1227, 1410, 3892}
)
# A hash of a wrong length; the rules; a hash where the rules want a password; the history.
_PASSWORD_REFUSED: Final = frozenset({1372, 1819, 1827, 3638})
_READ_ONLY: Final = frozenset({1836})
_PREVENTED_BY_OPTION: Final = 1290
_LOST: Final = frozenset({0, 1053, 1077, 1080, 1152, 1158, 1159, 1160, 1161, 1927, 2006, 2013})

Rows = tuple[tuple[Any, ...], ...]

_log = logging.getLogger(LOGGER_NAME)


@contextmanager
def connected(
    credential: Credential, ca_file: str | None, settings: str
) -> "Iterator[Connection]":
    """Connect and log in, and out at the end; see ``target.Engine.login``.

    Args:
        settings: what SET sets the session to.
    """
    # The driver takes longest to load, and two of the four steps do without it.
    import pymysql

    parameters = _parameters(credential, ca_file, settings)
    try:
        connection = pymysql.Connection(**parameters, defer_connect=True)
        if credential.ssl is None:
            _prefer_tls(connection)
        connection.connect()
    except pymysql.MySQLError as error:
        raise login_error(error, credential) from None
    with connection:
        yield connection


class MysqlConnection:
    """A connection, and the login that it was made with."""

    def __init__(self, connection: "Connection", credential: Credential) -> None:
        self._connection = connection
        self._credential = credential
        self._check_login()

    def probe(self) -> None:
        """Read the server's clock."""
        self._rows("SELECT NOW()")

    @property
    def _is_encrypted(self) -> bool:
        return is_encrypted(self._connection)

    def _check_login(self) -> None:
        where = self._credential.where
        ((account, self._is_read_only),) = self._rows("SELECT CURRENT_USER(), @@global.read_only")
        if account in _NOBODY:
            raise PasswordNotAskedError(where)
        if account.rpartition("@")[0] != self._credential.username:
            # It is a proxy user, or an anonymous account comes before its own.
            said = f"the server lets it in as {account}"
            raise LoginRefusedError(where, self._credential.stage, said)
        if self._credential.ssl is None and not self._is_encrypted:
            _log.warning(
                "the connection to %s is not encrypted: the server offers no TLS, and the secret "
                'has no "ssl"; set it to true to insist on TLS, to false to do without',
                where,
            )

    def _require_writable(self) -> None:
        """Refuse a replica also to an administrator that the server wouldn't stop."""
        if self._is_read_only:
            raise ReadOnlyTargetError(self._credential.where)

    def _require_encryption(self) -> None:
        """Refuse to send what holds a password itself."""
        if not self._is_encrypted:
            raise EncryptionError(
                self._credential.where,
                "the server hashes the password itself, so it would cross in the clear; set the "
                'secret\'s "ssl" to true',
            )

    def _execute(self, statement: str, *, hidden: Sequence[str] = (), advice: str = "") -> None:
        """Run a statement that is complete, with its values; ``hidden`` are in no message."""
        import pymysql

        try:
            self._run(statement, ())
        except pymysql.MySQLError as error:
            raise statement_error(error, self._credential, *hidden, advice=advice) from None

    def _is_done(self, statement: str, *values: str, unless: int) -> bool:
        """Run a statement; return False if the server refuses it with this error."""
        import pymysql

        try:
            self._run(statement, values)
        except pymysql.MySQLError as error:
            if error.args[:1] == (unless,):
                return False
            raise statement_error(error, self._credential, *values) from None
        return True

    def _rows(self, statement: str, *values: str, advice: str = "") -> Rows:
        import pymysql

        try:
            return self._run(statement, values)
        except pymysql.MySQLError as error:
            # The cause could hold the statement's values.
            raise statement_error(error, self._credential, *values, advice=advice) from None

    def _run(self, statement: str, values: Sequence[str]) -> Rows:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return tuple(cursor.fetchall())


def login_error(error: "MySQLError", credential: Credential) -> TargetError:
    """Tell why a connection or a login failed."""
    where = credential.where
    code, said = _told(error, credential.password)
    cause = getattr(error, "original_exception", None)
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        return EncryptionError(where, said)
    if code in _NEEDS_TLS or "SSL is required" in said:
        return EncryptionError(where, said)
    if code == _DENIED and credential.ssl is False:
        # All that the server says of an account, or of itself, that lets nobody in without TLS.
        said += '; or it insists on TLS, which the secret\'s "ssl" rules out'
    if code in _LOGIN_REFUSED:
        return LoginRefusedError(where, credential.stage, f"{said} ({code})")
    if code is None or 2000 <= code < 3000 or code in _LOST:  # noqa: PLR2004 - the client's own
        return UnreachableError(where, said or "the server said nothing")
    # As for a user with too many connections: it is nobody's wrong password.
    return StatementFailedError(where, f"{said} ({code})")


def statement_error(
    error: "MySQLError", credential: Credential, *values: str, advice: str = ""
) -> TargetError:
    """Tell why a statement failed."""
    where = credential.where
    code, said = _told(error, credential.password, *values)
    if code is None or code in _LOST:
        return ConnectionLostError(where, said or "the server said nothing")
    said = f"{said} ({code})"
    if code in _MISSING_RIGHT:
        return MissingRightError(where, said, advice)
    if code in _PASSWORD_REFUSED:
        return PasswordRefusedError(where, said)
    if code == _PREVENTED_BY_OPTION and "password-validation" in said:
        return PasswordRefusedError(where, said)
    if code in _READ_ONLY or (code == _PREVENTED_BY_OPTION and "read-only" in said):
        return ReadOnlyTargetError(where)
    return StatementFailedError(where, said)


def _told(error: "MySQLError", *values: str) -> tuple[int | None, str]:
    code, *words = error.args or (None,)
    if not isinstance(code, int):
        return None, without_values(str(error), *values)
    return code, without_values(" ".join(map(str, words)), *values)


def _parameters(credential: Credential, ca_file: str | None, settings: str) -> dict[str, Any]:
    verified = tls.context(credential, ca_file) if credential.ssl else None
    return {
        "host": credential.host,
        "port": credential.port,
        "user": credential.username,
        # The driver would send its letters in Latin 1.
        "password": credential.password.encode(),
        "database": credential.dbname or None,
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": STATEMENT_SECONDS,
        "write_timeout": STATEMENT_SECONDS,
        "autocommit": None,
        "program_name": PROGRAM_NAME,
        "init_command": f"SET {settings}, sql_quote_show_create = 1, "
        f"lock_wait_timeout = {LOCK_SECONDS}",
        "auth_plugin_map": plugins(credential),
        "ssl": verified,
        "ssl_disabled": verified is None,
    }


def _prefer_tls(connection: "Connection") -> None:
    """Let a connection that is to be made use TLS if the server has it, unverified."""
    # The driver can do that by itself, and then reads every CA of the system to trust none.
    connection.ssl = True
    connection.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    connection.ctx.check_hostname = False
    connection.ctx.verify_mode = ssl.CERT_NONE
