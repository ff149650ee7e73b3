"""What a simulated driver talks to, for the databases that can't be run here.

It is no database, and speaks no vendor's protocol: a simulated driver has the functions of the
vendor's, and sends each call as a line of JSON. So what is real in a test is the order of calls,
what is sent, and connections that break; the grammar and the rules of the database are only as
good as what its documentation says, and the session that a test gives here.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
import json
import socket
from threading import Lock, Thread
from typing import Any, Final, Protocol

_HOST: Final = "127.0.0.1"


class Fault(Exception):  # noqa: N818 - an answer, which the driver makes an error of its own
    """What a simulated database says when it refuses a call.

    Attributes:
        code: as the database's own documentation has it, such as ``ORA-01017``.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Session(Protocol):
    """One connection's side of a simulated database."""

    def answer(self, call: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """Do what a driver's call asks for; return what JSON can hold.

        Raises:
            Fault: it is refused.
        """
        ...


@dataclass(kw_only=True)
class SimulatedServer:
    """A running server, without TLS unless ``has_tls``, which is then only said, not done.

    Attributes:
        calls: each call that came, with its arguments, as one JSON text.
    """

    host: str
    port: int
    open_session: Callable[[], Session]
    has_tls: bool = False
    calls: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    @contextmanager
    def start(cls, open_session: Callable[[], Session]) -> "Iterator[SimulatedServer]":
        """Answer until the end of the block; a session is opened for each connection."""
        with socket.create_server((_HOST, 0)) as listener:
            server = cls(host=_HOST, port=listener.getsockname()[1], open_session=open_session)
            Thread(target=server._accept, args=(listener,), daemon=True).start()
            yield server
            # Wakes the thread that accepts: closing alone doesn't.
            listener.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        session = self.open_session()
        try:
            with connection, connection.makefile("rwb") as lines:
                for line in lines:
                    lines.write(json.dumps(self._answer(session, line)).encode() + b"\n")
                    lines.flush()
        except OSError:
            # The client is gone, or was cut off.
            return

    def _answer(self, session: Session, line: bytes) -> dict[str, Any]:
        request = json.loads(line)
        if request["call"] == "hello":
            return {"value": self.has_tls or not request["arguments"]["tls"]}
        with self._lock:
            self.calls.append(line.decode())
            try:
                return {"value": session.answer(request["call"], request["arguments"])}
            except Fault as fault:
                return {"fault": [fault.code, fault.text]}


class NoTlsError(OSError):
    """TLS was asked for, and the server has none."""


class SimulatedConnection:
    """A simulated driver's side of a connection."""

    def __init__(self, host: str, port: int, *, timeout_seconds: float, tls: bool) -> None:
        """Connect.

        Raises:
            NoTlsError: there is no TLS, and ``tls``; nothing else was sent.
            OSError: nothing answers.
        """
        self._socket = socket.create_connection((host, port), timeout_seconds)
        self._lines = self._socket.makefile("rwb")
        with ExitStack() as stack:
            stack.callback(self.close)
            if not self.call("hello", tls=tls):
                raise NoTlsError("the server doesn't support TLS")
            stack.pop_all()

    def call(self, name: str, **arguments: object) -> Any:  # noqa: ANN401 - JSON
        """Have the server do something; return its answer.

        Raises:
            Fault: the server refused.
            ConnectionError: the connection broke; it is done or isn't.
        """
        request = {"call": name, "arguments": arguments}
        self._lines.write(json.dumps(request, ensure_ascii=False).encode() + b"\n")
        self._lines.flush()
        line = self._lines.readline()
        if not line:
            raise ConnectionResetError("the server closed the connection")
        answer = json.loads(line)
        if "fault" in answer:
            raise Fault(*answer["fault"])
        return answer["value"]

    def close(self) -> None:
        """Hang up."""
        with suppress(OSError):
            # What wasn't sent yet is for a server that is gone.
            self._lines.close()
        self._socket.close()
