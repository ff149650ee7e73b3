"""What a strategy asks of a database, whichever it is.

A strategy knows logins and what to change, no SQL; an engine knows its driver and its SQL, no
secrets and no API.
"""

from contextlib import AbstractContextManager
from typing import Protocol

from keyturn_rotators.credential import Credential, Defaults


class Session(Protocol):
    """Somebody's login."""

    def probe(self) -> None:
        """Read something, to see that the login is of use."""
        ...

    def change_own_password(self, password: str) -> None:
        """Give the user that is logged in another password.

        Raises:
            MissingRightError: the user may not.
            PasswordRefusedError: the database doesn't take this password.
            ReadOnlyTargetError: the database takes no changes.
            StatementFailedError: it failed for another reason; the password is unchanged.
            ConnectionLostError: the connection broke; the password is changed or isn't.
        """
        ...


class Engine(Protocol):
    """A kind of database."""

    @property
    def defaults(self) -> Defaults:
        """What its secrets are called, and what they may leave out."""
        ...

    def login(self, credential: Credential) -> AbstractContextManager[Session]:
        """Log in, and out at the end.

        Raises:
            UnreachableError: nothing answers there.
            EncryptionError: TLS isn't there, or isn't to be trusted.
            LoginRefusedError: it answers, and doesn't let the user in.
            PasswordNotAskedError: it lets the user in whatever the password.
        """
        ...
