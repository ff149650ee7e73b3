"""What every strategy is, and what more than one does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Protocol

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import (
    AdminLoginRefusedError,
    LoginRefusedError,
    MissingRightError,
    PasswordRefusedError,
)
from keyturn_rotators.target import Target


class Versions(Protocol):
    """The logins that a strategy may look at, and what is known of the secret."""

    @property
    def secret_id(self) -> str:
        """Which secret it is."""
        ...

    def current(self) -> Credential: ...

    def previous(self) -> Credential | None: ...

    def administrator(self, current: Credential) -> Credential | None:
        """Return the login of the admin secret that ``current`` names; None if it names none."""
        ...

    def began_at(self) -> datetime:
        """Return when the rotation began."""
        ...

    def held(self, username: str) -> Credential | None:
        """Return the login of this name that any version has, also one without a label."""
        ...


class Strategy(Protocol):
    """A way of changing a credential."""

    @property
    def engine(self) -> Target:
        """The kind of database that the secret is for."""
        ...

    def propose(
        self, current: Credential, make_password: Callable[[], str], versions: Versions, /
    ) -> Credential:
        """Return the login that is to follow ``current``.

        Nothing that is in use is changed by it. It may be asked for again, by a step that is
        repeated, as long as what it returned wasn't stored.
        """
        ...

    def check(self, pending: Credential, current: Credential) -> None:
        """Refuse a login that isn't one that may follow ``current``.

        The function is a privileged deputy: whoever may write a version must not thereby point
        it, and the password that it is about to send, at another user or place.

        Raises:
            DifferentTargetError: it differs in more than it may.
        """
        ...

    def apply(self, pending: Credential, versions: Versions) -> None:
        """Make the database take ``pending``; do nothing if it already does."""
        ...


def is_accepted(engine: Target, credential: Credential) -> bool:
    """Return whether a database lets somebody in."""
    with suppress(LoginRefusedError), engine.login(credential):
        return True
    return False


@contextmanager
def as_administrator() -> Iterator[None]:
    """Tell a refused login within from one of the user's, which other passwords are tried for."""
    try:
        yield
    except LoginRefusedError as refusal:
        raise AdminLoginRefusedError(str(refusal)) from None


@contextmanager
def unless_accepted(engine: Target, pending: Credential) -> Iterator[None]:
    """Let a password be refused within that works already.

    A database that remembers passwords takes none twice, also not from an attempt that repeats
    what another one had done when it died; nor does one where users may change them once a day.
    """
    try:
        yield
    except (PasswordRefusedError, MissingRightError):
        if not is_accepted(engine, pending):
            raise
