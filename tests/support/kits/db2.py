"""Db2 on RDS, simulated: the driver's ``connect`` leads to a simulation in the tests' process."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from typing_extensions import override

from keyturn_rotators.engines.db2 import Db2
from support.kits.kit import Document, Kit, StrategyName
from support.simulated_db2 import ADMIN, DATABASE, SimulatedDb2, connect

_WEAK_ADMIN = "weak"
_PASSWORD = "password-of-an-administrator"


def missing() -> str:
    """Return what has to be installed."""
    return "" if find_spec("ibm_db_dbi") else "ibm_db, which is for x86-64 alone"


@contextmanager
def start(_folder: Path) -> Iterator["Db2Kit"]:
    """Run the simulation until the end of the block."""
    with SimulatedDb2.start() as server:
        server.world.passwords |= {ADMIN.upper(): _PASSWORD, _WEAK_ADMIN.upper(): _PASSWORD}
        server.world.connects.add(_WEAK_ADMIN.upper())
        yield Db2Kit(server)


class Db2Kit(Kit):
    """A running simulation; see ``Kit``. What users may do isn't changed."""

    template = "db2"
    engine = Db2(pauses_seconds=())
    strategies = (StrategyName.SINGLE_USER,)
    changed_by_admin = (StrategyName.SINGLE_USER,)
    powers = ("SALES", "ACCOUNTS")
    odd_usernames = ("Mixed_1", "ünïcødé")
    odd_passwords = ("'\"\\%s :1 ", "ünïcødé\N{KEY}", "p" * 64)
    refused_password = "short"
    is_packaged = False

    def __init__(self, server: SimulatedDb2) -> None:
        self.server = server

    @contextmanager
    @override
    def driver(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ibm_db_dbi.connect", connect)
            yield

    @property
    @override
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.port

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "dbname": DATABASE, "ssl": False}

    @override
    def admin_document(self) -> Document:
        return self.document(ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        self.server.world.passwords[username.upper()] = password
        self.server.world.connects.add(username.upper())
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self.server.world.passwords[username.upper()] = password

    @override
    def accepts(self, username: str, password: str) -> bool:
        world, name = self.server.world, username.upper()
        return name in world.connects and world.passwords.get(name) == password

    @override
    def allow(self, username: str, power: str) -> None:
        self.server.world.can.setdefault(username.upper(), set()).add(power)

    @override
    def forbid(self, username: str, power: str) -> None:
        self.server.world.can[username.upper()].discard(power)

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        assert self.accepts(username, password)
        return power in self.server.world.can[username.upper()]


KIT = Db2Kit
