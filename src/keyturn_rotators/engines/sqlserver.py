"""SQL Server, with pymssql (FreeTDS).

* A login changes itself with the password that it logged in with, whichever of the secret's that
  was. A user that a contained database has changes itself there.
* A new password is text in the statement; SQL Server keeps those of ALTER LOGIN out of its traces.
* There is TLS, with the server's name and CA verified, unless the secret says ``"ssl": false``.
  FreeTDS is told so by a file, which it reads when it connects.

SQL Server: https://learn.microsoft.com/sql/t-sql/statements/alter-login-transact-sql;
FreeTDS: https://www.freetds.org/userguide/freetdsconf.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import os
import tempfile
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.sqlserver_connection import (
    SqlServerConnection,
    literal,
    login_error,
    quoted,
)
from keyturn_rotators.engines.sqlserver_logins import SqlServerAdministration
from keyturn_rotators.target import CloneNames
from keyturn_rotators.tls import ca_file

if TYPE_CHECKING:
    import pymssql

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 10
APPLICATION_NAME: Final = "keyturn-rotation"
#: sysname
NAME_LETTERS_MAX: Final = 128
_DEFAULTS: Final = Defaults(
    engines=frozenset({"sqlserver", *(f"sqlserver-{each}" for each in ("ee", "se", "ex", "web"))}),
    port=1433,
    dbname="master",
)
_ADVICE: Final = (
    "Grant it the right to change its own password, or name an administrator's secret in the "
    'secret as "masterarn".'
)
# DATABASE: the password is the database's own, not a login's.
_CONTAINED: Final = (
    "SELECT 1 FROM sys.database_principals WHERE name = USER_NAME() AND authentication_type = 2"
)
# FreeTDS takes the file's name from the process's environment.
_environment_lock = Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlServer:
    """SQL Server.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=NAME_LETTERS_MAX)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["SqlServerSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with self._connected(credential) as connection:
            yield SqlServerSession(connection, credential, _ADVICE)

    @contextmanager
    def administer(
        self, admin: Credential, _current: Credential
    ) -> Iterator["SqlServerAdministration"]:
        """Log in as an administrator; see ``target.Engine``."""
        with self._connected(admin) as connection:
            yield SqlServerAdministration(connection, admin)

    @contextmanager
    def _connected(self, credential: Credential) -> Iterator["pymssql.Connection"]:
        # The driver takes longest to load, and two of the four steps do without it.
        import pymssql

        try:
            with self._configured(credential):
                connection = pymssql.connect(**_parameters(credential))
        except pymssql.Error as error:
            # The cause could hold what the server said before the values were taken out.
            raise login_error(error, credential) from None
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _configured(self, credential: Credential) -> Iterator[None]:
        """Have FreeTDS verify the server, for as long as it takes to connect."""
        if credential.ssl is False:
            text = "[global]\n\tencryption = off\n"
        else:
            path = ca_file(credential, self.ca_file)
            text = (
                f"[global]\n\tencryption = require\n\tca file = {path}\n"
                "\tcheck certificate hostname = yes\n"
            )
        with (
            _environment_lock,
            tempfile.NamedTemporaryFile("w", prefix="keyturn-freetds-", suffix=".conf") as file,
        ):
            file.write(text)
            file.flush()
            os.environ["FREETDSCONF"] = file.name
            try:
                yield
            finally:
                del os.environ["FREETDSCONF"]


class SqlServerSession(SqlServerConnection):
    """A login's session; see ``target.Session``."""

    def probe(self) -> None:
        """Read the server's clock."""
        self._rows("SELECT SYSDATETIME()")

    def change_own_password(self, password: str) -> None:
        """Change the password of whoever is logged in; see ``target.Session``."""
        kind, name = self._who()
        old = self._credential.password
        self._run(
            f"ALTER {kind} {quoted(name)} WITH PASSWORD = {literal(password)} "
            f"OLD_PASSWORD = {literal(old)}",
            password,
        )

    def _who(self) -> tuple[str, str]:
        if self._rows(_CONTAINED):
            ((name,),) = self._rows("SELECT USER_NAME()")
            return "USER", name
        ((name,),) = self._rows("SELECT ORIGINAL_LOGIN()")
        return "LOGIN", name


def _parameters(credential: Credential) -> dict[str, Any]:
    return {
        "server": credential.host,
        "port": str(credential.port),
        "database": credential.dbname,
        "user": credential.username,
        "password": credential.password,
        "encryption": "off" if credential.ssl is False else "require",
        "login_timeout": CONNECT_SECONDS,
        "timeout": STATEMENT_SECONDS,
        "appname": APPLICATION_NAME,
        "charset": "UTF-8",
        "autocommit": True,
    }
