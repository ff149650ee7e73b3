"""Invoke a function through the engine, from another process of this server.

One connection an invocation, over a Unix socket that only the server's user may open. A request
and an answer are each one frame: four bytes of length, then MessagePack. The two are
``InvokeRequest`` and ``InvokeAnswer``; a refusal crosses as its name and its text.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
import socket
from typing import Final

import msgspec
from typing_extensions import override

from keyturn.functions.invocation import Invocation
from keyturn.functions.refusals import (
    EnvironmentsBusyError,
    ExecutionRoleError,
    FunctionNotFoundError,
    FunctionUnavailableError,
    PayloadTooLargeError,
)
from keyturn.model.errors import ServiceError
from keyturn.model.function import LATEST

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
#: A wait for an environment, its start and the longest timeout together take less.
ANSWER_SECONDS_MAX: Final = 1_200
_LENGTH_BYTES: Final = 4


class InvokeRequest(msgspec.Struct, frozen=True):
    """Invoke this function with this event."""

    function_arn: str
    payload: bytes

    @override
    def __repr__(self) -> str:
        return f"InvokeRequest({self.function_arn!r}, {len(self.payload)} bytes)"


class InvokeAnswer(msgspec.Struct, frozen=True):
    """How it ended; or, with ``refusal``, why it didn't begin.

    ``detail`` is what the refusal is about, ``text`` what it says.
    """

    request_id: str = ""
    function_error: str | None = None
    payload: bytes = b""
    log_tail: bytes = b""
    executed_version: str = LATEST
    refusal: str | None = None
    detail: str = ""
    text: str = ""

    @override
    def __repr__(self) -> str:
        return f"InvokeAnswer({self.request_id!r}, {self.refusal!r}, {len(self.payload)} bytes)"


def send_frame(connection: socket.socket, message: msgspec.Struct) -> None:
    """Write one frame."""
    body = msgspec.msgpack.encode(message)
    connection.sendall(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def receive_frame(connection: socket.socket) -> bytes:
    """Read one frame.

    Raises:
        ConnectionError: the other side is gone, or doesn't keep to the protocol.
        TimeoutError: it says nothing for longer than the connection waits.
    """
    length = int.from_bytes(_receive(connection, _LENGTH_BYTES), "big")
    if length > FRAME_BYTES_MAX:
        raise ConnectionError("a frame is longer than any that is sent")
    return _receive(connection, length)


def refusal_of(error: ServiceError) -> InvokeAnswer:
    """Return a refusal as it crosses the socket."""
    match error:
        case FunctionNotFoundError():
            detail = error.arn
        case ExecutionRoleError():
            detail = error.role_arn
        case EnvironmentsBusyError():
            detail = str(error.waited_seconds)
        case PayloadTooLargeError():
            detail = str(error.length)
        case _:
            detail = ""
    return InvokeAnswer(refusal=type(error).__name__, detail=detail, text=str(error))


class RemoteInvoker:
    """Asks the engine; see ``keyturn.functions.invocation.Invoker``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Invoke a function on the engine of this server."""
        try:
            answer = self._ask(InvokeRequest(function_arn, payload))
        except (OSError, msgspec.DecodeError) as error:
            raise FunctionUnavailableError(
                "The engine, which runs functions, isn't there at the moment. Try again shortly."
            ) from error
        if answer.refusal is not None:
            raise _refusal(answer)
        return Invocation(
            request_id=answer.request_id,
            function_error=answer.function_error,
            payload=answer.payload,
            log_tail=answer.log_tail,
            executed_version=answer.executed_version,
        )

    def _ask(self, request: InvokeRequest) -> InvokeAnswer:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(ANSWER_SECONDS_MAX)
            connection.connect(str(self._path))
            send_frame(connection, request)
            return msgspec.msgpack.decode(receive_frame(connection), type=InvokeAnswer)


_REFUSALS: Final[Mapping[str, Callable[[str], ServiceError]]] = {
    "EnvironmentsBusyError": lambda detail: EnvironmentsBusyError(int(detail)),
    "ExecutionRoleError": ExecutionRoleError,
    "FunctionNotFoundError": FunctionNotFoundError,
    "PayloadTooLargeError": lambda detail: PayloadTooLargeError(int(detail)),
}


def _refusal(answer: InvokeAnswer) -> ServiceError:
    made = _REFUSALS.get(answer.refusal or "")
    return FunctionUnavailableError(answer.text) if made is None else made(answer.detail)


def _receive(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length > 0:
        part = connection.recv(min(length, 1 << 20))
        if not part:
            raise ConnectionError("the other side closed the connection")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
