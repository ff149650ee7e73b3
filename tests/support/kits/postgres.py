"""PostgreSQL, the newest of Debian's or else PyPI's, administered as on RDS: not by a superuser.

What users may do comes by roles, which the administrator may grant.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from typing_extensions import override

from keyturn_rotators.engines.postgres import Postgres
from support.kits.kit import Document, Kit, StrategyName
from support.postgres_server import PostgresServer, installed_programs

_ADMIN = "rds_admin"
_WEAK_ADMIN = "weak_admin"
_PASSWORD = "password-of-an-administrator"


def missing() -> str:
    """Return what has to be installed."""
    return "" if installed_programs() else "postgresql"


@contextmanager
def start(folder: Path) -> Iterator["PostgresKit"]:
    """Run a server until the end of the block."""
    with started(folder, installed_programs()[0]) as server:
        yield PostgresKit(server)


@contextmanager
def started(folder: Path, programs: Path) -> Iterator[PostgresServer]:
    """Run a server of these programs, administered as the kit has it."""
    with PostgresServer.start(folder, programs=programs) as server:
        server.make_role(_ADMIN, _PASSWORD, "CREATEROLE")
        server.make_role(_WEAK_ADMIN, _PASSWORD)
        for power in PostgresKit.powers:
            server.execute(f"CREATE TABLE of_{power} (id int)")
            server.execute(f"CREATE ROLE {power}")
            server.execute(f"GRANT SELECT ON of_{power} TO {power}")
            server.execute(f"GRANT {power} TO {_ADMIN} WITH ADMIN OPTION")
        yield server


class PostgresKit(Kit):
    """A running server; see ``Kit``."""

    template = "postgres"
    engine = Postgres()
    strategies = (StrategyName.SINGLE_USER, StrategyName.ALTERNATING_USERS)
    powers = ("sales", "accounts")
    odd_usernames = ('quo"te', "back\\slash", "Ünïcødé \N{KEY}", "a" * 57)
    odd_passwords = ("'", '"\\', "ünï\N{KEY}", "$1 %s {}", "p" * 1000)
    logs_statements = True

    def __init__(self, server: PostgresServer) -> None:
        self.server = server

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    @override
    def admin_document(self) -> Document:
        return self.document(_ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        self.server.make_role(username, password)
        grant = sql.SQL("GRANT {} TO {} WITH ADMIN OPTION")
        self.server.execute(grant.format(sql.Identifier(username), sql.Identifier(_ADMIN)))
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        change = sql.SQL("ALTER ROLE {} PASSWORD {}")
        self.server.execute(change.format(sql.Identifier(username), sql.Literal(password)))

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.accepts(username, password)

    @override
    def allow(self, username: str, power: str) -> None:
        grant = sql.SQL("GRANT {} TO {}")
        self.server.execute(grant.format(sql.Identifier(power), sql.Identifier(username)))

    @override
    def forbid(self, username: str, power: str) -> None:
        revoke = sql.SQL("REVOKE {} FROM {}")
        self.server.execute(revoke.format(sql.Identifier(power), sql.Identifier(username)))

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        with self.server.connect(username, password) as connection:
            try:
                connection.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(f"of_{power}")))
            except psycopg.errors.InsufficientPrivilege:
                return False
        return True

    @override
    def log(self) -> bytes:
        return self.server.log.read_bytes()


KIT = PostgresKit
