"""The body of a request, by its length or in chunks: read as far as it may go, and no further.

RFC 9112: HTTP/1.1, 6 and 7.1
"""

from collections.abc import Iterator
from io import BufferedIOBase
import re
from typing import Final, Protocol

_PIECE_BYTES: Final = 1 << 20
_LINE_BYTES_MAX: Final = 4_096
_LENGTH: Final = re.compile(r"\d{1,12}")
_CHUNK_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")


class Headers(Protocol):
    """The fields of a head."""

    def get(self, name: str, default: str, /) -> str:
        """Return what a field says."""
        ...


class BodyError(Exception):
    """It isn't a body; the connection can't be used any more."""


def read_body(file: BufferedIOBase, headers: Headers, bytes_max: int) -> bytes | None:
    """Return the body of a request whose head was read; None for a longer one, read and dropped.

    Raises:
        BodyError: its length is none, or it ends early.
    """
    # Not a list: a piece of two bytes, as an object, takes 35.
    kept = bytearray()
    length = 0
    for piece in _pieces(file, headers):
        length += len(piece)
        if length <= bytes_max:
            kept += piece
        else:
            kept.clear()
    return None if length > bytes_max else bytes(kept)


def _pieces(file: BufferedIOBase, headers: Headers) -> Iterator[bytes]:
    if headers.get("Transfer-Encoding", "").strip().lower() == "chunked":
        while (size := _chunk_size(file)) > 0:
            yield from _read(file, size)
            _end_of_line(file)
        _skip_trailers(file)
        return
    stated = headers.get("Content-Length", "0").strip()
    if not _LENGTH.fullmatch(stated):
        raise BodyError(stated)
    yield from _read(file, int(stated))


def _read(file: BufferedIOBase, length: int) -> Iterator[bytes]:
    while length > 0:
        piece = file.read(min(length, _PIECE_BYTES))
        if not piece:
            raise BodyError("it ends early")
        length -= len(piece)
        yield piece


def _chunk_size(file: BufferedIOBase) -> int:
    found = _CHUNK_SIZE.fullmatch(file.readline(_LINE_BYTES_MAX))
    if found is None:
        raise BodyError("a chunk has no size")
    return int(found[1], 16)


def _end_of_line(file: BufferedIOBase) -> None:
    if file.readline(_LINE_BYTES_MAX) not in (b"\r\n", b"\n"):
        raise BodyError("a chunk is longer than it says")


def _skip_trailers(file: BufferedIOBase) -> None:
    while (line := file.readline(_LINE_BYTES_MAX)) not in (b"\r\n", b"\n"):
        if not line:
            raise BodyError("it ends early")
