"""A listener that answers each connection once, with the same bytes, and closes it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import socket
from threading import Thread

_BYTES_MAX = 1 << 16


@contextmanager
def scripted_http(answer: bytes) -> Iterator[int]:
    """Yield the port on which it listens until the end of the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_answer, args=(listener, answer), daemon=True).start()
        yield listener.getsockname()[1]
        # Wakes the thread that accepts: closing alone doesn't.
        listener.shutdown(socket.SHUT_RDWR)


def _answer(listener: socket.socket, answer: bytes) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(_BYTES_MAX)
                connection.sendall(answer)
