"""RabbitMQ, Debian's. What users may do is said by the virtual hosts that they may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from typing_extensions import override

from keyturn_rotators.engines.rabbitmq import Rabbitmq
from support.kits.kit import Document, Kit, StrategyName
from support.rabbitmq_server import ADMIN, ADMIN_PASSWORD, RabbitmqServer, is_installed

_WEAK_ADMIN = "weak-admin"
_ALL = {"configure": ".*", "write": ".*", "read": ".*"}


def missing() -> str:
    """Return what has to be installed."""
    return "" if is_installed() else "rabbitmq-server"


@contextmanager
def start(folder: Path) -> Iterator["RabbitmqKit"]:
    """Run a server until the end of the block."""
    with RabbitmqServer.start(folder) as server:
        server.change("PUT", f"users/{_WEAK_ADMIN}", {"password": "x", "tags": "management"})
        for power in RabbitmqKit.powers:
            server.change("PUT", f"vhosts/{power}")
        yield RabbitmqKit(server)


class RabbitmqKit(Kit):
    """A running server; see ``Kit``."""

    template = "rabbitmq"
    engine = Rabbitmq()
    strategies = (StrategyName.SINGLE_USER, StrategyName.ALTERNATING_USERS)
    powers = ("sales", "accounts")
    odd_usernames = ("a/b?c d", 'quo"te%41', "Ünïcødé", "a" * 249)
    odd_passwords = (":", '"\\', "ünï\N{KEY}", "'$1 %s {}\r\n", "p" * 1000)
    changed_by_admin = (StrategyName.SINGLE_USER,)
    logs_statements = True

    def __init__(self, server: RabbitmqServer) -> None:
        self.server = server

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "ssl": False}

    @override
    def admin_document(self) -> Document:
        return self.document(ADMIN, ADMIN_PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, "x")

    @override
    def make_user(self, username: str, password: str) -> None:
        self.set_password(username, password)
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        user = {"password": password, "tags": "management"}
        self.server.change("PUT", f"users/{quote(username, safe='')}", user)

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.accepts(username, password)

    @override
    def allow(self, username: str, power: str) -> None:
        self.server.change("PUT", f"permissions/{power}/{quote(username, safe='')}", _ALL)

    @override
    def forbid(self, username: str, power: str) -> None:
        self.server.change("DELETE", f"permissions/{power}/{quote(username, safe='')}")

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        login = {"username": username, "password": password}
        status, _ = self.server.call("GET", f"queues/{power}", **login)
        return status == 200

    @override
    def log(self) -> bytes:
        return self.server.log.read_bytes()


KIT = RabbitmqKit
