"""How a credential is changed: who changes whose password, and what keeps working meanwhile.

A strategy decides on logins alone. It asks ``Versions`` for them and a ``target.Engine`` for the
acts, and each of its methods may be repeated after a crash at any line.

Single user changes one user's own password. Open connections stay; between the database's change
and the secret's, a login with AWSCURRENT is refused.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
import logging
from typing import Protocol

from keyturn_rotators.credential import Credential, differing_keys, require_same_login
from keyturn_rotators.errors import LoginRefusedError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.target import Engine

_log = logging.getLogger(LOGGER_NAME)


class Versions(Protocol):
    """The logins that a strategy may look at."""

    def current(self) -> Credential: ...

    def previous(self) -> Credential | None: ...


class Strategy(Protocol):
    """A way of changing a credential."""

    @property
    def engine(self) -> Engine:
        """The kind of database that the secret is for."""
        ...

    def propose(self, current: Credential, make_password: Callable[[], str]) -> Credential:
        """Return the login that is to follow ``current``. Nothing is changed by it."""
        ...

    def apply(self, pending: Credential, versions: Versions) -> None:
        """Make the database take ``pending``; do nothing if it already does."""
        ...


@dataclass(frozen=True, slots=True)
class SingleUser:
    """The user in the secret changes its own password."""

    engine: Engine

    def propose(self, current: Credential, make_password: Callable[[], str]) -> Credential:
        """Return the same login with a fresh password."""
        return current.with_password(make_password())

    def apply(self, pending: Credential, versions: Versions) -> None:
        """Change the password, logged in with the one that works.

        AWSCURRENT is tried before AWSPENDING, other than AWS's functions do, so that an ordinary
        rotation leaves no failed login in the database's log.

        Raises:
            DifferentTargetError: AWSPENDING isn't for AWSCURRENT's user and place.
            LoginRefusedError: none of the secret's passwords is the database's.
        """
        current = versions.current()
        require_same_login(pending, current)
        try:
            self._change(current, pending.password)
        except LoginRefusedError as refusal:
            if not self._is_accepted(pending) and not self._recover(current, pending, versions):
                raise refusal from None

    def _change(self, credential: Credential, password: str) -> None:
        with self.engine.login(credential) as session:
            session.change_own_password(password)

    def _is_accepted(self, credential: Credential) -> bool:
        """Say whether an attempt that died got as far as changing the password."""
        with suppress(LoginRefusedError), self.engine.login(credential):
            return True
        return False

    def _recover(self, current: Credential, pending: Credential, versions: Versions) -> bool:
        """Start from AWSPREVIOUS, for a database that lost its last change.

        Only a refused AWSCURRENT leads here, and only AWSPREVIOUS's password is taken from it:
        user, place and TLS are AWSCURRENT's.
        """
        previous = versions.previous()
        if previous is None or set(differing_keys(previous, current)) - {"ssl"}:
            return False
        with suppress(LoginRefusedError):
            self._change(replace(previous, ssl=current.ssl), pending.password)
            _log.warning("setSecret: AWSCURRENT was refused; recovered with AWSPREVIOUS")
            return True
        return False
