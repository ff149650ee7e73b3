"""Db2 on RDS, with ibm_db.

* Db2's users are the operating system's: none changes itself. The administrator whose secret
  ``masterarn`` names does, by a procedure of the database ``rdsadmin``, with the password bound
  and in no statement.
* A change is known to the database a while after: a login is tried until it is.
* There is TLS, with the server's name and CA verified, unless the secret says ``"ssl": false``.
  The driver wants the one CA that vouches for the server: name it in TLS_CA_FILE or the secret.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/db2-sp-granting-revoking-privileges.html
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Final, NoReturn

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.db2_connection import (
    UNUSABLE_LETTERS,
    Db2Connection,
    dsn,
    login_error,
)
from keyturn_rotators.errors import LoginRefusedError, MissingKeyError, MissingRightError
from keyturn_rotators.tls import ca_file

if TYPE_CHECKING:
    import ibm_db_dbi

#: Together less than a Lambda's usual timeout.
PAUSES_SECONDS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
ADMIN_DATABASE: Final = "RDSADMIN"
_DEFAULTS: Final = Defaults(
    engines=frozenset({"db2", "db2-ae", "db2-se"}),
    port=50_000,
    unusable_letters=UNUSABLE_LETTERS,
)
_ADVICE: Final = (
    "Db2's users don't change themselves: name the master user's secret in the secret as "
    '"masterarn".'
)
_ADMIN_ADVICE: Final = "The administrator must be the instance's master user."


@dataclass(frozen=True, slots=True, kw_only=True)
class Db2:
    """Db2 on RDS.

    Attributes:
        ca_file: the CA that may vouch for a server; None for the system's.
        pauses_seconds: how long to wait, and again, for a change to be known.
        sleep: waits some seconds.
    """

    ca_file: str | None = None
    pauses_seconds: Sequence[float] = PAUSES_SECONDS
    sleep: Callable[[float], None] = sleep

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @contextmanager
    def login(self, credential: Credential) -> Iterator["Db2Session"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with self._connected(credential, credential.dbname) as connection:
            yield Db2Session(connection, credential, _ADVICE)

    @contextmanager
    def administer(self, admin: Credential, current: Credential) -> Iterator["Db2Administration"]:
        """Log in to the database of RDS's procedures; see ``target.Engine``."""
        with self._connected(admin, ADMIN_DATABASE) as connection:
            yield Db2Administration(
                connection, admin, lambda name, password: self._await(current, name, password)
            )

    def _await(self, current: Credential, username: str, password: str) -> None:
        """Return when a password is known, or after as long as it may take."""
        changed = current.with_username(username).with_password(password)
        for seconds in self.pauses_seconds:
            with suppress(LoginRefusedError), self._connected(changed, current.dbname):
                return
            self.sleep(seconds)

    @contextmanager
    def _connected(self, credential: Credential, dbname: str) -> Iterator["ibm_db_dbi.Connection"]:
        # The driver takes longest to load, and two of the four steps do without it.
        import ibm_db_dbi

        if not dbname:
            raise MissingKeyError("dbname", needed=(*_DEFAULTS.needed, "dbname"))
        verified_by = None if credential.ssl is False else ca_file(credential, self.ca_file)
        place = dsn(credential, dbname, verified_by)
        try:
            connection = ibm_db_dbi.connect(
                place,
                credential.username,
                credential.password,
                # The driver takes back at the end what wasn't committed.
                conn_options={ibm_db_dbi.SQL_ATTR_AUTOCOMMIT: ibm_db_dbi.SQL_AUTOCOMMIT_ON},
            )
        except ibm_db_dbi.Error as error:
            # The cause could hold what the server said before the values were taken out.
            raise login_error(error, credential) from None
        try:
            yield connection
        finally:
            # One that broke can't be closed either.
            with suppress(ibm_db_dbi.Error):
                connection.close()


class Db2Session(Db2Connection):
    """A user's login; see ``target.Session``."""

    def probe(self) -> None:
        """Read the server's clock."""
        self.rows("SELECT CURRENT TIMESTAMP FROM SYSIBM.SYSDUMMY1")

    def change_own_password(self, _password: str) -> NoReturn:
        """Leave it to the administrator.

        Raises:
            MissingRightError: always.
        """
        said = "a user of the operating system isn't changed by SQL"
        raise MissingRightError(self._credential.where, said, _ADVICE)


class Db2Administration(Db2Connection):
    """An administrator's login; see ``target.Administration``.

    Args:
        await_password: returns when a user's password is known.
    """

    def __init__(
        self,
        connection: "ibm_db_dbi.Connection",
        credential: Credential,
        await_password: Callable[[str, str], None],
    ) -> None:
        super().__init__(connection, credential, _ADMIN_ADVICE)
        self._await_password = await_password

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password, and wait until it can."""
        self.call("RDSADMIN.CHANGE_PASSWORD", username, password)
        self._await_password(username, password)
