"""InfluxDB 2's tokens, simulated: its API is answered by the tests (``simulated_influxdb``)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from typing_extensions import override

from keyturn_rotators.engines.influxdb_tokens import InfluxdbTokens
from support.kits.kit import Document, IssuingKit, StrategyName
from support.simulated_influxdb import Authorization, SimulatedInfluxdb, permission

OWN_TOKENS = [permission("read", "authorizations"), permission("write", "authorizations")]


def missing() -> str:
    """Return what has to be installed."""
    return ""


@contextmanager
def start(_folder: Path) -> Iterator["InfluxdbTokensKit"]:
    """Run the simulation until the end of the block."""
    with SimulatedInfluxdb.start() as server:
        yield InfluxdbTokensKit(server)


class InfluxdbTokensKit(IssuingKit):
    """A running simulation; see ``Kit``."""

    template = "influxdb"
    engine = InfluxdbTokens()
    strategies = (StrategyName.DUAL_CREDENTIAL,)
    powers = ("sales", "accounts")
    elsewhere = MappingProxyType({"host": "127.0.0.2", "port": 1, "masterarn": "arn:x"})

    def __init__(self, server: SimulatedInfluxdb) -> None:
        self.server = server

    @property
    @override
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.port

    @override
    def document(self, username: str, _password: str) -> Document:
        tokens = self.server.authorizations.values()
        made = next(each for each in tokens if each.description == f"by hand: {username}")
        return document(made, self.server.port)

    @override
    def admin_document(self) -> Document:
        return document(self._make("admin", OWN_TOKENS), self.server.port)

    @override
    def weak_admin_document(self) -> Document:
        return document(self._make("weak-admin", []), self.server.port)

    @override
    def make_user(self, username: str, _password: str) -> None:
        self._make(username, [*OWN_TOKENS, permission("read", "buckets", self.powers[0])])

    @override
    def issued(self, document: Document) -> set[str]:
        name = document["user"]
        return {each.id for each in self.server.authorizations.values() if each.user == name}

    @override
    def issue_another(self, document: Document) -> tuple[str, str]:
        made = self.server.make_token(document["user"], "keyturn-like", [])
        return made.id, made.token

    @override
    def withdraw(self, document: Document) -> None:
        del self.server.authorizations[document["tokenId"]]

    @override
    def accepts(self, username: str, password: str) -> bool:
        found = self.server.of_token(password)
        return found is not None and found.id == username

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        found = self.server.of_token(password)
        assert found is not None
        assert found.id == username
        return found.may("read", "buckets", power)

    def _make(self, username: str, permissions: list[dict[str, object]]) -> Authorization:
        self.server.passwords[username] = "unused-here"
        return self.server.make_token(username, f"by hand: {username}", permissions)


def document(made: Authorization, port: int) -> Document:
    """Return the value of a token's secret."""
    return {
        "engine": "influxdb",
        "host": "127.0.0.1",
        "port": port,
        "tokenId": made.id,
        "token": made.token,
        "user": made.user,
        "ssl": False,
    }


KIT = InfluxdbTokensKit
