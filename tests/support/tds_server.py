"""The beginning of SQL Server's protocol, as far as TLS: to see what a driver sends, and to whom.

Microsoft: [MS-TDS] 2.2.6.5 (PRELOGIN) and 2.2.6.4 (LOGIN7);
https://learn.microsoft.com/openspecs/windows_protocols/ms-tds
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
import socket
import ssl
import struct
from threading import Thread
from typing import Final

from support.certificates import Certificate

_PRELOGIN: Final = 0x12
_RESPONSE: Final = 0x04
_LAST: Final = 0x01
_NOT_SUPPORTED: Final = 2
_REQUIRED: Final = 3
_HEADER: Final = struct.Struct(">BBHHBB")
_BYTES_MAX: Final = 1 << 16


@dataclass(kw_only=True)
class TdsServer:
    """A server that never lets anybody in.

    Attributes:
        logins: what came after the prelogin, decrypted.
    """

    port: int
    certificate: Certificate | None
    logins: list[bytes] = field(default_factory=list)

    @classmethod
    @contextmanager
    def start(cls, certificate: Certificate | None = None) -> Iterator["TdsServer"]:
        """Answer until the end of the block; without TLS unless there is a certificate."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = cls(port=listener.getsockname()[1], certificate=certificate)
            thread = Thread(target=server._accept, args=(listener,))
            thread.start()
            yield server
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with connection, suppress(OSError, ssl.SSLError, EOFError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        _read_packet(connection)
        encryption = _NOT_SUPPORTED if self.certificate is None else _REQUIRED
        # Two options, where their values are, and the values: a version, and the encryption.
        options = struct.pack(">BHHBHHB", 0, 11, 6, 1, 17, 1, 0xFF)
        _write_packet(connection, _RESPONSE, options + bytes([16, 0, 0, 0, 0, 0, encryption]))
        if self.certificate is None:
            self.logins += [each for each in [connection.recv(_BYTES_MAX)] if each]
        else:
            self.logins.append(self._decrypted(connection, self.certificate))

    def _decrypted(self, connection: socket.socket, certificate: Certificate) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate.certificate_file, certificate.key_file)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                if sent := outgoing.read():
                    _write_packet(connection, _PRELOGIN, sent)
                incoming.write(_read_packet(connection))
        _write_packet(connection, _PRELOGIN, outgoing.read())
        while True:
            try:
                return tls.read(_BYTES_MAX)
            except ssl.SSLWantReadError:
                chunk = connection.recv(_BYTES_MAX)
                if not chunk:
                    raise EOFError from None
                incoming.write(chunk)


def _read_packet(connection: socket.socket) -> bytes:
    header = _exactly(connection, _HEADER.size)
    return _exactly(connection, _HEADER.unpack(header)[2] - _HEADER.size)


def _write_packet(connection: socket.socket, kind: int, body: bytes) -> None:
    header = _HEADER.pack(kind, _LAST, _HEADER.size + len(body), 0, 1, 0)
    connection.sendall(header + body)


def _exactly(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        chunk = connection.recv(count - len(found))
        if not chunk:
            raise EOFError
        found += chunk
    return found
