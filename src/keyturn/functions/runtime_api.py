"""The Lambda Runtime API, for one execution environment: events out, answers in.

The process asks for the next event and waits; what it posts back becomes an ``Outcome``. Events
hold rotation tokens, so the address has a part that only this process is told: another user of
the machine who finds the port gets nothing.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import queue
import secrets
import threading
from typing import Final

from typing_extensions import override

# AWS: the longest answer, and what it says of a longer one.
RESPONSE_BYTES_MAX: Final = 6_291_556
_VERSION: Final = "2018-06-01"
_ACCEPTED: Final = b'{"status":"OK"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What the process is to work on. ``deadline_ms`` is since the epoch."""

    request_id: str
    function_arn: str
    deadline_ms: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answered:
    """The handler returned."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Raised:
    """The handler raised, or couldn't be loaded; the payload is AWS's error document."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TooLarge:
    """The handler's answer is longer than Lambda takes."""

    length: int


Outcome = Answered | Raised | TooLarge


class RuntimeApi:
    """Serves one process. ``on_outcome`` and ``on_ready`` are called from the server's threads."""

    def __init__(
        self, *, on_outcome: Callable[[Outcome], None], on_ready: Callable[[], None]
    ) -> None:
        self._path = f"/{secrets.token_hex(16)}"
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler_class())
        self._server.daemon_threads = True
        self._on_outcome = on_outcome
        self._on_ready = on_ready
        thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="runtime")
        thread.start()

    @property
    def address(self) -> str:
        """What the process finds in ``AWS_LAMBDA_RUNTIME_API``."""
        return f"127.0.0.1:{self._server.server_address[1]}{self._path}"

    def send(self, event: Event) -> None:
        """Give the process its next event."""
        self._events.put(event)

    def close(self) -> None:
        """Stop serving."""
        self._events.put(None)
        self._server.shutdown()
        self._server.server_close()

    def _handler_class(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(_Handler):
            """Belongs to this API."""

            runtime_api = api

        return Handler

    def next_event(self) -> Event | None:
        """Wait for the next event; None when there will be none."""
        self._on_ready()
        return self._events.get()

    def note(self, outcome: Outcome) -> None:
        """Pass on what the process posted."""
        self._on_outcome(outcome)

    def endpoint_of(self, path: str) -> str | None:
        """Return the part of a path behind the version; None without our secret part."""
        prefix = f"{self._path}/{_VERSION}/runtime/"
        if not secrets.compare_digest(path[: len(prefix)].encode(), prefix.encode()):
            return None
        return path[len(prefix) :]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two would wait for the receiver's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    runtime_api: RuntimeApi

    def do_GET(self) -> None:
        if self.runtime_api.endpoint_of(self.path) != "invocation/next":
            self._reply(404, b"")
            return
        event = self.runtime_api.next_event()
        if event is None:
            self.close_connection = True
            return
        headers = {
            "Lambda-Runtime-Aws-Request-Id": event.request_id,
            "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": event.function_arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{event.deadline_ms // 1000:08x}-{'0' * 24}",
        }
        self._reply(200, event.payload, headers)

    def do_POST(self) -> None:
        endpoint = self.runtime_api.endpoint_of(self.path)
        if endpoint is None:
            self._reply(404, b"")
            return
        length = int(self.headers.get("Content-Length", 0))
        # Noted before it is acknowledged: a process that then exits is known to have answered.
        self.runtime_api.note(self._outcome(endpoint, length))
        self._reply(202, _ACCEPTED)

    def _outcome(self, endpoint: str, length: int) -> Outcome:
        if length > RESPONSE_BYTES_MAX:
            self._discard(length)
            return TooLarge(length)
        body = self.rfile.read(length)
        return Answered(body) if endpoint.endswith("/response") else Raised(body)

    def _discard(self, length: int) -> None:
        while length > 0 and (chunk := self.rfile.read(min(length, 1 << 20))):
            length -= len(chunk)

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: a path here holds the secret part of the address."""
