"""What a login to MongoDB has in common, whoever's it is: commands, refusals, mechanisms.

MongoDB: https://www.mongodb.com/docs/manual/reference/command/nav-user-management/
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

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

if TYPE_CHECKING:
    from pymongo.database import Database
    from pymongo.errors import PyMongoError

# NotWritablePrimary, NotPrimaryNoSecondaryOk and the older LegacyNotPrimary
# (src/mongo/base/error_codes.yml).
_NOT_PRIMARY: Final = frozenset({10058, 10107, 13435})
# pymongo's own words (pool_shared.py), and what Python ends a text of OpenSSL's with: of both
# only the text is passed on.
_NO_TLS: Final = ("SSL handshake failed", "(_ssl.c:")
# From here on pymongo tells what it knows of the topology.
_TOPOLOGY: Final = ", Timeout: "


class MongoConnection:
    """The database that knows a user, and the login that reads and changes it.

    Args:
        advice: what to do if the login may not do what it is asked to, as a sentence.
    """

    def __init__(
        self, database: "Database[dict[str, Any]]", credential: Credential, advice: str
    ) -> None:
        self._database = database
        self._credential = credential
        self._advice = advice

    def _run(self, command: str, about: object, *values: str, **fields: object) -> dict[str, Any]:
        """Run a command, and keep values out of what is said of its failure."""
        with self._refusals(*values):
            return self._database.command({command: about, **fields})

    @contextmanager
    def _refusals(self, *values: str) -> Iterator[None]:
        from pymongo.errors import PyMongoError

        try:
            yield
        except PyMongoError as error:
            # The cause holds what the server said before the values were taken out.
            raise statement_error(error, self._credential, *values, advice=self._advice) from None

    def _set_password(self, username: str, password: str, **fields: Sequence[str]) -> None:
        """Give a user a password, for the mechanisms that it has or is given by ``fields``.

        A password that comes alone would be made good for every mechanism of the server's
        (src/mongo/db/commands/user_management_commands.cpp, buildCredentials).
        """
        self._require_preparable(password)
        fields = fields or self._mechanisms(username)
        self._run("updateUser", username, password, pwd=password, **fields)

    def _require_preparable(self, password: str) -> None:
        if not is_preparable(password):
            raise PasswordRefusedError(
                self._credential.where, "it has characters that SASLprep (RFC 4013) prohibits"
            )

    def _mechanisms(self, username: str) -> dict[str, Sequence[str]]:
        """Return a user's mechanisms, as commands take them; none if the server doesn't tell.

        A login asks for them before it has any right, so this needs none. By its first name
        every server knows the command that is called ``hello`` now.
        """
        user = f"{self._database.name}.{username}"
        told = self._run("isMaster", 1, saslSupportedMechs=user).get("saslSupportedMechs")
        return {"mechanisms": sorted(told)} if told else {}


def is_preparable(password: str) -> bool:
    """Return whether a password can be prepared as a login with SCRAM-SHA-256 asks for."""
    from pymongo.saslprep import saslprep

    try:
        saslprep(password)
    except (ValueError, IndexError):
        # The latter if nothing is left of it.
        return False
    return True


def login_error(error: "PyMongoError", credential: Credential) -> TargetError:
    """Tell why a login failed."""
    from pymongo.errors import InvalidName, OperationFailure

    if isinstance(error, OperationFailure | InvalidName):
        said = _said(error, credential.password)
        return LoginRefusedError(credential.where, credential.stage, said)
    said = without_values(str(error).partition(_TOPOLOGY)[0], credential.password)
    kind = EncryptionError if any(word in said for word in _NO_TLS) else UnreachableError
    return kind(credential.where, said)


def statement_error(
    error: "PyMongoError", credential: Credential, *values: str, advice: str
) -> TargetError:
    """Tell why a command failed, by MongoDB's codes (src/mongo/base/error_codes.yml)."""
    from pymongo.errors import NotPrimaryError, OperationFailure

    where = credential.where
    match error:
        case NotPrimaryError(details={"code": code}) if code in _NOT_PRIMARY:
            return ReadOnlyTargetError(where)
        case OperationFailure(code=13):  # Unauthorized
            return MissingRightError(where, _said(error, *values), advice)
        case OperationFailure(code=2) if values:  # BadValue
            return PasswordRefusedError(where, _said(error, *values))
        case OperationFailure():
            return StatementFailedError(where, _said(error, *values))
        case _:
            # Also a server that shuts down or steps down, which may have done it before.
            return ConnectionLostError(where, _said(error, *values))


def _said(error: "PyMongoError", *values: str) -> str:
    """Return what the server said, without the driver's copy of its whole answer."""
    from pymongo.errors import OperationFailure

    if not isinstance(error, OperationFailure):
        return without_values(str(error), *values)
    text = without_values(str((error.details or {}).get("errmsg", "")), *values)
    return f"{text} ({error.code})"
