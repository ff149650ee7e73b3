"""Oracle, simulated: the driver's ``connect`` leads to a simulation in the tests' process."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import oracledb
import pytest
from typing_extensions import override

from keyturn_rotators.engines.oracle import Oracle
from support.kits.kit import Document, Kit, StrategyName
from support.simulated_oracle import SERVICE, SimulatedOracle, User, connect

ADMIN_PRIVILEGES = (
    *("CREATE SESSION", "ALTER USER", "CREATE USER", "CREATE ROLE", "GRANT ANY PRIVILEGE"),
    *("GRANT ANY ROLE", "GRANT ANY OBJECT PRIVILEGE", "SELECT ANY DICTIONARY"),
)
_ADMIN = "ROTATION"
_WEAK_ADMIN = "WEAK"
_PASSWORD = "password-of-an-administrator"


def missing() -> str:
    """Return what has to be installed."""
    return ""


@contextmanager
def start(_folder: Path) -> Iterator["OracleKit"]:
    """Run the simulation until the end of the block."""
    with started() as server:
        yield OracleKit(server)


@contextmanager
def started() -> Iterator[SimulatedOracle]:
    """Run the simulation, administered as the kit has it."""
    with SimulatedOracle.start() as server:
        make_user(server, _ADMIN, _PASSWORD, *ADMIN_PRIVILEGES)
        make_user(server, _WEAK_ADMIN, _PASSWORD, "CREATE SESSION")
        server.world.rollover_days["ROLLING"] = "1"
        server.world.roles |= set(OracleKit.powers)
        yield server


def make_user(server: SimulatedOracle, name: str, password: str, *privileges: str) -> User:
    """Make a user with system privileges."""
    user = User(password=password, system=dict.fromkeys(sorted(privileges), "NO"))
    server.world.users[name.upper()] = user
    return user


class OracleKit(Kit):
    """A running simulation; see ``Kit``. What users may do comes by roles."""

    template = "oracle"
    engine = Oracle()
    strategies: Sequence[StrategyName] = (
        StrategyName.SINGLE_USER,
        StrategyName.ALTERNATING_USERS,
    )
    profile = "DEFAULT"
    powers = ("SALES", "ACCOUNTS")
    odd_usernames = ("Mixed_Case$#", "ünïcødé", "a" * 24)
    odd_passwords = ("'; DROP USER SYS--", "\\{}%s :1 ", "ü\N{KEY}", "p" * 30)
    refused_password = "p" * 31
    is_packaged = False

    def __init__(self, server: SimulatedOracle) -> None:
        self.server = server

    @contextmanager
    @override
    def driver(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(oracledb, "connect", connect)
            yield

    @property
    @override
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.port

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "dbname": SERVICE, "ssl": False}

    @override
    def admin_document(self) -> Document:
        return self.document(_ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        make_user(self.server, username, password, "CREATE SESSION").profile = self.profile
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self._user(username).password = password
        self._user(username).former = None

    @override
    def accepts(self, username: str, password: str) -> bool:
        user = self.server.world.users.get(username.upper())
        if user is None or "CREATE SESSION" not in user.system:
            return False
        return not user.is_locked and password in {user.password, user.former}

    @override
    def allow(self, username: str, power: str) -> None:
        self._user(username).roles[power] = ["NO", "YES"]

    @override
    def forbid(self, username: str, power: str) -> None:
        del self._user(username).roles[power]

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        assert self.accepts(username, password)
        return power in self._user(username).roles

    def _user(self, username: str) -> User:
        return self.server.world.users[username.upper()]


KIT = OracleKit
