"""An engine of one's own, the example's, with a service of the tests' own."""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import importlib.util
import json
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Final

from typing_extensions import override

from support.kits.kit import Document, Kit, StrategyName

EXAMPLE: Final = Path(__file__).parents[3] / "examples" / "own_engine.py"
_PASSWORD_LETTERS_MIN: Final = 8


def missing() -> str:
    """Return what has to be installed."""
    return ""


def example() -> ModuleType:
    """Return the example's module, which is in no package."""
    spec = importlib.util.spec_from_file_location("own_engine", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def start(_folder: Path) -> Iterator["GenericKit"]:
    """Run the service until the end of the block."""
    passwords: dict[str, list[str]] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(passwords))
    server.daemon_threads = True
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield GenericKit(passwords, server.server_port)
    finally:
        server.shutdown()
        server.server_close()


class GenericKit(Kit):
    """A running service; see ``Kit``."""

    template = "inventory"
    engine = example().Inventory()
    strategies = (StrategyName.DUAL_CREDENTIAL,)
    powers = ("sales", "accounts")
    odd_usernames = ("quo'te\"", "Ünïcødé \N{KEY}", "a" * 200)
    odd_passwords = ("'\"\\{}%s :", "pä:ss:wörd\N{KEY}", "p" * 1000)
    refused_password = "short"
    # It is no template: see test_rotator_generic.py.
    is_packaged = False

    def __init__(self, passwords: dict[str, list[str]], port: int) -> None:
        self._passwords = passwords
        self._port = port

    @property
    @override
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self._port

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "ssl": False}

    @override
    def admin_document(self) -> Document:
        return self.document("nobody-administers", "password")

    @override
    def weak_admin_document(self) -> Document:
        return self.admin_document()

    @override
    def make_user(self, username: str, password: str) -> None:
        self._passwords[username] = [password]

    @override
    def set_password(self, username: str, password: str) -> None:
        self._passwords[username] = [password]

    @override
    def accepts(self, username: str, password: str) -> bool:
        return password in self._passwords.get(username, ())

    @override
    def allow(self, username: str, power: str) -> None:
        raise AssertionError(f"no test gives {username} {power}")

    @override
    def forbid(self, username: str, power: str) -> None:
        raise AssertionError(f"no test takes {power} from {username}")

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        """Every user may the first, and nobody the second."""
        assert self.accepts(username, password)
        return power == self.powers[0]


def _handler_of(passwords: dict[str, list[str]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave together, or the client's side waits before it acknowledges.
        wbufsize = -1

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            login = self.headers.get("Authorization", "").removeprefix("Basic ")
            name, _, password = b64decode(login).decode().partition(":")
            self.send_response(self._status(name, password, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _status(self, name: str, password: str, body: bytes) -> int:
            if password not in passwords.get(name, ()):
                return 401
            match self.command, self.path:
                case "GET", "/me":
                    return 200
                case "PUT", "/me/passwords":
                    wanted = json.loads(body)
                    if min(map(len, wanted)) < _PASSWORD_LETTERS_MIN:
                        return 422
                    passwords[name] = wanted
                    return 204
                case _:
                    return 404

        do_GET = do_PUT = _handle  # noqa: N815 - http.server calls these

        @override
        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    return Handler


KIT = GenericKit
