"""How API processes tell the engine what its functions have seen, before a function sees it.

* One datagram a value, over a Unix socket that only the server's user may open. Nothing is written
  to the disk.
* When ``tell`` returns, the value waits in the engine's socket. The engine empties that before it
  stores or answers anything that a function printed (``SeenValues.redact``), so whatever a
  function prints once it has a value is looked through for it.
* A thread empties the socket besides, so that many values find room.
* A value that can't be told isn't given: see ``keyturn.api.secretsmanager.seen_values``. Where
  there is no engine there is no function either, but for one that is just ending.

Linux: unix(7), socket(7), SO_SNDTIMEO.
"""

from collections.abc import Iterator
import os
from pathlib import Path
import select
import socket
import struct
import threading
from typing import Final

import msgspec
from typing_extensions import override

from keyturn.functions.output.seen_values import SeenValues, Sighting
from keyturn.model.limits import SECRET_VALUE_BYTES_MAX

#: How long to tell may take. The event loop waits meanwhile: an engine that takes in nothing for
#: so long has stopped.
TELL_SECONDS_MAX: Final = 1
#: The longest secret value, with a function's name.
SIGHTING_BYTES_MAX: Final = SECRET_VALUE_BYTES_MAX + 1_024
_OWNER_ONLY: Final = 0o177
_TIMEVAL: Final = "ll"


class _Datagram(msgspec.Struct, frozen=True, array_like=True):
    function_arn: str
    value: bytes

    @override
    def __repr__(self) -> str:
        return f"_Datagram({self.function_arn!r}, {len(self.value)} bytes)"


class SeenValuesSocket:
    """The engine's end."""

    def __init__(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        mask = os.umask(_OWNER_ONLY)
        try:
            self._socket.bind(str(path))
        finally:
            os.umask(mask)
        self._is_closing = threading.Event()
        self._thread: threading.Thread | None = None

    def receive(self) -> Iterator[Sighting]:
        """Yield what has been told and not been received, without waiting."""
        while datagram := self._next():
            told = msgspec.msgpack.decode(datagram, type=_Datagram)
            yield Sighting(told.function_arn, told.value)

    def listen(self, seen: SeenValues) -> None:
        """Have ``seen`` take in what is told as soon as it is, from a thread, until ``close``."""
        self._thread = threading.Thread(
            target=self._listen, args=(seen,), name="seen-values", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Take in nothing more."""
        self._is_closing.set()
        # Wakes the thread.
        self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def _next(self) -> bytes:
        """Return the next datagram; nothing if there is none."""
        try:
            return self._socket.recv(SIGHTING_BYTES_MAX, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return b""

    def _listen(self, seen: SeenValues) -> None:
        while not self._is_closing.is_set():
            select.select([self._socket], [], [])
            seen.take_in()


class Teller:
    """An API process's end."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        # Not settimeout, with which Python would ask again and again whether there is room.
        limit = struct.pack(_TIMEVAL, TELL_SECONDS_MAX, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def tell(self, function_arn: str, value: bytes) -> None:
        """Tell that a function, by its unqualified ARN, sees a value.

        Raises:
            OSError: there is no engine, or it took nothing in for ``TELL_SECONDS_MAX``.
        """
        datagram = msgspec.msgpack.encode(_Datagram(function_arn, value))
        self._socket.sendto(datagram, self._path)

    def close(self) -> None:
        """Tell nothing more."""
        self._socket.close()
