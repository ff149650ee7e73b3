"""The Lambda Runtime API: events out to the processes of functions, answers in.

* Each process has a ``Channel``: it asks for the next event and waits, and posts what becomes an
  ``Outcome``. One server serves all of them.
* Events hold rotation tokens. A channel's address has a part that only its process is told:
  another user of the machine, or another function, who finds the port gets nothing.
* A process has one body read at a time, and none that nobody waits for; what it posts without
  being asked ends its connection.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
import os
import queue
import secrets
import socket
import threading
from typing import Any, Final

import structlog
from typing_extensions import override

from keyturn.functions.execution.request_body import BodyError, read_body

# AWS: the longest answer, and what it says of a longer one.
RESPONSE_BYTES_MAX: Final = 6_291_556
#: Connections of one process at once: its client has one or two.
CONNECTIONS_MAX: Final = 32
#: Connections that haven't said yet which process they are of; beyond, the oldest is closed.
STRANGERS_MAX: Final = 256
STRANGER_SECONDS_MAX: Final = 5
#: The lines of a head that are kept, together; and the longest, with its end: others are skipped.
HEAD_BYTES_MAX: Final = 32_768
HEAD_LINE_BYTES_MAX: Final = 8_192
_VERSION: Final = "2018-06-01"
_ACCEPTED: Final = b'{"status":"OK"}'
#: AWS's words for an answer to an event that isn't under way.
_NOT_ASKED: Final = b'{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}'

_log = structlog.get_logger(__name__)


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


Outcome = Answered | Raised | TooLarge


class Channel:
    """What one process and its environment say to each other.

    The descriptor becomes readable when the process asked for an event or posted an outcome.

    Attributes:
        is_waiting: whether the process has asked for an event and has none.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.is_waiting = False
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._outcomes: deque[Outcome] = deque()
        self._lock = threading.Lock()
        self._posting = threading.Lock()
        # What it may post next: how its start failed, then what became of the event it has.
        self._awaited: frozenset[str] = frozenset({"init/error"})
        self._connections = 0
        self._signal = -1
        self._signal = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._signal

    def clear(self) -> None:
        """Make the descriptor unreadable until the process says something more."""
        os.eventfd_read(self._signal)

    def give(self, event: Event) -> None:
        """Give the process, which is waiting, its next event."""
        self.is_waiting = False
        answers = (f"invocation/{event.request_id}/{kind}" for kind in ("response", "error"))
        with self._lock:
            self._awaited = frozenset(answers)
        self._events.put(event)

    def outcome(self) -> Outcome | None:
        """Return what the process posted, once."""
        return self._outcomes.popleft() if self._outcomes else None

    def await_event(self) -> Event | None:
        """Wait for an event, for the process; None when there will be none."""
        self.is_waiting = True
        os.eventfd_write(self._signal, 1)
        event = self._events.get()
        if event is None:
            # For whoever else waits: there are no more.
            self._events.put(None)
        return event

    def enter(self) -> bool:
        """Count a connection of the process; return False for one too many."""
        with self._lock:
            if self._connections >= CONNECTIONS_MAX:
                return False
            self._connections += 1
        return True

    def leave(self) -> None:
        """Count a connection of the process that is over."""
        with self._lock:
            self._connections -= 1

    @contextmanager
    def posting(self, endpoint: str) -> Iterator[bool]:
        """Yield whether what the process posts there is asked for; it posts nothing meanwhile."""
        with self._posting:
            yield endpoint in self._awaited

    def post(self, endpoint: str, outcome: Outcome) -> bool:
        """Take what the process posted; return whether it was asked for, and the first time."""
        with self._lock:
            if endpoint not in self._awaited:
                return False
            self._awaited = frozenset()
            self._outcomes.append(outcome)
        os.eventfd_write(self._signal, 1)
        return True

    def close(self) -> None:
        """Let whoever waits for an event go. The process must be gone."""
        self._events.put(None)

    def __del__(self) -> None:
        # Not in close: a request that is under way may still signal.
        if self._signal >= 0:
            os.close(self._signal)


