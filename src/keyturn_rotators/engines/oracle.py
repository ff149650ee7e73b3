"""Oracle, with python-oracledb's thin driver.

* A user changes itself by the protocol's own request, which is encrypted and has no text of SQL,
  also without TLS. An administrator's statement has the password in its text, so there is TLS for
  it unless the secret says ``"ssl": false``.
* ``"ssl": true`` is TLS with the server's name and CA verified; false is none. Without the key a
  user logs in without TLS, which is Oracle's way: the login sends no password in the clear.
* Two passwords at once are Oracle's gradual rollover, for as long as the user's profile has
  PASSWORD_ROLLOVER_TIME.

Oracle: https://docs.oracle.com/en/database/oracle/oracle-database/23/dbseg/configuring-authentication.html
("Managing Gradual Database Password Rollover for Applications");
https://python-oracledb.readthedocs.io/en/latest/user_guide/connection_handling.html
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.oracle_connection import (
    OracleConnection,
    account_of,
    login_error,
)
from keyturn_rotators.engines.oracle_users import (
    OracleAdministration,
    end_rollover,
    is_rollover,
    require_rollover,
)
from keyturn_rotators.errors import LoginRefusedError, MissingKeyError
from keyturn_rotators.target import CloneNames
from keyturn_rotators.tls import context

if TYPE_CHECKING:
    import oracledb

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 10
#: Of a name, before 12.2; AWS's functions have the same limit.
NAME_BYTES_MAX: Final = 30
_DEFAULTS: Final = Defaults(
    engines=frozenset(
        {"oracle", *(f"oracle-{each}" for each in ("ee", "ee-cdb", "se2", "se2-cdb"))}
    ),
    port=1521,
    # Before 23ai there is no longer one.
    password_length=30,
    # A quote ends the password in a statement, and the other begins a connection's place.
    unusable_letters='"@',
)
_ADVICE: Final = (
    'Name an administrator\'s secret in the secret as "masterarn"; the administrator needs ALTER '
    "USER."
)
_ROLLOVER_TIME: Final = """
SELECT limit FROM SYS.USER_PASSWORD_LIMITS WHERE resource_name = 'PASSWORD_ROLLOVER_TIME'
"""
_STATUS: Final = "SELECT account_status FROM SYS.USER_USERS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Oracle:
    """Oracle.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=NAME_BYTES_MAX, is_in_bytes=True, suffix="_CLONE")

    @contextmanager
    def login(self, credential: Credential) -> Iterator["OracleSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with self._connected(credential) as connection:
            yield OracleSession(connection, credential, self)

    @contextmanager
    def administer(
        self, admin: Credential, current: Credential
    ) -> Iterator["OracleAdministration"]:
        """Log in as an administrator; see ``target.Engine``."""
        there = replace(
            admin,
            dbname=current.dbname,
            # Passwords are sent in statements.
            ssl=True if admin.ssl is None else admin.ssl,
        )
        with self._connected(there) as connection:
            yield OracleAdministration(connection, there)

    def accepts(self, credential: Credential) -> bool:
        """Return whether the server lets somebody in."""
        with suppress(LoginRefusedError), self._connected(credential):
            return True
        return False

    @contextmanager
    def _connected(self, credential: Credential) -> Iterator["oracledb.Connection"]:
        # The driver takes longest to load, and two of the four steps do without it.
        import oracledb

        try:
            connection = oracledb.connect(**self._parameters(credential))
        except oracledb.Error as error:
            # The cause could hold what the server said before the values were taken out.
            raise login_error(error, credential) from None
        try:
            connection.call_timeout = STATEMENT_SECONDS * 1000
            yield connection
        finally:
            # One that broke can't be closed either.
            with suppress(oracledb.Error):
                connection.close()

    def _parameters(self, credential: Credential) -> dict[str, Any]:
        if not credential.dbname:
            raise MissingKeyError("dbname", needed=(*_DEFAULTS.needed, "dbname"))
        return {
            "host": credential.host,
            "port": credential.port,
            "service_name": credential.dbname,
            "user": account_of(credential.username),
            "password": credential.password,
            "tcp_connect_timeout": CONNECT_SECONDS,
            **self._encryption(credential),
        }

    def _encryption(self, credential: Credential) -> dict[str, Any]:
        if not credential.ssl:
            return {"protocol": "tcp"}
        return {
            "protocol": "tcps",
            "ssl_context": context(credential, self.ca_file),
            "ssl_server_dn_match": True,
        }


class OracleSession(OracleConnection):
    """A user's login; see ``target.DualSession``."""

    def __init__(
        self, connection: "oracledb.Connection", credential: Credential, engine: Oracle
    ) -> None:
        super().__init__(connection, credential, _ADVICE)
        self._engine = engine

    def probe(self) -> None:
        """Read the server's clock."""
        self._rows("SELECT SYSDATE FROM SYS.DUAL")

    def change_own_password(self, password: str) -> None:
        """Change the password of the user that is logged in; see ``target.Session``.

        Of a user whose profile has a rollover, the former goes on working for as long.
        """
        self._settle(self._credential.password)
        self._change(self._credential.password, password)

    def keep_two_passwords(self, kept: str, fresh: str) -> None:
        """Let both in, for as long as the profile says; see ``target.DualSession``."""
        rows = self._rows(_ROLLOVER_TIME)
        require_rollover(rows[0][0] if rows else None, self._credential.where)
        if self._is_in_rollover() and self._engine.accepts(self._credential.with_password(fresh)):
            # An attempt that died got as far.
            return
        self._settle(kept)
        self._change(kept, fresh)

    def _settle(self, kept: str) -> None:
        """Let this password in, and no other.

        In a rollover it isn't known which of the two it is, and another change would take the
        newer one. So it is made the newer one, and then the other one is ended.
        """
        if self._is_in_rollover():
            self._change(kept, kept)
            self._run(end_rollover(account_of(self._credential.username)))

    def _is_in_rollover(self) -> bool:
        ((status,),) = self._rows(_STATUS)
        return is_rollover(status)

    def _change(self, old: str, new: str) -> None:
        with self._refusals(old, new):
            self._connection.changepassword(old, new)
