"""A throw-away MariaDB server, Debian's, on a free loopback port.

with MariadbServer.start(folder) as server:
    server.make_user("app", "x")
    assert server.accepts("app", "x")

``accepts`` asks its own command line, so that a driver under test proves nothing to itself.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import shutil
import subprocess
from typing import Any, Final

import pymysql

from support.certificates import Certificate
from support.database_process import HOST, as_somebody, free_port, running

ADMIN: Final = "admin"
ADMIN_PASSWORD: Final = "password-of-a-throw-away-server"
DATABASE: Final = "shop"
ANSWER_SECONDS_MAX: Final = 30
# Its folder is in no user's path on Debian.
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ACCESS_DENIED: Final = b"ERROR 1045 "
_PROGRAMS: Final = ("mariadbd", "mariadb-install-db", "mariadb")
#: Run before the server lets anybody in. Nobody is left then but the administrator.
_FIRST_STATEMENTS: Final = (
    "DELETE FROM mysql.global_priv WHERE User <> 'mariadb.sys'",
    "FLUSH PRIVILEGES",
    f"CREATE USER {ADMIN}@'%' IDENTIFIED BY '{ADMIN_PASSWORD}'",
    f"GRANT ALL ON *.* TO {ADMIN}@'%' WITH GRANT OPTION",
    f"CREATE DATABASE {DATABASE}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MariadbServer:
    """A running server with a database ``shop``."""

    port: int
    log: Path
    host: str = HOST

    @classmethod
    @contextmanager
    def start(
        cls, folder: Path, *, certificate: Certificate | None = None, settings: Sequence[str] = ()
    ) -> Iterator["MariadbServer"]:
        """Make a data folder and run its server until the end of the block.

        Args:
            certificate: turns TLS on.
            settings: options for the server.
        """
        server = cls(port=free_port(), log=folder / "statements")
        folder.mkdir(mode=0o700)
        first = folder / "first.sql"
        # The server reads a statement a line.
        first.write_text("".join(f"{statement};\n" for statement in _FIRST_STATEMENTS))
        _make_tables(folder)
        command: list[str | Path] = [
            *as_somebody(),
            *(_program("mariadbd"), "--no-defaults", f"--datadir={folder / 'data'}"),
            *(f"--bind-address={HOST}", f"--port={server.port}", "--skip-name-resolve"),
            # Beside its data, by a short name: a socket's path may not be long.
            *("--socket=socket", "--pid-file=pid", f"--init-file={first}"),
            *("--innodb-buffer-pool-size=8M", "--innodb-flush-log-at-trx-commit=0"),
            *("--general-log", f"--general-log-file={server.log}"),
            *_tls_options(certificate),
            *settings,
        ]
        with running(command, server._is_ready, log=folder / "log"):
            yield server

    def make_user(self, name: str, password: str) -> None:
        """Make a user who may read and write the database."""
        self._run(
            ADMIN,
            ADMIN_PASSWORD,
            f"CREATE USER {name}@'%' IDENTIFIED BY '{password}';"
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {DATABASE}.* TO {name}@'%'",
        ).check_returncode()

    def accepts(self, user: str, password: str) -> bool:
        """Return whether somebody can log in."""
        done = self._run(user, password, "SELECT 1")
        assert done.returncode == 0 or _ACCESS_DENIED in done.stderr, done.stderr
        return done.returncode == 0

    @contextmanager
    def connect(
        self, user: str = ADMIN, password: str = ADMIN_PASSWORD
    ) -> "Iterator[pymysql.connections.Connection[Any]]":
        """Log in without TLS, by PyMySQL, which is quicker than a command line; out at the end."""
        with pymysql.connect(
            host=self.host,
            port=self.port,
            user=user,
            password=password.encode(),
            autocommit=True,
            ssl_disabled=True,
        ) as connection:
            yield connection

    def execute(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def _is_ready(self) -> bool:
        return self._run(ADMIN, ADMIN_PASSWORD, "SELECT 1").returncode == 0

    def _run(
        self, user: str, password: str, statements: str
    ) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            [
                *(_program("mariadb"), "--no-defaults", "--protocol=tcp"),
                *(f"--host={self.host}", f"--port={self.port}", f"--user={user}"),
            ],
            input=statements.encode(),
            env={"MYSQL_PWD": password},
            check=False,
            capture_output=True,
            timeout=ANSWER_SECONDS_MAX,
        )


def is_installed() -> bool:
    """Return whether there are a server and its command line."""
    return all(shutil.which(name, path=_PATH) for name in _PROGRAMS)


def _program(name: str) -> str:
    return str(shutil.which(name, path=_PATH))


def _tls_options(certificate: Certificate | None) -> list[str]:
    if certificate is None:
        return []
    return [
        f"--ssl-cert={certificate.certificate_file}",
        f"--ssl-key={certificate.key_file}",
        f"--ssl-ca={certificate.ca_file}",
    ]


def _make_tables(folder: Path) -> None:
    subprocess.run(
        [
            *(*as_somebody(), _program("mariadb-install-db"), "--no-defaults"),
            *(f"--datadir={folder / 'data'}", "--skip-test-db", "--skip-name-resolve"),
            "--auth-root-authentication-method=normal",
        ],
        check=True,
        capture_output=True,
    )
