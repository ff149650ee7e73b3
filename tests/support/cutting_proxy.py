"""A TCP proxy that breaks a connection off at a chosen message: what a server sees of a crash.

with CuttingProxy.start(("127.0.0.1", 5432)) as proxy:
    proxy.arm(3)        # the fourth place: before or after a message of the client's
    ...                 # whoever connects to proxy.port is cut off there
    proxy.disarm()

What the client sends in one go counts as a message, over all connections. At an even place the
connection breaks before the message gets to the server, at an odd one when the server has answered
it and the client hasn't seen the answer.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
import select
import socket
from threading import Lock, Thread
from typing import Final

_BYTES_MAX: Final = 1 << 16
HOST: Final = "127.0.0.1"


@dataclass(kw_only=True)
class CuttingProxy:
    """A running proxy.

    Attributes:
        sent: everything that clients have sent through it.
    """

    port: int
    target: tuple[str, int]
    sent: bytearray = field(default_factory=bytearray)
    is_closed: bool = False
    has_cut: bool = False
    _place: int | None = None
    _reached: int = 0
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    @contextmanager
    def start(cls, target: tuple[str, int]) -> "Iterator[CuttingProxy]":
        """Pass connections on until the end of the block."""
        with socket.create_server((HOST, 0)) as listener:
            proxy = cls(port=listener.getsockname()[1], target=target)
            Thread(target=proxy._accept, args=(listener,), daemon=True).start()
            yield proxy
            # Wakes the thread that accepts: closing alone doesn't.
            listener.shutdown(socket.SHUT_RDWR)

    def arm(self, place: int) -> None:
        """Break off at this place, from 0, counted from now."""
        with self._lock:
            self._place, self._reached, self.has_cut = place, 0, False

    def disarm(self) -> None:
        """Let everything through."""
        with self._lock:
            self._place = None

    @contextmanager
    def down(self) -> Iterator[None]:
        """Break off every connection at once, as when nothing is there."""
        self.is_closed = True
        try:
            yield
        finally:
            self.is_closed = False

    def forget(self) -> None:
        """Begin anew with ``sent``."""
        with self._lock:
            self.sent = bytearray()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError):
            if self.is_closed:
                return
            with socket.create_connection(self.target) as server:
                self._pass_on(client, server)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """Pass on what either says, until one has nothing more to say or it is time to cut."""
        is_answer_cut = False
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            ready, _, _ = select.select([client, server], [], [])
            for one, other in ((server, client), (client, server)):
                if one not in ready:
                    continue
                said = one.recv(_BYTES_MAX)
                if one is client and said:
                    self._note(said)
                    if self._cuts_here():
                        return
                    is_answer_cut = self._cuts_here()
                elif is_answer_cut or not said:
                    return
                other.sendall(said)

    def _note(self, message: bytes) -> None:
        with self._lock:
            self.sent += message

    def _cuts_here(self) -> bool:
        with self._lock:
            is_here = self._reached == self._place
            self._reached += 1
            self.has_cut |= is_here
            return is_here
