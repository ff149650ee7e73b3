"""What a login to Oracle has in common, whoever's it is: names, statements, refusals.

Oracle: https://docs.oracle.com/error-help/db/ and
https://python-oracledb.readthedocs.io/en/latest/user_guide/exception_handling.html
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
    import oracledb

# A name without quotes, which Oracle keeps in capitals.
_NAME: Final = re.compile(r"[^\W\d_][\w$#]*")
_REFUSALS: Final = Refusals(
    # Password, lock, expiry, CREATE SESSION; and a service or SID that isn't there.
    login=frozenset(
        {
            *("ORA-01017", "ORA-28000", "ORA-28001", "ORA-28002", "ORA-01045", "ORA-28009"),
            *("ORA-12514", "ORA-12505", "ORA-01005", "DPY-6001", "DPY-6003"),
        }
    ),
    missing_right=frozenset(
        {"ORA-01031", "ORA-01932", "ORA-01927", "ORA-00942", "ORA-41900", "ORA-28008"}
    ),
    password=frozenset(
        {
            *("ORA-28003", "ORA-28007", "ORA-28219"),
            *("ORA-00988", "ORA-00972", "ORA-00906", "ORA-01741"),
        }
    ),
    read_only=frozenset({"ORA-16000", "ORA-01552"}),
    lost=frozenset(
        {
            *("DPY-4011", "DPY-1001", "DPY-4024", "DPY-6005", "DPY-6006"),
            *("ORA-03113", "ORA-03135"),
        }
    ),
)
_ENCRYPTION: Final = re.compile(r"\bSSL\b|\bTLS\b|certificate|distinguished name", re.IGNORECASE)


class OracleConnection:
    """A connection, and the login that it was made with.

    Args:
        advice: what to do if the login may not do what it is asked to, as a sentence.
    """

    def __init__(
        self, connection: "oracledb.Connection", credential: Credential, advice: str
    ) -> None:
        self._connection = connection
        self._credential = credential
        self._advice = advice

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with self._refusals(), self._connection.cursor() as cursor:
            cursor.execute(query, list(values))
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
        import oracledb

        try:
            yield
        except oracledb.Error as error:
            values = (self._credential.password, *secrets)
            raise statement_error(error, self._credential.where, self._advice, values) from None


def account_of(username: str) -> str:
    """Return the user that a login's name is of: Oracle keeps names in capitals.

    Raises:
        SecretValueError: the name is one that would have to be in quotes.
    """
    if not _NAME.fullmatch(username):
        raise SecretValueError(
            'The secret\'s "username" must be a name that Oracle takes without quotes: a letter, '
            "then letters, digits, _, $ and #. Rotate another user, or rename it."
        )
    return username.upper()


def quoted(name: str) -> str:
    """Return a name, or a password, as Oracle's quoted identifier.

    Raises:
        SecretValueError: it has a double quote in it, for which Oracle has no way to say it.
    """
    if '"' in name:
        raise SecretValueError("A name or password for Oracle can't have a double quote in it.")
    return f'"{name}"'


def login_error(error: "oracledb.Error", credential: Credential) -> TargetError:
    """Tell why a connection wasn't made."""
    code, said = told(error, (credential.password,))
    where = credential.where
    if code in _REFUSALS.login:
        return LoginRefusedError(where, credential.stage, said)
    if credential.ssl is not False and _ENCRYPTION.search(said):
        return EncryptionError(where, said)
    return UnreachableError(where, said)


def statement_error(
    error: "oracledb.Error", where: str, advice: str, values: Sequence[str]
) -> TargetError:
    """Tell why a statement was refused."""
    code, said = told(error, values)
    return _REFUSALS.of_statement(code, said, where, advice)


def told(error: "oracledb.Error", values: Sequence[str]) -> tuple[str, str]:
    """Return an error's code, and what is said."""
    (first, *_) = error.args or ("",)
    code = getattr(first, "full_code", "") or ""
    return code, without_values(str(first), *values)
