"""A proxy that tells a PostgreSQL server in its own words what Redshift alone understands.

Each pattern is of one whole statement, of the few that a rotation sends; every other message goes
on as it is, so that PostgreSQL refuses whatever neither knows. TLS isn't offered.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
import re
import socket
import socketserver
import struct
from threading import Thread
from typing import Final

from typing_extensions import override

_STARTUP: Final = 196_608
_QUERY: Final = b"Q"
_NAME: Final = rb'"(?:[^"]|"")+"'
_TRANSLATIONS: Final = [
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (
            rb"SET LOCAL enable_case_sensitive_identifier TO true",
            rb"SET LOCAL standard_conforming_strings TO on",
        ),
        (
            rb"(CREATE USER " + _NAME + rb") PASSWORD DISABLE (IN GROUP " + _NAME + rb")",
            rb"\1 PASSWORD NULL \2",
        ),
        (rb"(ALTER USER " + _NAME + rb") (NO)?CREATEUSER", rb"\1 \2SUPERUSER"),
        (
            rb"(ALTER USER " + _NAME + rb") CONNECTION LIMIT UNLIMITED",
            rb"\1 CONNECTION LIMIT -1",
        ),
        (rb"GRANT ROLE (" + _NAME + rb" TO .+)", rb"GRANT \1"),
        (rb"REVOKE (ADMIN OPTION FOR )?ROLE (" + _NAME + rb" FROM .+)", rb"REVOKE \1\2"),
    )
]


def translated(statement: bytes) -> bytes:
    """Return what PostgreSQL calls the same."""
    for pattern, words in _TRANSLATIONS:
        if found := pattern.fullmatch(statement.strip()):
            return found.expand(words)
    return statement


@contextmanager
def translating(upstream: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """Run a proxy to a server until the end of the block; yield where it listens."""
    with _Proxy(("127.0.0.1", 0), _Connection) as proxy:
        proxy.upstream = upstream
        thread = Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            host, port = proxy.server_address[:2]
            yield str(host), port
        finally:
            proxy.shutdown()
            thread.join()


class _Proxy(socketserver.ThreadingTCPServer):
    daemon_threads = True
    upstream: tuple[str, int]


class _Connection(socketserver.BaseRequestHandler):
    server: _Proxy

    @override
    def handle(self) -> None:
        with suppress(OSError, EOFError), socket.create_connection(self.server.upstream) as server:
            for end in (server, self.request):
                # The messages of one question are sent on one by one.
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = Thread(target=_pass_on, args=(server, self.request), daemon=True)
            back.start()
            try:
                self._translate(server)
            finally:
                # Whatever is still to be said to the other side was for a client that is gone.
                _shut(server)
                back.join()

    def _translate(self, server: socket.socket) -> None:
        stream = self.request.makefile("rb")
        is_started = False
        while not is_started:
            head = _exactly(stream.read, 8)
            length, code = struct.unpack("!II", head)
            server.sendall(head + _exactly(stream.read, length - 8))
            is_started = code == _STARTUP
        while True:
            head = _exactly(stream.read, 5)
            body = _exactly(stream.read, struct.unpack("!I", head[1:])[0] - 4)
            if head[:1] == _QUERY:
                body = translated(body[:-1]) + b"\0"
            server.sendall(head[:1] + struct.pack("!I", len(body) + 4) + body)


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    read_bytes = read(count)
    if len(read_bytes) < count:
        raise EOFError
    return read_bytes


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65_536):
            target.sendall(chunk)
    _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