class RuntimeApi:
    """Serves every channel of this process on one port of loopback."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._server = _Server(self._channels)
        threading.Thread(
            target=self._server.serve_forever, name="runtime-api", daemon=True
        ).start()

    def open_channel(self) -> Channel:
        """Return a channel for a process that will be started."""
        token = secrets.token_hex(16)
        channel = Channel(f"127.0.0.1:{self._server.server_address[1]}/{token}")
        self._channels[token] = channel
        return channel

    def close_channel(self, channel: Channel) -> None:
        """Forget a channel whose process is gone."""
        del self._channels[channel.address.rpartition("/")[2]]
        channel.close()

    def close(self) -> None:
        """Serve nobody any more."""
        self._server.shutdown()
        self._server.server_close()


#: What the base class passes on: it serves datagrams too.
_Request = socket.socket | tuple[bytes, socket.socket]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, channels: dict[str, Channel]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.channels = channels
        self._strangers: dict[socket.socket, None] = {}
        self._lock = threading.Lock()

    @override
    def process_request(self, request: _Request, client_address: Any) -> None:
        assert isinstance(request, socket.socket)
        with self._lock:
            self._strangers[request] = None
            if len(self._strangers) > STRANGERS_MAX:
                oldest = next(iter(self._strangers))
                del self._strangers[oldest]
                # Its thread closes it.
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    @override
    def shutdown_request(self, request: _Request) -> None:
        assert isinstance(request, socket.socket)
        self.know(request)
        super().shutdown_request(request)

    def know(self, connection: socket.socket) -> None:
        """Note that a connection is a stranger's no more."""
        with self._lock:
            self._strangers.pop(connection, None)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        # A killed process breaks its connections off. The rest is said without the address: its
        # path is secret.
        _log.debug("a request to the runtime API ended early")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: two would wait for the receiver's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = STRANGER_SECONDS_MAX
    server: _Server
    connection: socket.socket
    _entered: Channel | None = None

    @override
    def parse_request(self) -> bool:
        whole, self.rfile = self.rfile, _HeaderLines(self.rfile)
        try:
            return super().parse_request()
        finally:
            self.rfile = whole

    def do_GET(self) -> None:
        channel, endpoint = self._addressed()
        if channel is None or endpoint != "invocation/next":
            self._refuse()
            return
        event = channel.await_event()
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
        channel, endpoint = self._addressed()
        if channel is None:
            self._refuse()
            return
        try:
            with channel.posting(endpoint) as is_awaited:
                # Noted before it is acknowledged: a process that then exits is known to have
                # answered.
                is_taken = is_awaited and channel.post(endpoint, self._outcome(endpoint))
        except BodyError:
            self._refuse(400)
            return
        if is_taken:
            self._reply(202, _ACCEPTED)
        else:
            self._refuse(400, _NOT_ASKED)

    def _outcome(self, endpoint: str) -> Outcome:
        body = read_body(self.rfile, self.headers, RESPONSE_BYTES_MAX)
        if body is None:
            return TooLarge()
        return Answered(body) if endpoint.endswith("/response") else Raised(body)

    @override
    def finish(self) -> None:
        try:
            super().finish()
        finally:
            if self._entered is not None:
                self._entered.leave()

    def _addressed(self) -> tuple[Channel | None, str]:
        _, token, version, *rest = [*self.path.split("/", 3), "", ""]
        kind, _, endpoint = rest[0].partition("/")
        if (version, kind) != (_VERSION, "runtime"):
            return None, ""
        channel = self.server.channels.get(token)
        if channel is None or not self._enter(channel):
            return None, ""
        return channel, endpoint

    def _enter(self, channel: Channel) -> bool:
        if self._entered is None and channel.enter():
            self._entered = channel
            self.server.know(self.connection)
            # What it says next may take as long as its function.
            self.connection.settimeout(None)
        return self._entered is channel

    def _refuse(self, status: int = 404, body: bytes = b"") -> None:
        # Which ends the connection: what else the sender has to say isn't read.
        self._reply(status, body, {"Connection": "close"})

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


class _HeaderLines(BufferedIOBase):
    """Reads the lines of a head without those that are too long, with which it would be refused.

    AWS's client repeats an error, message and all, in a header of up to a megabyte for X-Ray.
    """

    def __init__(self, whole: BufferedIOBase) -> None:
        self._whole = whole
        self._bytes_left = HEAD_BYTES_MAX

    @override
    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line, of whatever length is kept.

        Raises:
            LineTooLong: all lines together are.
        """
        line = self._whole.readline(HEAD_LINE_BYTES_MAX)
        while line and not line.endswith(b"\n"):
            part = line
            while part and not part.endswith(b"\n"):
                part = self._whole.readline(HEAD_LINE_BYTES_MAX)
            line = self._whole.readline(HEAD_LINE_BYTES_MAX)
        self._bytes_left -= len(line)
        if self._bytes_left < 0:
            raise LineTooLong("head")
        return line
