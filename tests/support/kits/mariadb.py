"""MariaDB, Debian's: the same kit as MySQL's, without TLS."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from typing_extensions import override

from keyturn_rotators.engines.mariadb import Mariadb
from support import mariadb_server
from support.kits.kit import StrategyName
from support.kits.mysql import MysqlKit, prepare
from support.mariadb_server import MariadbServer


def missing() -> str:
    """Return what has to be installed."""
    if mariadb_server.is_installed():
        return ""
    return "mariadb-server-core mariadb-client-core"


@contextmanager
def start(folder: Path) -> Iterator["MariadbKit"]:
    """Run a server until the end of the block."""
    with MariadbServer.start(folder) as server:
        prepare(server)
        yield MariadbKit(server)


class MariadbKit(MysqlKit):
    """A running server; see ``Kit``."""

    engine = Mariadb()
    template = "mariadb"
    odd_usernames = (*MysqlKit.odd_usernames[:-1], "a" * 74)
    odd_passwords = (*MysqlKit.odd_passwords[:-1], "p" * 1000)
    refused_password = None
    changed_by_admin = (StrategyName.DUAL_CREDENTIAL,)
    own_right = ""

    @override
    def without_tls(self) -> AbstractContextManager[None]:
        return nullcontext()


KIT = MariadbKit
