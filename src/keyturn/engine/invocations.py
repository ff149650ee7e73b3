"""The job that takes invocations from the API processes, over a Unix socket.

The socket is its owner's alone, from the moment that it exists. An invocation that our own code
fails breaks its connection off, and is logged; the others go on.
"""

from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import socket
import socketserver
import threading
from typing import Final

import msgspec
import structlog
from typing_extensions import override

from keyturn.functions.execution.remote import (
    ANSWER_SECONDS_MAX,
    InvokeAnswer,
    InvokeRequest,
    receive_frame,
    refusal_of,
    send_frame,
)
from keyturn.functions.invocation import Invoker
from keyturn.model.errors import ServiceError

_log = structlog.get_logger(__name__)

#: Functions that wait for others have a thread each, so there are far more than can run.
INVOCATIONS_AT_ONCE_MAX: Final = 1_024
_OWNER_ONLY: Final = 0o177


class InvocationServer:
    """Answers each connection with one invocation."""

    def __init__(self, path: Path, invoker: Invoker) -> None:
        path.unlink(missing_ok=True)
        mask = os.umask(_OWNER_ONLY)
        try:
            self._server = _Server(str(path), invoker)
        finally:
            os.umask(mask)
        thread = threading.Thread(
            target=self._server.serve_forever, name="invocations", daemon=True
        )
        thread.start()

    def close(self) -> None:
        """Take no more invocations; those under way end with this process."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    request_queue_size = 128
    # The process ends with what is under way.
    block_on_close = False

    def __init__(self, path: str, invoker: Invoker) -> None:
        super().__init__(path, _Connection)
        self.invoker = invoker
        self._workers = ThreadPoolExecutor(INVOCATIONS_AT_ONCE_MAX, "invocation")

    @override
    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        # A thread that waits for work is woken sooner than a new one starts.
        self._workers.submit(self.process_request_thread, request, client_address)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        _log.exception("an invocation failed")


class _Connection(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    @override
    def handle(self) -> None:
        """Serve one invocation."""
        self.request.settimeout(ANSWER_SECONDS_MAX)
        try:
            frame = receive_frame(self.request)
            request = msgspec.msgpack.decode(frame, type=InvokeRequest)
            send_frame(self.request, self._answer(request))
        except (ConnectionError, TimeoutError):
            # The API process is gone, and with it whoever wanted the answer.
            return

    def _answer(self, request: InvokeRequest) -> InvokeAnswer:
        try:
            invocation = self.server.invoker.invoke(request.function_arn, request.payload)
        except ServiceError as error:
            return refusal_of(error)
        return InvokeAnswer(
            request_id=invocation.request_id,
            function_error=invocation.function_error,
            payload=invocation.payload,
            log_tail=invocation.log_tail,
            executed_version=invocation.executed_version,
        )
