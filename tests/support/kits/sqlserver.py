"""SQL Server, simulated: the driver's ``connect`` leads to a simulation in the tests' process."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymssql
import pytest
from typing_extensions import override

from keyturn_rotators.engines.sqlserver import SqlServer
from support.kits.kit import Document, Kit, StrategyName
from support.simulated_sqlserver import Database, Login, SimulatedSqlServer, connect

_ADMIN = "rotation admin"
_WEAK_ADMIN = "weak admin"
_PASSWORD = "password-of-an-administrator"
_DATABASE = "sales]db"


def missing() -> str:
    """Return what has to be installed."""
    return ""


@contextmanager
def start(_folder: Path) -> Iterator["SqlServerKit"]:
    """Run the simulation until the end of the block."""
    with SimulatedSqlServer.start() as server:
        for name in (_ADMIN, _WEAK_ADMIN):
            server.world.logins[name] = Login(password=_PASSWORD)
        server.world.server_roles["sysadmin"].add(_ADMIN)
        roles: dict[str, set[str]] = {power: set() for power in SqlServerKit.powers}
        server.world.databases[_DATABASE] = Database(roles=roles)
        yield SqlServerKit(server)


class SqlServerKit(Kit):
    """A running simulation; see ``Kit``. What users may do comes by a database's roles."""

    template = "sqlserver"
    engine = SqlServer()
    strategies = (StrategyName.SINGLE_USER, StrategyName.ALTERNATING_USERS)
    powers = ("sales", "accounts")
    odd_usernames = ("quo]te", "a'; DROP LOGIN [sa]; --", "Ünïcødé \N{KEY}", "a" * 122)
    odd_passwords = ("']]'--; odd", '"\\{}%s odd ', "pä; wörd\N{KEY}", "p" * 128)
    refused_password = "short"
    is_packaged = False

    def __init__(self, server: SimulatedSqlServer) -> None:
        self.server = server

    @contextmanager
    @override
    def driver(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pymssql, "connect", connect)
            yield

    @property
    @override
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.port

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "ssl": False}

    @override
    def admin_document(self) -> Document:
        return self.document(_ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        self.server.world.logins[username] = Login(password=password)
        user = f"user of {username}"
        self._database.users[user] = (username, "dbo")
        self._database.permissions["DATABASE", "", "", "", "CONNECT", user] = "GRANT"
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self.server.world.logins[username].password = password

    @override
    def accepts(self, username: str, password: str) -> bool:
        login = self.server.world.logins.get(username)
        return login is not None and login.is_enabled and login.password == password

    @override
    def allow(self, username: str, power: str) -> None:
        self._database.roles[power].add(self._user(username))

    @override
    def forbid(self, username: str, power: str) -> None:
        self._database.roles[power].discard(self._user(username))

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        assert self.accepts(username, password)
        return self._user(username) in self._database.roles[power]

    @property
    def _database(self) -> Database:
        return self.server.world.databases[_DATABASE]

    def _user(self, login: str) -> str:
        return self._database.user_of(login) or "nobody"


KIT = SqlServerKit
