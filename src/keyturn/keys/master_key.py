"""The master key file: made at the first start, readable by its owner alone.

Whoever holds this file and the store can read every secret; whoever loses it loses them all. The
file holds 32 random bytes as base64 and nothing else.
"""

import base64
import binascii
import os
from pathlib import Path
import secrets
import stat
from typing import Final

from keyturn.model.errors import ServiceError
from keyturn.model.plaintext import Plaintext

MASTER_KEY_BYTES: Final = 32
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class MasterKeyError(ServiceError):
    """The master key file can't be used; the message says why and what to do."""


def load_or_create(path: Path) -> Plaintext:
    """Return the master key in ``path``, making the file first if there is none.

    Raises:
        MasterKeyError: the file is readable by others, or doesn't hold a key.
    """
    if not path.exists():
        _create(path)
    return load(path)


def load(path: Path) -> Plaintext:
    """Return the master key in ``path``.

    Raises:
        MasterKeyError: there is no such file, it is readable by others, or it holds no key.
    """
    try:
        mode = path.stat().st_mode
        encoded = path.read_bytes()
    except OSError as error:
        raise MasterKeyError(
            f"The master key {path} can't be read: {error.strerror}. Start the server once to "
            "make it, or restore it from your backup."
        ) from error
    if mode & _OTHERS:
        raise MasterKeyError(
            f"The master key {path} can be read by other users. Run: chmod 600 {path}"
        )
    return _decoded(encoded, path)


def _decoded(encoded: bytes, path: Path) -> Plaintext:
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise MasterKeyError(
            f"{path} doesn't hold a master key: expected {MASTER_KEY_BYTES} bytes in base64. "
            "Restore the file from your backup; without it the secrets can't be decrypted."
        )
    return Plaintext(key)


def _create(path: Path) -> None:
    # Written beside and linked into place: a crash leaves no half a key, and of two first starts
    # at the same moment exactly one makes the key.
    encoded = base64.b64encode(secrets.token_bytes(MASTER_KEY_BYTES)) + b"\n"
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            return
    finally:
        draft.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
