"""A small HTTP API whose users have keys, to rotate them against: a server of the tests' own.

``GET /v1/me``, ``GET, POST /v1/users/OWNER/keys``, ``DELETE /v1/users/OWNER/keys/ID`` and
``GET /v1/reports/NAME``; keys are sent as ``Authorization: Bearer KEY``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import secrets
import ssl
from threading import Lock, Thread
from typing import Any, Final
from urllib.parse import unquote

from typing_extensions import override

from support.certificates import Certificate

#: What a rotation function is told of it.
DESCRIPTION: Final[dict[str, Any]] = {
    "authorization": {"header": "Authorization", "value": "Bearer {key}"},
    "test": {"method": "GET", "path": "/v1/me", "owner": "user.id", "id": "key"},
    "list": {
        "method": "GET",
        "path": "/v1/users/{owner}/keys",
        "keys": "keys[].{id: id, mark: name}",
    },
    "issue": {
        "method": "POST",
        "path": "/v1/users/{owner}/keys",
        "body": {"name": "{mark}", "scopes": ["{owner}"], "days": 90},
        "id": "id",
        "key": "secret",
    },
    "withdraw": {"method": "DELETE", "path": "/v1/users/{owner}/keys/{id}"},
}


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a user's."""

    id: int
    owner: str
    name: str
    secret: str = field(repr=False)


@dataclass(kw_only=True)
class ApiKeyServer:
    """A running server.

    Attributes:
        port: 0 before it runs.
        managers: the users who may make and withdraw their own keys.
        administrators: those who may do so for all.
        readers: who may read a report, by its name.
        bodies: what keys were asked for with.
    """

    port: int = 0
    managers: set[str] = field(default_factory=set)
    administrators: set[str] = field(default_factory=set)
    readers: dict[str, set[str]] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    @contextmanager
    def start(cls, certificate: Certificate | None = None) -> Iterator["ApiKeyServer"]:
        """Answer until the end of the block; with TLS if there is a certificate."""
        api = cls()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(api))
        server.daemon_threads = True
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.certificate_file, certificate.key_file)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        api.port = server.server_port
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield api
        finally:
            server.shutdown()
            server.server_close()

    def make(self, owner: str, name: str) -> Key:
        """Make a key."""
        with self._lock:
            number = len(self.keys) + secrets.randbelow(1000) + 1
            while number in self.keys:
                number += 1
            key = Key(id=number, owner=owner, name=name, secret=secrets.token_urlsafe(24))
            self.keys[number] = key
        return key

    def of(self, secret: str) -> Key | None:
        """Return the key that this is the secret of."""
        return next((key for key in list(self.keys.values()) if key.secret == secret), None)

    def answer(self, method: str, path: str, bearer: str, body: bytes) -> tuple[int, Any]:
        """Answer a request."""
        key = self.of(bearer)
        if key is None:
            return 401, {"message": f"unknown key {bearer}"}
        match method, [unquote(part) for part in path.split("/")[1:]]:
            case "GET", ["v1", "me"]:
                return 200, {"user": {"id": key.owner}, "key": key.id}
            case "GET", ["v1", "reports", name]:
                return (200, {}) if key.owner in self.readers.get(name, ()) else (403, {})
            case _, ["v1", "users", owner, "keys", *number]:
                may = key.owner in self.administrators
                if not may and not (key.owner == owner and owner in self.managers):
                    return 403, {"message": "not your keys"}
                return self._manage(method, owner, number, body)
            case _:
                return 404, {"message": "no such page"}

    def _manage(self, method: str, owner: str, number: list[str], body: bytes) -> tuple[int, Any]:
        match method, number:
            case "GET", []:
                mine = [key for key in self.keys.values() if key.owner == owner]
                return 200, {"keys": [{"id": key.id, "name": key.name} for key in mine]}
            case "POST", []:
                asked = json.loads(body)
                self.bodies.append(asked)
                if any(key.name == asked["name"] for key in self.keys.values()):
                    return 409, {"message": "the name is taken"}
                key = self.make(owner, asked["name"])
                return 201, {"id": key.id, "secret": key.secret}
            case "DELETE", [digits] if int(digits) in self.keys:
                if self.keys[int(digits)].owner != owner:
                    return 404, {}
                del self.keys[int(digits)]
                return 204, None
            case _:
                return 404, {}


def _handler_of(api: ApiKeyServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave together, or the client's side waits before it acknowledges.
        wbufsize = -1

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            status, document = api.answer(self.command, self.path, bearer, body)
            text = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - http.server calls these

        @override
        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    return Handler
