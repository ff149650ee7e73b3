"""An HTTP endpoint that does with a request what a test says, on a real socket.

with ScriptedEndpoint.open(sends(200, b"{}")) as endpoint:
    ...
assert endpoint.requests[0].path == "/"
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
import http.client
import io
import socket
import socketserver
import ssl
import threading

from typing_extensions import override

Act = Callable[[socket.socket], None]


@dataclass(frozen=True)
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Message
    body: bytes


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    tls: ssl.SSLContext | None = None

    def __init__(self, act: Act) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.act = act
        self.requests: list[Request] = []

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that break off are what tests are about."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    @override
    def setup(self) -> None:
        if self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    @override
    def handle(self) -> None:
        method, path, _ = self.rfile.readline().decode().split(" ")
        lines = b"".join(iter(self.rfile.readline, b"\r\n"))
        headers = http.client.parse_headers(io.BytesIO(lines + b"\r\n"))
        body = self.rfile.read(int(headers["Content-Length"]))
        self.server.requests.append(Request(method, path, headers, body))
        self.server.act(self.request)

    @override
    def finish(self) -> None:
        super().finish()
        # The server closes the socket beneath TLS alone.
        self.request.close()


class ScriptedEndpoint:
    """The endpoint, and what was asked of it."""

    def __init__(self, server: _Server) -> None:
        scheme = "http" if server.tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        self.requests = server.requests

    @classmethod
    @contextmanager
    def open(cls, act: Act, tls: ssl.SSLContext | None = None) -> "Iterator[ScriptedEndpoint]":
        """Yield an endpoint that does ``act`` with each connection that has sent a request."""
        with _Server(act) as server:
            server.tls = tls
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield cls(server)
            server.shutdown()


def sends(status: int, body: bytes, *, claims: int | None = None, **headers: str) -> Act:
    """Return what answers so.

    Args:
        claims: the length that the head gives, if it isn't the body's.
    """
    head = {
        "Content-Length": str(len(body) if claims is None else claims),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    answer = f"HTTP/1.1 {status} Status\r\n{lines}\r\n".encode() + body
    return lambda connection: connection.sendall(answer)


def closed_port() -> int:
    """Return a port of loopback that nothing listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port
