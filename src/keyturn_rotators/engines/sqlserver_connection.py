"""What a login to SQL Server has in common, whoever's it is: statements, names, refusals.

SQL Server: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
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
    TargetError,
    UnreachableError,
    without_values,
)

if TYPE_CHECKING:
    import pymssql

_REFUSALS: Final = Refusals(
    # What is said to who logs in, or may not use the database.
    login=frozenset({*("18456", "18470", "18486", "18487", "18488"), *("4060", "4064", "916")}),
    missing_right=frozenset(
        {
            *("229", "230", "262", "297", "300"),
            *("5011", "15003", "15151", "15247", "15530"),
        }
    ),
    password=frozenset(map(str, (*range(15114, 15120), *range(18463, 18469)))),
    read_only=frozenset({"3906", "3908", "3961", "978", "979"}),
    # DB-Library's own: no way to connect, dead, out of time.
    lost=frozenset(
        {
            *("20002", "20009", "20012", "20013", "20017"),
            *("20003", "20004", "20006", "20047"),
        }
    ),
)
_FAILED: Final = "20002"
_LIBRARY_NUMBER: Final = re.compile(r"DB-Lib error message (\d+)")


class SqlServerConnection:
    """A connection, and the login that it was made with.

    Args:
        advice: what to do if the login may not do what it is asked to, as a sentence.
    """

    def __init__(
        self, connection: "pymssql.Connection", credential: Credential, advice: str
    ) -> None:
        self._connection = connection
        self._credential = credential
        self._advice = advice

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with self._refusals(), self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return list(cursor.fetchall())

    def _run(self, statement: str, *secrets: str) -> None:
        """Run a statement that has no values but those in its text.

        Args:
            secrets: what of the text no message may have.
        """
        with self._refusals(*secrets), self._connection.cursor() as cursor:
            cursor.execute(statement)

    @contextmanager
    def _refusals(self, *secrets: str) -> Iterator[None]:
        import pymssql

        try:
            yield
        except pymssql.Error as error:
            values = (self._credential.password, *secrets)
            raise statement_error(error, self._credential.where, self._advice, values) from None


def quoted(name: str) -> str:
    """Return a name as an identifier, as QUOTENAME does."""
    return "[" + name.replace("]", "]]") + "]"


def literal(text: str) -> str:
    """Return a text as a literal of Unicode."""
    return "N'" + text.replace("'", "''") + "'"


def login_error(error: "pymssql.Error", credential: Credential) -> TargetError:
    """Tell why a connection wasn't made."""
    number, said = told(error, (credential.password,))
    where = credential.where
    if number in _REFUSALS.login:
        return LoginRefusedError(where, credential.stage, said)
    if credential.ssl is not False and _is_about_tls(said):
        return EncryptionError(where, said)
    return UnreachableError(where, said)


def statement_error(
    error: "pymssql.Error", where: str, advice: str, values: Sequence[str]
) -> TargetError:
    """Tell why a statement was refused."""
    number, said = told(error, values)
    return _REFUSALS.of_statement(number, f"{said} ({number})", where, advice)


def told(error: "pymssql.Error", values: Sequence[str]) -> tuple[str, str]:
    """Return an error's number, the server's or else DB-Library's, and what is said."""
    first, *rest = (*error.args, "")
    number, text = first if isinstance(first, tuple) else (first, *rest[:1])
    said = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    if not isinstance(number, int):
        number, said = 0, str(error)
    found = None if number else _LIBRARY_NUMBER.search(said)
    code = found[1] if found else str(number)
    return code, without_values(said or str(error), *values)


def _is_about_tls(said: str) -> bool:
    # DB-Library has no number for it: it says that the connection failed, and not why. Every other
    # cause is said before that.
    return set(_LIBRARY_NUMBER.findall(said)) == {_FAILED}
