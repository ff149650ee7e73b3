"""Functions' code, unpacked for this engine's life.

It begins empty, in a folder of its own: what an earlier engine left may be half-written after a
crash, or changed, and may not go at once while something that outlived that engine writes to it.
The store has the packages.
"""

from pathlib import Path
import secrets
import shutil

from keyturn.functions import package
from keyturn.functions.refusals import (
    FunctionNotFoundError,
    FunctionUnavailableError,
    PackageTooLargeError,
    UnzipError,
)
from keyturn.model.function import Function
from keyturn.store import functions as rows
from keyturn.store.database import Database


class CodeCache:
    """Folders of unpacked code by their hash. Threads may share it."""

    def __init__(self, database: Database, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._database = database
        self._folder = folder / secrets.token_hex(8)

    def folder_of(self, function: Function) -> Path:
        """Return the folder that a function's code is in, unpacking it if need be.

        Raises:
            FunctionNotFoundError: the function was deleted, or changed, a moment ago.
            FunctionUnavailableError: its code can't be unpacked here.
        """
        folder = self._folder / function.code_sha256
        if not folder.is_dir():
            with self._database.read() as connection:
                zipped = rows.read_code(connection, function.code_sha256)
            if zipped is None:
                raise FunctionNotFoundError(function.arn)
            _unpack(zipped, folder)
        return folder


def _unpack(zipped: bytes, folder: Path) -> None:
    try:
        package.unpack(zipped, folder)
    except (UnzipError, PackageTooLargeError) as error:
        raise FunctionUnavailableError("The function's code can't be unpacked.") from error
    except OSError as error:
        raise FunctionUnavailableError(
            f"The function's code can't be unpacked on this machine: {error.strerror}."
        ) from error
