"""MySQL 9.7 and MariaDB, administered as on RDS: by somebody who has what the docs ask for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pymysql
from typing_extensions import override

from keyturn_rotators.engines.mysql import Mysql
from support import mysql_server
from support.kits.kit import Document, Kit, StrategyName
from support.mariadb_server import MariadbServer
from support.mysql_server import DATABASE, MysqlServer

_ADMIN: Final = "rds_admin"
_WEAK_ADMIN: Final = "weak_admin"
_PASSWORD: Final = "password-of-an-administrator"
_DENIED: Final = 1045
_DENIED_TO_TABLE: Final = 1142


def missing() -> str:
    """Return what has to be installed."""
    return "" if mysql_server.is_installed() else "it with scripts/install-mysql"


@contextmanager
def start(folder: Path) -> Iterator["MysqlKit"]:
    """Run a server until the end of the block."""
    # Half as many rounds as usual, which each login after a change has to wait for.
    rounds = "--caching-sha2-password-digest-rounds=5000"
    with MysqlServer.start(folder, settings=[rounds]) as server:
        prepare(server)
        own = f"GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO {_ADMIN}@'%' WITH GRANT OPTION"
        server.execute(own)
        yield MysqlKit(server)


def prepare(server: MysqlServer | MariadbServer) -> None:
    """Make administrators, and tables of which users may be allowed some."""
    for name in (_ADMIN, _WEAK_ADMIN):
        server.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY %s", _PASSWORD)
    server.execute(f"GRANT CREATE USER ON *.* TO {_ADMIN}@'%'")
    server.execute(f"GRANT SELECT ON mysql.* TO {_ADMIN}@'%'")
    server.execute(f"GRANT ALL ON {DATABASE}.* TO {_ADMIN}@'%' WITH GRANT OPTION")
    for power in MysqlKit.powers:
        server.execute(f"CREATE TABLE {DATABASE}.of_{power} (id int)")


class MysqlKit(Kit):
    """A running server; see ``Kit``."""

    engine: Any = Mysql()
    template = "mysql"
    strategies = tuple(StrategyName)
    powers = ("sales", "accounts")
    odd_usernames = ("quo'te", 'quo"te', "back`tick\\", "at@%s %", "Ünïcødé €", "a" * 26)
    odd_passwords = ("'", '"\\', "ünï\N{KEY}", "$1 %s {}", "p" * 256)
    refused_password: str | None = "p" * 257
    logs_statements = True
    own_right = "APPLICATION_PASSWORD_ADMIN"

    def __init__(self, server: MysqlServer | MariadbServer) -> None:
        self.server = server

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    @override
    def without_tls(self) -> AbstractContextManager[None]:
        assert isinstance(self.server, MysqlServer)
        return self.server.without_tls()

    @override
    def admin_document(self) -> Document:
        return self.document(_ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        self.server.execute("CREATE USER %s@'%%' IDENTIFIED BY %s", username, password)
        if self.own_right:
            self.server.execute(f"GRANT {self.own_right} ON *.* TO %s@'%%'", username)
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self.server.execute("ALTER USER %s@'%%' IDENTIFIED BY %s", username, password)
        if self.template == "mysql":
            self.server.execute("ALTER USER %s@'%%' DISCARD OLD PASSWORD", username)

    @override
    def accepts(self, username: str, password: str) -> bool:
        try:
            with self.server.connect(username, password):
                return True
        except pymysql.OperationalError as error:
            if error.args[0] != _DENIED:
                raise
            return False

    @override
    def allow(self, username: str, power: str) -> None:
        self.server.execute(f"GRANT SELECT ON {DATABASE}.of_{power} TO %s@'%%'", username)

    @override
    def forbid(self, username: str, power: str) -> None:
        table = f"{DATABASE}.of_{power}"
        self.server.execute(f"REVOKE SELECT ON {table} FROM %s@'%%'", username)  # noqa: S608 - no query

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        with self.server.connect(username, password) as connection:
            try:
                connection.query(f"SHOW COLUMNS FROM {DATABASE}.of_{power}")
            except pymysql.OperationalError as error:
                if error.args[0] != _DENIED_TO_TABLE:
                    raise
                return False
        return True

    @override
    def log(self) -> bytes:
        return self.server.log.read_bytes()


KIT = MysqlKit
