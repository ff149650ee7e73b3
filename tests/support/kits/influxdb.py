"""InfluxDB 2's users, simulated: its API is answered by the tests (``simulated_influxdb``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

from keyturn_rotators.engines.influxdb import Influxdb
from support.kits.kit import Document, Kit, StrategyName
from support.simulated_influxdb import SimulatedInfluxdb, permission

_ADMIN = "admin"
_WEAK_ADMIN = "weak-admin"
_PASSWORD = "password-of-an-administrator"


def missing() -> str:
    """Return what has to be installed."""
    return ""


@contextmanager
def start(_folder: Path) -> Iterator["InfluxdbKit"]:
    """Run the simulation until the end of the block."""
    with SimulatedInfluxdb.start() as server:
        server.passwords |= {_ADMIN: _PASSWORD, _WEAK_ADMIN: _PASSWORD}
        server.make_token(
            _ADMIN, "admin", [permission("read", "users"), permission("write", "users")]
        )
        yield InfluxdbKit(server)


class InfluxdbKit(Kit):
    """A running simulation; see ``Kit``."""

    template = "influxdb"
    engine = Influxdb()
    strategies = (StrategyName.SINGLE_USER,)
    powers = ("sales", "accounts")
    odd_usernames = ("quo'te\"", "Ünïcødé \N{KEY}", "with/slash?and=more", "a" * 200)
    odd_passwords = ("'\"\\{}%s ", "pä:ss:wörd\N{KEY}", "p" * 72)
    refused_password = "p" * 73

    def __init__(self, server: SimulatedInfluxdb) -> None:
        self.server = server

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
        self.server.passwords[username] = password
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self.server.passwords[username] = password

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.passwords.get(username) == password

    @override
    def allow(self, username: str, power: str) -> None:
        self.server.make_token(username, power, [permission("read", "buckets", power)])

    @override
    def forbid(self, username: str, power: str) -> None:
        raise AssertionError(f"no test takes {power} from {username}")

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        assert self.accepts(username, password)
        tokens = self.server.authorizations.values()
        return any(each.may("read", "buckets", power) for each in tokens if each.user == username)


KIT = InfluxdbKit
