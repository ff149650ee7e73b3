"""A throw-away RabbitMQ, Debian's, with its management API on a free loopback port.

with RabbitmqServer.start(folder) as server:
    server.call("PUT", "users/app", {"password": "x", "tags": ""})
    assert server.accepts("app", "x")
"""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import shutil
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

from support.certificates import Certificate
from support.database_process import HOST, free_port, listens, running

ADMIN: Final = "admin"
ADMIN_PASSWORD: Final = "password-of-a-throw-away-server"
# Debian's own script starts it as a user that only root can become.
PROGRAM: Final = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
ANSWER_SECONDS_MAX: Final = 30
_OK: Final = 200
_OPENER: Final = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitmqServer:
    """A running server.

    Attributes:
        port: of the management API; with TLS, if the server was given a certificate.
    """

    port: int
    log: Path
    host: str = HOST

    @classmethod
    @contextmanager
    def start(
        cls, folder: Path, *, certificate: Certificate | None = None
    ) -> Iterator["RabbitmqServer"]:
        """Run a server until the end of the block.

        Args:
            folder: is made.
            certificate: turns TLS on, instead of a port without.
        """
        server = cls(port=free_port(), log=folder / "log")
        folder.mkdir(mode=0o700)
        (folder / "plugins").write_text("[rabbitmq_management].")
        (folder / "rabbitmq.conf").write_text(server._configuration(certificate))
        environment = _environment(folder)
        with ExitStack() as stack:
            # Erlang would leave one behind that outlives the server, open to every address.
            finder_port = int(environment["ERL_EPMD_PORT"])
            finder: list[str | Path] = ["epmd", "-port", str(finder_port), "-address", HOST]
            stack.enter_context(
                running(finder, lambda: listens(finder_port), log=folder / "epmd.log")
            )
            is_ready = server._has_started if certificate is None else server._listens
            stack.enter_context(
                running([PROGRAM], is_ready, log=server.log, environment=environment)
            )
            yield server

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        username: str = ADMIN,
        password: str = ADMIN_PASSWORD,
    ) -> tuple[int, Any]:
        """Call the API; return the status and what was answered."""
        login = b64encode(f"{username}:{password}".encode()).decode()
        request = Request(
            f"http://{self.host}:{self.port}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Content-Type": "application/json"},
        )
        try:
            with _OPENER.open(request, timeout=ANSWER_SECONDS_MAX) as response:
                return response.status, json.loads(response.read() or "null")
        except HTTPError as refusal:
            with refusal:
                return refusal.code, json.loads(refusal.read() or "null")

    def change(self, method: str, path: str, body: object = None) -> None:
        """Change something as an administrator."""
        status, answer = self.call(method, path, body)
        assert status in {201, 204}, answer

    def accepts(self, username: str, password: str) -> bool:
        """Return whether somebody can log in."""
        status, answer = self.call("GET", "whoami", username=username, password=password)
        # A server that is starting answers that there is no such page.
        return status == _OK or answer["reason"] == "Not management user"

    def _has_started(self) -> bool:
        try:
            return self.accepts(ADMIN, ADMIN_PASSWORD)
        except URLError:
            return False

    def _listens(self) -> bool:
        return listens(self.port)

    def _configuration(self, certificate: Certificate | None) -> str:
        kind = "tcp" if certificate is None else "ssl"
        settings = {
            "listeners.tcp.1": f"{HOST}:{free_port()}",
            f"management.{kind}.ip": HOST,
            f"management.{kind}.port": self.port,
            "management_agent.disable_metrics_collector": "true",
            "default_user": ADMIN,
            "default_pass": ADMIN_PASSWORD,
            "log.console": "true",
            "log.console.level": "debug",
            "log.file": "false",
        }
        if certificate is not None:
            settings |= {
                "management.ssl.certfile": certificate.certificate_file,
                "management.ssl.keyfile": certificate.key_file,
            }
        return "".join(f"{name} = {value}\n" for name, value in settings.items())


def is_installed() -> bool:
    """Return whether there is a server."""
    return PROGRAM.exists() and shutil.which("epmd") is not None


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        # The nodes' common secret is made there.
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(free_port()),
        "ERL_EPMD_ADDRESS": HOST,
        "RABBITMQ_NODENAME": "rabbit@localhost",
        "RABBITMQ_DIST_PORT": str(free_port()),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1} +S 1",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder),
    }
