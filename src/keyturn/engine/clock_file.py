"""The file that a virtual clock is kept in. Every process maps it, and sees each change at once.

The rules, which every caller may rely on:

* A record is read as it was before a write or as it is after it, without a lock. It has one writer
  at a time; who that is, its user says.
* It is kept twice, each copy with a number and a checksum, in a block of its own. A write replaces
  the older copy and leaves the newer one alone: whatever cuts it off, the death of the process or
  of the machine, a whole copy is left.
* A write is on the disk when it returns. The store has nothing from a time that a power cut could
  take back.
* The file is its owner's alone, and appears in one piece.

Linux: mmap(2), msync(2), rename(2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
import mmap
import os
from pathlib import Path
import struct
from typing import Final
from zlib import crc32

from keyturn.model.errors import ServiceError

#: How many whole numbers a record holds; those that nobody uses are 0.
VALUES: Final = 8

# What a disk writes at once: a torn write damages one copy, never both.
_BLOCK_BYTES: Final = 4096
_MAGIC: Final = b"keyturn clock 1\n"
_COPIES: Final = (0, 1)
_NUMBER_AND_VALUES: Final = struct.Struct(f"<{1 + VALUES}q")
_CHECKSUM: Final = struct.Struct("<I")
_COPY_BYTES: Final = _NUMBER_AND_VALUES.size + _CHECKSUM.size
_TIME_BLOCK: Final = 1
_JOURNEY_BLOCK: Final = _TIME_BLOCK + len(_COPIES)
_FILE_BYTES: Final = (_JOURNEY_BLOCK + len(_COPIES)) * _BLOCK_BYTES


class DamagedClockError(ServiceError):
    """The file can't be read as a clock."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} is damaged, and with it the time of this data directory. Restore it from a "
            "backup, or begin again with an empty directory."
        )


@dataclass(frozen=True, slots=True)
class _Copy:
    index: int
    number: int
    values: tuple[int, ...]

    @classmethod
    def read(cls, index: int, packed: bytes) -> "_Copy | None":
        """Return what a copy holds; None for one that isn't whole."""
        number, *values = _NUMBER_AND_VALUES.unpack_from(packed)
        return cls(index, number, tuple(values)) if packed == _packed(number, values) else None


class Record:
    """Some whole numbers that belong together, all of them 0 at first."""

    def __init__(self, mapped: mmap.mmap, block: int, path: Path) -> None:
        self._mapped = mapped
        self._start = block * _BLOCK_BYTES
        self._path = path

    def read(self) -> tuple[int, ...]:
        """Return the numbers that were written last.

        Raises:
            DamagedClockError: neither copy is whole.
        """
        return self._newest().values

    def write(self, *values: int) -> None:
        """Replace the numbers; they are on the disk when this returns.

        Raises:
            DamagedClockError: neither copy is whole.
        """
        newest = self._newest()
        packed = _packed(newest.number + 1, values)
        start = self._start_of(1 - newest.index)
        self._mapped[start : start + _COPY_BYTES] = packed
        self._mapped.flush()

    def _newest(self) -> _Copy:
        copies = (_Copy.read(index, packed) for index, packed in enumerate(self._at_one_moment()))
        whole = [copy for copy in copies if copy is not None]
        if not whole:
            raise DamagedClockError(self._path)
        return max(whole, key=lambda copy: copy.number)

    def _at_one_moment(self) -> list[bytes]:
        # Two writes in between could replace the one copy and be half-way through the other, so
        # that what was read of the first looked like the newest. Numbers grow: what is the same
        # twice was so all the time.
        before, after = None, self._packed_copies()
        while before != after:
            before, after = after, self._packed_copies()
        return after

    def _packed_copies(self) -> list[bytes]:
        starts = [self._start_of(index) for index in _COPIES]
        return [self._mapped[start : start + _COPY_BYTES] for start in starts]

    def _start_of(self, index: int) -> int:
        return self._start + index * _BLOCK_BYTES


class ClockFile:
    """The records of one clock, mapped.

    Attributes:
        time: how far the clock is ahead, and how the last journey went. The engine's.
        journey: where somebody wants the clock to be. The command line's.
    """

    def __init__(self, path: Path) -> None:
        mapped = _map(path)
        self.time = Record(mapped, _TIME_BLOCK, path)
        self.journey = Record(mapped, _JOURNEY_BLOCK, path)
        self.time.read()
        self.journey.read()


def make(path: Path) -> None:
    """Make the file, unless there is one."""
    if path.exists():
        return
    first = _packed(0, ()).ljust(_BLOCK_BYTES, b"\0")
    content = _MAGIC.ljust(_BLOCK_BYTES, b"\0") + first * (_FILE_BYTES // _BLOCK_BYTES - 1)
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    _flush_folder(path.parent)


def _flush_folder(path: Path) -> None:
    # The new name is on the disk before anything is stored beside it.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _map(path: Path) -> mmap.mmap:
    with path.open("r+b") as file:
        if os.fstat(file.fileno()).st_size != _FILE_BYTES:
            raise DamagedClockError(path)
        mapped = mmap.mmap(file.fileno(), _FILE_BYTES)
    if not mapped[:].startswith(_MAGIC):
        raise DamagedClockError(path)
    return mapped


def _packed(number: int, values: Sequence[int]) -> bytes:
    padding = (0,) * (VALUES - len(values))
    packed = _NUMBER_AND_VALUES.pack(number, *values, *padding)
    return packed + _CHECKSUM.pack(crc32(packed))
