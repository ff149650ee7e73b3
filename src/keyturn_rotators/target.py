"""What a strategy asks of a database, whichever it is.

A strategy knows logins and what to change, no SQL; an engine knows its driver and its SQL, no
secrets and no API. Every one is a ``Target``. One whose passwords can be changed is an ``Engine``;
one that can keep two passwords of a user a ``DualEngine``, one that can make one user like another
a ``CloningEngine``. One that makes keys or tokens itself is an ``IssuingEngine``.

Every method may raise, besides what it says:

* UnreachableError, EncryptionError: there is no way to the database, or none to be trusted.
* MissingRightError: who is logged in may not do this.
* PasswordRefusedError: the database doesn't take this password.
* ReadOnlyTargetError: it takes no changes.
* StatementFailedError: it failed for another reason; nothing was changed by it.
* ConnectionLostError: the connection broke; the change is made or isn't.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.errors import UsernameTooLongError
from keyturn_rotators.rights import Right


class Login(Protocol):
    """Somebody's login."""

    def probe(self) -> None:
        """Read something, to see that the login is of use."""
        ...


class Session(Login, Protocol):
    """A login whose password can be changed."""

    def change_own_password(self, password: str) -> None:
        """Give the user that is logged in another password, in place of every one it has."""
        ...


class Administration(Protocol):
    """An administrator's login."""

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password, and with no other."""
        ...


class Target(Protocol):
    """What a secret logs in to."""

    @property
    def defaults(self) -> Defaults:
        """What its secrets are called, and what they may leave out."""
        ...

    def login(self, credential: Credential) -> AbstractContextManager[Login]:
        """Log in, and out at the end.

        Raises:
            LoginRefusedError: it answers, and doesn't let the user in.
            PasswordNotAskedError: it lets the user in whatever the password.
        """
        ...


class Engine(Target, Protocol):
    """A kind of database."""

    def login(self, credential: Credential) -> AbstractContextManager[Session]: ...

    def administer(
        self, admin: Credential, current: Credential
    ) -> AbstractContextManager[Administration]:
        """Log in as an administrator of the place where ``current`` logs in.

        Raises:
            LoginRefusedError: it answers, and doesn't let the administrator in.
        """
        ...


class DualSession(Login, Protocol):
    """A login to a database whose users may have two passwords at once."""

    def keep_two_passwords(self, kept: str, fresh: str) -> None:
        """Let the user that is logged in log in with these two, at every moment, and no other.

        Args:
            kept: a password that works already.
        """
        ...


class DualAdministration(Protocol):
    """An administrator's login to a database whose users may have two passwords at once."""

    def keep_two_passwords(self, username: str, kept: str, fresh: str) -> None:
        """Let a user log in with these two, at every moment, and with no other.

        Args:
            kept: a password that works already.
        """
        ...


class DualEngine(Target, Protocol):
    """A kind of database whose users may have two passwords at once."""

    def login(self, credential: Credential) -> AbstractContextManager[DualSession]: ...

    def administer(
        self, admin: Credential, current: Credential
    ) -> AbstractContextManager[DualAdministration]:
        """Log in as an administrator; see ``Engine``."""
        ...


class CloningAdministration(Administration, Protocol):
    """An administrator's login, to make one user like another."""

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return a user's rights, without its password, in the order in which to give them.

        The first is that the user is there at all; of a user that isn't, there are none.
        """
        ...

    def is_made_for(self, follower: str, model: str) -> bool:
        """Return whether the database shows that a user was made for another one.

        By what it has of that; or since nobody can log in as it yet, as with one that ``grant``
        made and whose password was never set. Where nothing shows it, the answer is no.
        """
        ...

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right, in exactly this way, in place of another way that it has it.

        A user that this makes can't log in before its password is set.
        """
        ...

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user."""
        ...


class CloningEngine(Engine, Protocol):
    """A kind of database that has users with rights to copy."""

    @property
    def clone_names(self) -> "CloneNames":
        """How the second of two alternating users is called."""
        ...

    def administer(
        self, admin: Credential, current: Credential
    ) -> AbstractContextManager[CloningAdministration]: ...


class Issuer(Login, Protocol):
    """A login to a target that makes a user's keys or tokens itself."""

    def issued(self, whose: Credential) -> "Sequence[Issued]":
        """Return what the user of a credential has, that credential too."""
        ...

    def issue(self, whose: Credential, mark: str) -> tuple[str, str]:
        """Make another one, which may do what ``whose`` may; return its name and the secret.

        Args:
            mark: is kept beside it, where the target keeps such a thing.
        """
        ...

    def withdraw(self, whose: Credential, name: str) -> None:
        """Let one log in no more; do nothing if the user has none of that name."""
        ...


class IssuingEngine(Target, Protocol):
    """A kind of target that makes keys or tokens itself.

    To log in to it is to have shown that the credential is good, and whose it is.
    """

    @property
    def pauses_seconds(self) -> Sequence[float]:
        """How long to wait, and again, for what was issued to be known everywhere."""
        ...

    @property
    def shows_names(self) -> bool:
        """Whether who logs in has shown its name too, rather than a secret alone."""
        ...

    def login(self, credential: Credential) -> AbstractContextManager[Issuer]: ...

    def administer(self, admin: Credential, current: Credential) -> AbstractContextManager[Issuer]:
        """Log in as somebody who makes keys or tokens for the user of ``current``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A key or token that a target has made.

    Attributes:
        name: what withdraws it, and is in the secret beside it; no secret itself.
        mark: what ``issue`` was told, or somebody else wrote there; None where there is no place.
        issued_at: where there is no place for marks.
    """

    name: str
    mark: str | None = None
    issued_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneNames:
    """How the second of two alternating users is called: as by AWS's functions.

    Attributes:
        length_max: of a username; in bytes of UTF-8 if ``is_in_bytes``, else in letters.
    """

    length_max: int
    is_in_bytes: bool = False
    suffix: str = "_clone"

    def other(self, username: str) -> str:
        """Return the other one of the two users.

        Raises:
            UsernameTooLongError: the database takes no name that long.
        """
        if self._length(username) > self.length_max:
            raise UsernameTooLongError(self._length(username), self.length_max)
        if username.endswith(self.suffix) and username != self.suffix:
            return username.removesuffix(self.suffix)
        other = username + self.suffix
        if self._length(other) > self.length_max:
            raise UsernameTooLongError(self._length(username), self.length_max - len(self.suffix))
        return other

    def _length(self, name: str) -> int:
        return len(name.encode()) if self.is_in_bytes else len(name)
