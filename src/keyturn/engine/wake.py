"""A tap on the engine's shoulder: an API process says that a rotation may be due.

It carries nothing and promises nothing. A tap that is lost costs a moment: the engine looks by
itself every few seconds.
"""

from collections.abc import Callable
from pathlib import Path
import socket
import threading


class WakeListener:
    """Sets its events whenever somebody taps."""

    def __init__(self, path: Path, *events: threading.Event) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._events = events
        self._thread = threading.Thread(target=self._listen, name="wake", daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            self._socket.recv(1)
            for event in self._events:
                event.set()


def tapper(path: Path) -> Callable[[], None]:
    """Return the function with which an API process taps."""
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)  # noqa: FBT003 - the socket module's own signature

    def tap() -> None:
        try:
            sender.sendto(b"!", str(path))
        except OSError:
            # No engine just now, or so many taps that one more changes nothing.
            return

    return tap
