"""Functions' code and layers, unpacked for this engine's life.

It begins empty, in a folder of its own: what an earlier engine left may be half-written after a
crash, or changed, and may not go at once while something that outlived that engine writes to it.
The store has the packages. What no function or version runs any more goes while the engine runs,
once every environment that it was handed out for has ended.

What is unpacked can be read by every user, since a sandbox may run as another, and written by
none; the folder that everything lies in is its owner's alone.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
import hashlib
from pathlib import Path
import secrets
import shutil
import threading
import time
from typing import Final

from keyturn.functions import package
from keyturn.functions.execution.folders import link_tree, open_to_readers
from keyturn.functions.refusals import (
    FunctionNotFoundError,
    FunctionUnavailableError,
    PackageTooLargeError,
    UnzipError,
)
from keyturn.model.function import Function
from keyturn.store import functions as rows
from keyturn.store.database import Database

#: An environment lasts no longer: its session does not.
KEPT_SECONDS: Final = 3600
_UNREADABLE: Final = "The function's code can't be unpacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Where a function's code is unpacked.

    Attributes:
        layers: its layers in one folder, later ones over earlier; None for none.
    """

    task: Path
    layers: Path | None


class CodeCache:
    """Folders of unpacked code by their hash. Threads may share it.

    Args:
        seconds: a clock that is never put back or forward.
    """

    def __init__(
        self, database: Database, folder: Path, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._database = database
        self._folder = folder / secrets.token_hex(8)
        self._seconds = seconds
        #: When each folder was last handed out, by its name.
        self._handed_out_at: dict[str, float] = {}
        self._lock = threading.Lock()

    def code_of(self, function: Function) -> Code:
        """Return where a function's code is, unpacking it if need be.

        Raises:
            FunctionNotFoundError: the function was deleted, or changed, a moment ago.
            FunctionUnavailableError: its code can't be unpacked here.
        """
        try:
            task = self._unpacked(function, function.code_sha256)
            layers = [self._unpacked(function, layer.sha256) for layer in function.layers]
            return Code(task=task, layers=self._together(layers))
        # A RecursionError: it was taken before there was a limit of folders below each other.
        except (UnzipError, PackageTooLargeError, RecursionError) as error:
            raise FunctionUnavailableError(f"{_UNREADABLE}.") from error
        except OSError as error:
            raise FunctionUnavailableError(
                f"{_UNREADABLE} on this machine: {error.strerror}."
            ) from error

    def remove_unused(self) -> None:
        """Remove what nothing in the store runs, and no environment can have any more."""
        with self._database.read() as connection:
            used = rows.packages_in_use(connection)
        names = {name for code, layers in used for name in (code, *layers, _name_of(layers))}
        aside = self._folder / secrets.token_hex(8)
        with self._lock:
            over = self._seconds() - KEPT_SECONDS
            unused = [
                name for name, at in self._handed_out_at.items() if at < over and name not in names
            ]
            for name in unused:
                self._put_aside(name, aside)
        shutil.rmtree(aside, ignore_errors=True)

    def _put_aside(self, name: str, aside: Path) -> None:
        # At once: whoever is handed it out next finds it there whole, or unpacks it anew.
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        # One that couldn't be unpacked isn't there.
        with suppress(FileNotFoundError):
            (self._folder / name).rename(aside / name)
        del self._handed_out_at[name]

    def _handed_out(self, name: str) -> Path:
        with self._lock:
            self._handed_out_at[name] = self._seconds()
        return self._folder / name

    def _unpacked(self, function: Function, sha256: str) -> Path:
        folder = self._handed_out(sha256)
        if not folder.is_dir():
            with self._database.read() as connection:
                zipped = rows.read_code(connection, sha256)
            if zipped is None:
                raise FunctionNotFoundError(function.arn)
            _make(folder, lambda draft: _unpack(zipped, draft))
        return folder

    def _together(self, layers: Sequence[Path]) -> Path | None:
        if not layers:
            return None
        folder = self._handed_out(_name_of([layer.name for layer in layers]))
        if not folder.is_dir():
            _make(folder, lambda draft: _lay(layers, draft))
        return folder


def _name_of(layers: Sequence[str]) -> str:
    """Return the name of the folder of these layers together, which go by their hashes."""
    return f"layers-{hashlib.sha256(':'.join(layers).encode()).hexdigest()}"


def _unpack(zipped: bytes, folder: Path) -> None:
    package.unpack(zipped, folder)
    open_to_readers(folder)


def _lay(layers: Sequence[Path], folder: Path) -> None:
    for layer in layers:
        link_tree(layer, folder)


def _make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Have a folder appear once it is filled, whole."""
    draft = folder.with_name(secrets.token_hex(8))
    try:
        fill(draft)
        draft.rename(folder)
    except OSError:
        # Somebody else may have made the same at the same moment.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
