"""A function's ZIP: read through before it is believed, unpacked where nobody else can be hurt.

The rules, which every caller may rely on:

* ``check`` refuses what Lambda refuses, whatever could land outside the folder or isn't a plain
  file (absolute names, ``..``, links, devices, a name twice), and whatever couldn't be unpacked.
  That may take seconds. What is stored is ``Checked``, so it is done before a write begins.
* What a ZIP says about its own sizes is believed for nothing but a first refusal: the bytes that
  come are counted, also by ``check``.
* An unpacked folder appears whole or not at all.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
APPNOTE: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3 and 4.4
"""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import hashlib
import io
from pathlib import Path, PurePosixPath
import secrets
import shutil
import stat
import struct
from typing import Final
import zipfile
import zlib

from keyturn.functions.refusals import PackageTooLargeError, UnzipError

ZIP_BYTES_MAX: Final = 52_428_800
UNZIPPED_BYTES_MAX: Final = 262_144_000
FILES_MAX: Final = 50_000
#: The list of files is read as a whole; enough for ``FILES_MAX`` names of a usual length.
DIRECTORY_BYTES_MAX: Final = 16 * 1024 * 1024
#: NAME_MAX and, with room for the folder before it, PATH_MAX of Linux.
NAME_BYTES_MAX: Final = 255
PATH_BYTES_MAX: Final = 3_072
#: Folders below each other, the file's own name with them.
DEPTH_MAX: Final = 64

_CHUNK_BYTES: Final = 1 << 20
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PRINTABLE_MIN: Final = " "
_END: Final = b"PK\x05\x06"
_END_64_LOCATOR: Final = b"PK\x06\x07"
# What Python's reader raises for what isn't a ZIP, or for a kind that it can't read.
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    IndexError,
    OSError,
    RuntimeError,
    ValueError,
)

Take = Callable[[bytes], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A package that ``check`` took.

    Attributes:
        sha256: the hexadecimal hash that it is kept under.
        unzipped_bytes: how much it says that it holds, which is no less.
    """

    zipped: bytes = field(repr=False)
    sha256: str
    unzipped_bytes: int


def sha256_of(zipped: bytes) -> str:
    """Return the hexadecimal hash that a package is kept under."""
    return hashlib.sha256(zipped).hexdigest()


def base64_of(sha256: str) -> str:
    """Return a hash as AWS writes it in ``CodeSha256``."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def check(zipped: bytes) -> Checked:
    """Refuse a package that Lambda wouldn't take, or that isn't safe to unpack; return any other.

    Raises:
        UnzipError, PackageTooLargeError: it is one.
    """
    with _opened(zipped) as archive:
        left = UNZIPPED_BYTES_MAX
        entries = _checked_entries(archive)
        for entry in entries:
            # Nothing of a folder's own is ever unpacked.
            left -= 0 if entry.is_dir() else _read(archive, entry, lambda _: None, left)
    return Checked(
        zipped=zipped,
        sha256=sha256_of(zipped),
        unzipped_bytes=sum(entry.file_size for entry in entries),
    )


def unpack(zipped: bytes, folder: Path) -> None:
    """Unpack a package into ``folder``, which appears when it is complete.

    Raises:
        UnzipError, PackageTooLargeError: the package isn't what ``check`` takes.
        OSError: the folder can't be written.
    """
    draft = folder.with_name(f".{folder.name}.{secrets.token_hex(8)}")
    draft.mkdir(mode=0o700, parents=True)
    try:
        _extract(zipped, draft)
        draft.rename(folder)
    except OSError:
        # Somebody else unpacked the same package at the same moment.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _opened(zipped: bytes) -> Iterator[zipfile.ZipFile]:
    if len(zipped) > ZIP_BYTES_MAX:
        raise PackageTooLargeError(ZIP_BYTES_MAX)
    try:
        if _directory_bytes(zipped) > DIRECTORY_BYTES_MAX:
            raise UnzipError(f"its list of files is longer than {DIRECTORY_BYTES_MAX} bytes")
        archive = zipfile.ZipFile(io.BytesIO(zipped))
    except _UNREADABLE:
        raise UnzipError("it isn't a ZIP file") from None
    with archive:
        yield archive


def _directory_bytes(zipped: bytes) -> int:
    """Return how long the list of files says it is: it is read as a whole before anything."""
    end = zipped.rindex(_END)
    locator = end - 20
    if locator >= 0 and zipped.startswith(_END_64_LOCATOR, locator):
        (record,) = struct.unpack_from("<Q", zipped, locator + 8)
        (length,) = struct.unpack_from("<Q", zipped, record + 40)
    else:
        (length,) = struct.unpack_from("<L", zipped, end + 12)
    return int(length)


def _checked_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if not entries or len(entries) > FILES_MAX:
        raise UnzipError(f"it has no files, or more than {FILES_MAX}")
    if sum(entry.file_size for entry in entries) > UNZIPPED_BYTES_MAX:
        raise PackageTooLargeError(UNZIPPED_BYTES_MAX)
    for entry in entries:
        _check_name(entry.filename)
        _check_kind(entry)
    _check_places(entries)
    return entries


def _check_name(name: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise UnzipError("a file's name leads out of the package")
    if not path.parts or any(letter < _PRINTABLE_MIN for letter in name):
        raise UnzipError("a file has a name that no file can have")
    longest = max(len(part.encode()) for part in path.parts)
    if longest > NAME_BYTES_MAX or len(name.encode()) > PATH_BYTES_MAX:
        raise UnzipError("a file's name is too long")
    if len(path.parts) > DEPTH_MAX:
        raise UnzipError(f"a file lies below more than {DEPTH_MAX} folders")


def _check_kind(entry: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnzipError("it has a link or a device")
    if entry.flag_bits & 1 or entry.compress_type not in _COMPRESSIONS:
        raise UnzipError("a file is encrypted, or compressed in a way that isn't Deflate")


def _check_places(entries: list[zipfile.ZipInfo]) -> None:
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if not entry.is_dir() and path in files:
            raise UnzipError("two files have the same name")
        (folders if entry.is_dir() else files).add(path)
        _add_folders_above(path, folders)
    if not files.isdisjoint(folders):
        raise UnzipError("a file has the name of a folder")


def _add_folders_above(path: PurePosixPath, folders: set[PurePosixPath]) -> None:
    for folder in path.parents:
        if folder in folders:
            return
        folders.add(folder)
        if len(folders) > FILES_MAX:
            raise UnzipError(f"it has more than {FILES_MAX} folders")


def _extract(zipped: bytes, folder: Path) -> None:
    left = UNZIPPED_BYTES_MAX
    with _opened(zipped) as archive:
        for entry in _checked_entries(archive):
            left -= _extract_entry(archive, entry, folder / entry.filename, left)


def _extract_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, bytes_max: int
) -> int:
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        length = _read(archive, entry, file.write, bytes_max)
    target.chmod(0o500 if entry.external_attr >> 16 & 0o111 else 0o400)
    return length


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, take: Take, bytes_max: int) -> int:
    """Hand on what an entry holds, and return how much that is."""
    length = 0
    for chunk in _chunks(archive, entry):
        length += len(chunk)
        if length > bytes_max:
            raise PackageTooLargeError(UNZIPPED_BYTES_MAX)
        take(chunk)
    return length


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as source:
            while chunk := source.read(_CHUNK_BYTES):
                yield chunk
    except _UNREADABLE:
        raise UnzipError("a file in it is damaged") from None
