"""A throw-away MySQL server, Debian's from sid, on a free loopback port.

with MysqlServer.start(folder) as server:
    server.execute("CREATE USER app IDENTIFIED BY %s", "x")

Its programs are in ``tests/.cache``, where ``scripts/install-mysql`` puts a tree of sid's
packages. They run from there, by their own loader and libraries: nobody's root is changed, and
nobody has to be root.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
import ssl
import subprocess
from typing import Any, Final

import pymysql

from support.certificates import Certificate
from support.database_process import HOST, as_somebody, free_port, running

ADMIN: Final = "admin"
ADMIN_PASSWORD: Final = "password-of-a-throw-away-server"
DATABASE: Final = "shop"
TREE: Final = Path(__file__).parents[1] / ".cache" / "mysql-sid"
_LIBRARIES: Final = TREE / "usr" / "lib" / "x86_64-linux-gnu"
_LOADER: Final = _LIBRARIES / "ld-linux-x86-64.so.2"
_SERVER: Final = TREE / "usr" / "sbin" / "mysqld"
#: Run before the server lets anybody in.
_FIRST_STATEMENTS: Final = (
    f"CREATE USER {ADMIN}@'%' IDENTIFIED BY '{ADMIN_PASSWORD}'",
    f"GRANT ALL ON *.* TO {ADMIN}@'%' WITH GRANT OPTION",
    f"GRANT PROXY ON ''@'' TO {ADMIN}@'%' WITH GRANT OPTION",
    f"CREATE DATABASE {DATABASE}",
)
# To make the driver's own takes longer than to log in.
_UNVERIFIED: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE
_TLS: Final = "TLSv1.2,TLSv1.3"


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlServer:
    """A running server with a database ``shop``, and with TLS, as every MySQL has it."""

    port: int
    log: Path
    host: str = HOST

    @classmethod
    @contextmanager
    def start(
        cls, folder: Path, *, certificate: Certificate | None = None, settings: Sequence[str] = ()
    ) -> Iterator["MysqlServer"]:
        """Make a data folder and run its server until the end of the block.

        Args:
            certificate: in place of the one that the server makes for itself.
            settings: options for the server.
        """
        server = cls(port=free_port(), log=folder / "statements")
        folder.mkdir(mode=0o700)
        first = folder / "first.sql"
        # The server reads a statement a line.
        first.write_text("".join(f"{statement};\n" for statement in _FIRST_STATEMENTS))
        command = _command(folder)
        subprocess.run([*command, "--initialize-insecure"], check=True, capture_output=True)
        command += [
            *(f"--bind-address={HOST}", f"--port={server.port}", "--skip-name-resolve"),
            # Beside its data, by a short name: a socket's path may not be long.
            *("--socket=socket", "--pid-file=pid", "--mysqlx=OFF", f"--init-file={first}"),
            *("--skip-log-bin", "--general-log", f"--general-log-file={server.log}"),
            *_tls_options(certificate),
            *settings,
        ]
        with running(command, server._is_ready, log=folder / "log"):
            yield server

    @contextmanager
    def connect(
        self, user: str = ADMIN, password: str = ADMIN_PASSWORD, *, has_tls: bool = True
    ) -> "Iterator[pymysql.connections.Connection[Any]]":
        """Log in; out at the end."""
        with pymysql.connect(
            host=self.host,
            port=self.port,
            user=user,
            password=password.encode(),
            autocommit=True,
            ssl=_UNVERIFIED if has_tls else None,
            ssl_disabled=not has_tls,
        ) as connection:
            yield connection

    def execute(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    @contextmanager
    def without_tls(self) -> Iterator[None]:
        """Let the server refuse TLS until the end of the block."""
        reload = "ALTER INSTANCE RELOAD TLS NO ROLLBACK ON ERROR"
        self.execute("SET GLOBAL tls_version = ''")
        self.execute(reload)
        try:
            yield
        finally:
            with self.connect(has_tls=False) as connection:
                connection.query(f"SET GLOBAL tls_version = '{_TLS}'")
                connection.query(reload)

    def _is_ready(self) -> bool:
        with suppress(pymysql.MySQLError), self.connect():
            return True
        return False


def is_installed() -> bool:
    """Return whether there is a server."""
    return _SERVER.is_file() and _LOADER.is_file()


def _command(folder: Path) -> list[str | Path]:
    program: list[str | Path] = [_LOADER, "--library-path", _LIBRARIES, _SERVER, "--no-defaults"]
    return [
        *(*as_somebody(), *program),
        *(f"--basedir={TREE / 'usr'}", f"--datadir={folder / 'data'}"),
        f"--plugin-dir={TREE / 'usr' / 'lib' / 'mysql' / 'plugin'}",
        *("--secure-file-priv=NULL", "--innodb-buffer-pool-size=8M"),
        *("--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite"),
    ]


def _tls_options(certificate: Certificate | None) -> list[str]:
    if certificate is None:
        return []
    return [
        f"--ssl-cert={certificate.certificate_file}",
        f"--ssl-key={certificate.key_file}",
        f"--ssl-ca={certificate.ca_file}",
    ]
