"""What a login to Db2 has in common, whoever's it is: places, names, statements, refusals.

Db2: https://www.ibm.com/docs/en/db2/11.5?topic=messages-sql and
https://www.ibm.com/docs/en/db2/11.5?topic=keywords-cliodbc-configuration-listing-by-category
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import re
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.refusals import Refusals
from keyturn_rotators.errors import (
    EncryptionError,
    LoginRefusedError,
    SecretValueError,
    TargetError,
    UnreachableError,
    without_values,
)

if TYPE_CHECKING:
    import ibm_db_dbi

#: They end a value in a connection's string, or quote it; the driver has no way to escape them.
UNUSABLE_LETTERS: Final = ";{}"
_CODE: Final = re.compile(r"SQL(\d{4,5})[NCW]")
_REFUSALS: Final = Refusals(
    login=frozenset({"30082", "1060", "1013", "30061"}),
    missing_right=frozenset({"0551", "0552", "1092", "0567"}),
    # What a procedure of rdsadmin says that it doesn't like.
    password=frozenset({"0438"}),
    read_only=frozenset({"1773", "1776"}),
    lost=frozenset({"30081", "1224", "0900", "1024", "30108"}),
)
_TLS_SETUP: Final = "sqlccSSL"


class Db2Connection:
    """A connection, and the login that it was made with.

    Args:
        advice: what to do if the login may not do what it is asked to, as a sentence.
    """

    def __init__(
        self, connection: "ibm_db_dbi.Connection", credential: Credential, advice: str
    ) -> None:
        self._connection = connection
        self._credential = credential
        self._advice = advice

    def rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self._refusals():
            cursor = self._connection.cursor()
            cursor.execute(query, values)
            return [tuple(row) for row in cursor.fetchall()]

    def call(self, procedure: str, *values: str) -> None:
        """Call a procedure.

        Args:
            values: which no message has.
        """
        with self._refusals(*values):
            self._connection.cursor().callproc(procedure, values)

    @contextmanager
    def _refusals(self, *secrets: str) -> Iterator[None]:
        import ibm_db_dbi

        try:
            yield
        except ibm_db_dbi.Error as error:
            values = (self._credential.password, *secrets)
            raise statement_error(error, self._credential.where, self._advice, values) from None


def dsn(credential: Credential, dbname: str, ca_file: str | None) -> str:
    """Return a connection's string, without who logs in.

    Args:
        ca_file: the CA that may vouch for the server; None for no TLS.

    Raises:
        SecretValueError: a value would end before its end.
    """
    values = {
        "DATABASE": dbname,
        "HOSTNAME": credential.host,
        "PORT": str(credential.port),
        "PROTOCOL": "TCPIP",
        "CONNECTTIMEOUT": str(CONNECT_SECONDS),
    }
    if ca_file is not None:
        values |= {
            "SECURITY": "SSL",
            "SSLServerCertificate": ca_file,
            "SSLClientHostnameValidation": "Basic",
        }
    named = {**values, "UID": credential.username, "PWD": credential.password}
    for name, value in named.items():
        if set(value) & set(UNUSABLE_LETTERS):
            raise SecretValueError(
                f"The secret's value for {name} has one of {UNUSABLE_LETTERS} in it, which Db2's "
                "driver can't be told. Put one without: aws secretsmanager put-secret-value."
            )
    return "".join(f"{name}={value};" for name, value in values.items())


CONNECT_SECONDS: Final = 5


def login_error(error: "ibm_db_dbi.Error", credential: Credential) -> TargetError:
    """Tell why a connection wasn't made."""
    code, said = told(error, (credential.password,))
    where = credential.where
    if code in _REFUSALS.login:
        return LoginRefusedError(where, credential.stage, said)
    if credential.ssl is not False and _TLS_SETUP in said:
        return EncryptionError(where, said)
    return UnreachableError(where, said)


def statement_error(
    error: "ibm_db_dbi.Error", where: str, advice: str, values: Sequence[str]
) -> TargetError:
    """Tell why a statement was refused."""
    code, said = told(error, values)
    return _REFUSALS.of_statement(code, said, where, advice)


def told(error: "ibm_db_dbi.Error", values: Sequence[str]) -> tuple[str, str]:
    """Return an error's code, and what is said."""
    said = without_values(str(error), *values)
    found = _CODE.search(said)
    return (found[1] if found else ""), said
