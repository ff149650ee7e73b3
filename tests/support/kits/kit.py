"""What the conformance tests ask of an engine's kit: a running server, and another look at it.

A kit looks at its server without the code under test: by another client, or by an administrator's
own statements. Its file has ``start``, which is named in ``kits.registry``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from typing_extensions import override

from keyturn_rotators.strategies import (
    AlternatingUsers,
    DualCredential,
    IssuedCredential,
    SingleUser,
    Strategy,
)

Document = dict[str, Any]


class StrategyName(StrEnum):
    """A strategy, by the name that ``keyturn function package`` has for it."""

    SINGLE_USER = "single-user"
    ALTERNATING_USERS = "alternating-users"
    DUAL_CREDENTIAL = "dual-credential"


STRATEGIES: dict[StrategyName, Callable[[Any], Strategy]] = {
    StrategyName.SINGLE_USER: SingleUser,
    StrategyName.ALTERNATING_USERS: AlternatingUsers,
    StrategyName.DUAL_CREDENTIAL: DualCredential,
}


class Kit(ABC):
    """A running server.

    Attributes:
        template: what ``keyturn function package`` calls the engine.
        engine: what is tested.
        strategies: those that the engine has.
        first_password, other_password: two that a user may have.
        elsewhere: what makes a secret's value one for another user or place, key by key.
        has_passwords: whether a login is a password that a function makes; not where the target
            makes what logs in (``IssuingEngine``): ``make_user`` then has one made.
        variables: the function's environment, besides where Secrets Manager is.
        powers: two things that a user can be allowed, by names of the kit's own.
        odd_usernames, odd_passwords: the worst that the server takes, also the longest.
        refused_password: one that the server doesn't take; None if it takes all.
        changed_by_admin: the strategies for which users haven't the right to change themselves,
            so that their secrets need ``masterarn``.
        is_crashed: whether it is rotated with a crash at every message, which takes long; not
            where another kit is of the same engine, and sends the same.
        is_packaged: whether its packages can reach it from a process of their own; not where a
            driver is simulated in the tests' process.
        logs_statements: whether ``log`` shows every statement, as the server logs it.
    """

    template: str
    engine: Any
    strategies: Sequence[StrategyName]
    first_password: str = "first-password"
    other_password: str = "changed-behind-our-back"
    elsewhere: Mapping[str, object] = MappingProxyType(
        {"username": "other", "host": "127.0.0.2", "port": 1, "masterarn": "arn:x"}
    )
    has_passwords: bool = True
    variables: Mapping[str, str] = MappingProxyType({})
    powers: tuple[str, str]
    odd_usernames: Sequence[str] = ()
    odd_passwords: Sequence[str] = ()
    refused_password: str | None = None
    changed_by_admin: Sequence[StrategyName] = ()
    is_crashed: bool = True
    is_packaged: bool = True
    logs_statements: bool = False

    @property
    @abstractmethod
    def address(self) -> tuple[str, int]:
        """Where the server listens, without TLS unless ``without_tls`` says otherwise."""

    def strategy(self, name: StrategyName, _port: int) -> Strategy:
        """Return a strategy for the engine.

        Args:
            _port: where a proxy to the server listens, for engines that no secret tells of it.
        """
        return STRATEGIES[name](self.engine)

    def driver(self) -> AbstractContextManager[None]:
        """Let the engine's driver be a simulated one, until the end of the block, where one is."""
        return nullcontext()

    def without_tls(self) -> AbstractContextManager[None]:
        """Let a server that has TLS do without, until the end of the block."""
        return nullcontext()

    def document(self, username: str, password: str) -> Document:
        """Return the value of a user's secret, with ``host`` and ``port`` among its keys."""
        host, port = self.address
        return {
            "engine": self.template,
            "host": host,
            "port": port,
            "username": username,
            "password": password,
        }

    @abstractmethod
    def admin_document(self) -> Document:
        """Return the value of an administrator's secret, who has the rights in the docs."""

    @abstractmethod
    def weak_admin_document(self) -> Document:
        """Return the value of a secret of somebody who can log in, and may do nothing."""

    @abstractmethod
    def make_user(self, username: str, password: str) -> None:
        """Make a user who may do what the docs ask for, and has the first of ``powers``."""

    @abstractmethod
    def set_password(self, username: str, password: str) -> None:
        """Change a user's password behind the rotation's back."""

    @abstractmethod
    def accepts(self, username: str, password: str) -> bool:
        """Return whether somebody can log in."""

    @abstractmethod
    def allow(self, username: str, power: str) -> None:
        """Allow a user something, as a database's owner would."""

    @abstractmethod
    def forbid(self, username: str, power: str) -> None:
        """Take that back."""

    @abstractmethod
    def can(self, username: str, password: str, power: str) -> bool:
        """Return whether a user who logs in can do something."""

    def log(self) -> bytes:
        """Return what the server has logged: nothing, unless ``logs_statements``."""
        return b""


class IssuingKit(Kit):
    """A running server that makes keys or tokens itself.

    Attributes:
        is_full_with_two: whether it makes no third one for a user.
    """

    has_passwords = False
    is_full_with_two: bool = False

    @override
    def strategy(self, _name: StrategyName, _port: int) -> Strategy:
        return IssuedCredential(self.engine)

    @abstractmethod
    def issued(self, document: Document) -> set[str]:
        """Return the names of everything that it has made for a secret's user."""

    @abstractmethod
    def issue_another(self, document: Document) -> tuple[str, str]:
        """Make one for a secret's user that the secret knows nothing of."""

    @abstractmethod
    def withdraw(self, document: Document) -> None:
        """Withdraw the one that a secret's value has."""

    @override
    def set_password(self, username: str, password: str) -> None:
        raise AssertionError(f"nobody chooses what lets {username} in")

    @override
    def allow(self, username: str, power: str) -> None:
        raise AssertionError(f"no test is about what {username} may do besides: {power}")

    @override
    def forbid(self, username: str, power: str) -> None:
        raise AssertionError(f"no test is about what {username} may do besides: {power}")


Start = Callable[[Path], AbstractContextManager[Kit]]
"""Starts a server in a folder that it makes."""
