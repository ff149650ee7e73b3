"""Invoke a function through the engine, from another process of this server.

One connection an invocation, over a Unix socket that only the server's user may open. A request
and an answer are each one frame: four bytes of length, then MessagePack. The two are
``InvokeRequest`` and ``InvokeAnswer``; a refusal crosses as its name and its text.
"""

from pathlib import Path
import socket
from typing import Final

import msgspec

from keyturn.functions.invocation import Invocation
from keyturn.functions.refusals import (
    FunctionNotFoundError,
    FunctionUnavailableError,
    PayloadTooLargeError,
)
from keyturn.model.errors import ServiceError

FRAME_BYTES_MAX: Final = 16 * 1024 * 1024
_LENGTH_BYTES: Final = 4


class InvokeRequest(msgspec.Struct, frozen=True):
    """Invoke this function with this event."""

    function_arn: str
    payload: bytes


class InvokeAnswer(msgspec.Struct, frozen=True):
    """How it ended; or, with ``refusal``, why it didn't begin."""

    request_id: str = ""
    function_error: str | None = None
    payload: bytes = b""
    log_tail: bytes = b""
    refusal: str | None = None
    text: str = ""


def send_frame(connection: socket.socket, message: msgspec.Struct) -> None:
    """Write one frame."""
    body = msgspec.msgpack.encode(message)
    connection.sendall(len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def receive_frame(connection: socket.socket) -> bytes:
    """Read one frame.

    Raises:
        ConnectionError: the other side is gone, or doesn't keep to the protocol.
    """
    length = int.from_bytes(_receive(connection, _LENGTH_BYTES), "big")
    if length > FRAME_BYTES_MAX:
        raise ConnectionError("a frame is longer than any that is sent")
    return _receive(connection, length)


class RemoteInvoker:
    """Asks the engine; see ``keyturn.functions.invocation.Invoker``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Invoke a function on the engine of this server."""
        try:
            answer = self._ask(InvokeRequest(function_arn, payload))
        except OSError as error:
            raise FunctionUnavailableError(
                "The engine, which runs functions, isn't there at the moment. Try again shortly."
            ) from error
        if answer.refusal is not None:
            raise _refusal(answer, function_arn)
        return Invocation(
            request_id=answer.request_id,
            function_error=answer.function_error,
            payload=answer.payload,
            log_tail=answer.log_tail,
        )

    def _ask(self, request: InvokeRequest) -> InvokeAnswer:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(self._path))
            send_frame(connection, request)
            return msgspec.msgpack.decode(receive_frame(connection), type=InvokeAnswer)


def _refusal(answer: InvokeAnswer, function_arn: str) -> ServiceError:
    match answer.refusal:
        case "FunctionNotFoundError":
            return FunctionNotFoundError(function_arn)
        case "PayloadTooLargeError":
            return PayloadTooLargeError()
        case _:
            return FunctionUnavailableError(answer.text)


def _receive(connection: socket.socket, length: int) -> bytes:
    parts = []
    while length > 0:
        part = connection.recv(min(length, 1 << 20))
        if not part:
            raise ConnectionError("the other side closed the connection")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
