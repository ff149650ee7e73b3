"""What the strategies have in common that change one user's password, and no other's login."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
import logging
from typing import Final

from keyturn_rotators.credential import Credential, differing_keys, require_same_login
from keyturn_rotators.errors import LoginRefusedError, MissingRightError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.strategies.strategy import (
    Versions,
    as_administrator,
    is_accepted,
    unless_accepted,
)
from keyturn_rotators.target import Target

# What may have been added to the secret since, and says nothing about whose login it is.
_MAY_BE_NEWER: Final = frozenset({"ssl", "caCertificate", "masterarn"})

_log = logging.getLogger(LOGGER_NAME)


class OneUser(ABC):
    """Changes the user in the secret, by whichever of its passwords works.

    The user does it itself. Where it may not, the administrator does whose secret it names
    (``masterarn``); only after the user has logged in.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def engine(self) -> Target:
        """The kind of database that the secret is for."""

    def propose(
        self, current: Credential, make_password: Callable[[], str], _versions: Versions
    ) -> Credential:
        """Return the same login with a fresh password."""
        return current.with_password(make_password())

    def check(self, pending: Credential, current: Credential) -> None:
        """Refuse another user or place; see ``Strategy``."""
        require_same_login(pending, current)

    def apply(self, pending: Credential, versions: Versions) -> None:
        """Change the user, logged in with the password that works.

        AWSCURRENT is tried before AWSPENDING, other than AWS's functions do, so that an ordinary
        rotation leaves no failed login in the database's log.

        Raises:
            DifferentTargetError: AWSPENDING isn't for AWSCURRENT's user and place.
            LoginRefusedError: none of the secret's passwords is the database's.
            AdminLoginRefusedError: the admin secret's password isn't the database's.
        """
        current = versions.current()
        self.check(pending, current)
        try:
            with unless_accepted(self.engine, pending):
                self._change(current, pending.password, versions)
        except LoginRefusedError as refusal:
            if is_accepted(self.engine, pending):
                # An attempt that died got as far as changing the password.
                return
            if not self._recover(current, pending.password, versions):
                raise refusal from None

    def _change(self, working: Credential, fresh: str, versions: Versions) -> None:
        try:
            self._change_oneself(working, fresh)
        except MissingRightError:
            admin = versions.administrator(working)
            if admin is None:
                raise
            with as_administrator():
                self._change_by_admin(admin, working, fresh)

    @abstractmethod
    def _change_oneself(self, working: Credential, fresh: str) -> None:
        """Change the user, logged in as it."""

    @abstractmethod
    def _change_by_admin(self, admin: Credential, working: Credential, fresh: str) -> None:
        """Change the user, logged in as an administrator."""

    def _recover(self, current: Credential, fresh: str, versions: Versions) -> bool:
        """Start from AWSPREVIOUS, for a database that lost its last change.

        Only a refused AWSCURRENT leads here, and only AWSPREVIOUS's password is taken from it:
        user, place and TLS are AWSCURRENT's.
        """
        previous = versions.previous()
        if previous is None or set(differing_keys(previous, current)) - _MAY_BE_NEWER:
            return False
        with suppress(LoginRefusedError):
            self._change(current.with_password(previous.password), fresh, versions)
            _log.warning("setSecret: AWSCURRENT was refused; recovered with AWSPREVIOUS")
            return True
        return False
