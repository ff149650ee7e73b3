"""A function's ZIP: looked at before it is believed, unpacked where nobody else can be hurt.

The rules, which every caller may rely on:

* ``check`` refuses what Lambda refuses, and whatever could land outside the folder or isn't a
  plain file: absolute names, ``..``, links, devices, a name twice.
* What a ZIP says about its own sizes is believed for nothing but a first refusal: unpacking counts
  the bytes that come.
* An unpacked folder appears whole or not at all.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

import base64
import hashlib
import io
from pathlib import Path, PurePosixPath
import secrets
import shutil
import stat
from typing import IO, Final
import zipfile
import zlib

from keyturn.functions.refusals import PackageTooLargeError, UnzipError

ZIP_BYTES_MAX: Final = 52_428_800
UNZIPPED_BYTES_MAX: Final = 262_144_000
FILES_MAX: Final = 50_000
_CHUNK_BYTES: Final = 1 << 20
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def sha256_of(zipped: bytes) -> str:
    """Return the hexadecimal hash that a package is kept under."""
    return hashlib.sha256(zipped).hexdigest()


def base64_of(sha256: str) -> str:
    """Return a hash as AWS writes it in ``CodeSha256``."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def check(zipped: bytes) -> None:
    """Refuse a package that Lambda wouldn't take, or that isn't safe to unpack.

    Raises:
        UnzipError, PackageTooLargeError: it is one.
    """
    if len(zipped) > ZIP_BYTES_MAX:
        raise PackageTooLargeError(ZIP_BYTES_MAX)
    with _opened(zipped) as archive:
        entries = archive.infolist()
    if not entries or len(entries) > FILES_MAX:
        raise UnzipError(f"it has no files, or more than {FILES_MAX}")
    seen: set[str] = set()
    for entry in entries:
        _check_entry(entry, seen)
    if sum(entry.file_size for entry in entries) > UNZIPPED_BYTES_MAX:
        raise PackageTooLargeError(UNZIPPED_BYTES_MAX)


def unpack(zipped: bytes, folder: Path) -> None:
    """Unpack a package into ``folder``, which appears when it is complete.

    Raises:
        UnzipError, PackageTooLargeError: the package isn't what ``check`` takes.
    """
    check(zipped)
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


def _opened(zipped: bytes) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(zipped))
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError):
        raise UnzipError("it isn't a ZIP file") from None


def _check_entry(entry: zipfile.ZipInfo, seen: set[str]) -> None:
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
        raise UnzipError("a file's name leads out of the package")
    if str(path) in seen:
        raise UnzipError("two files have the same name")
    seen.add(str(path))
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise UnzipError("it has a link or a device")
    if entry.flag_bits & 1 or entry.compress_type not in _COMPRESSIONS:
        raise UnzipError("a file is encrypted, or compressed in a way that isn't Deflate")


def _extract(zipped: bytes, folder: Path) -> None:
    left = UNZIPPED_BYTES_MAX
    try:
        with _opened(zipped) as archive:
            for entry in archive.infolist():
                left -= _extract_entry(archive, entry, folder, left)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise UnzipError("a file in it is damaged") from None


def _extract_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, bytes_max: int
) -> int:
    target = folder / PurePosixPath(entry.filename)
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, target.open("xb") as file:
        length = _copy(source, file, bytes_max)
    target.chmod(0o500 if entry.external_attr >> 16 & 0o111 else 0o400)
    return length


def _copy(source: IO[bytes], file: IO[bytes], bytes_max: int) -> int:
    length = 0
    while chunk := source.read(_CHUNK_BYTES):
        length += len(chunk)
        if length > bytes_max:
            raise PackageTooLargeError(UNZIPPED_BYTES_MAX)
        file.write(chunk)
    return length
