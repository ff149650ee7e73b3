"""What lies where in the data directory. Everything in it is its owner's alone."""

from dataclasses import dataclass
import fcntl
import json
import os
from pathlib import Path
import shutil
import stat
from typing import IO, Final

from keyturn.model.errors import ConflictError, ServiceError

_MODE: Final = 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class DataDirError(ServiceError):
    """The data directory can't be used; the message says why and what to do."""


class DataDirInUseError(ConflictError):
    """Another server runs on the same data directory."""


@dataclass(frozen=True, slots=True)
class DataDir:
    """The files of one server."""

    path: Path

    @property
    def database(self) -> Path:
        """The store."""
        return self.path / "keyturn.db"

    @property
    def master_key(self) -> Path:
        """The key that everything in the store is sealed under."""
        return self.path / "master.key"

    @property
    def wake_socket(self) -> Path:
        """Where the engine is told that something may be due."""
        return self.path / "wake.sock"

    @property
    def invocation_socket(self) -> Path:
        """Where the engine takes invocations from the API processes."""
        return self.path / "engine.sock"

    @property
    def cache(self) -> Path:
        """Unpacked functions and their runtimes: nothing that can't be made again."""
        return self.path / "cache"

    @property
    def _description(self) -> Path:
        return self.path / "server.json"

    def describe(self, *, endpoint: str, account: str) -> None:
        """Note where the running server is, for ``description``."""
        draft = self.path / ".server.json"
        draft.write_text(json.dumps({"endpoint": endpoint, "account": account}))
        draft.rename(self._description)

    def description(self) -> tuple[str, str]:
        """Return the URL and the account of the server that ran here last.

        Raises:
            DataDirError: none did.
        """
        try:
            noted = json.loads(self._description.read_text())
        except OSError as error:
            raise DataDirError(
                f"No server has run on {self.path}: {error.strerror}. Start one with keyturn "
                f"serve --data-dir {self.path}"
            ) from error
        return noted["endpoint"], noted["account"]

    def fresh_folder(self, name: str) -> Path:
        """Return an empty folder in the cache, whatever an earlier run left in it."""
        folder = self.cache / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=_MODE, parents=True)
        return folder

    def make(self) -> None:
        """Make the directory, for its owner alone.

        Raises:
            DataDirError: it can't be made, or others may enter it.
        """
        try:
            self.path.mkdir(mode=_MODE, parents=True, exist_ok=True)
            mode = self.path.stat().st_mode
        except OSError as error:
            raise DataDirError(
                f"The data directory {self.path} can't be made: {error.strerror}. Choose another "
                "with --data-dir."
            ) from error
        if mode & _OTHERS:
            raise DataDirError(
                f"The data directory {self.path} is open to other users. Run: "
                f"chmod 700 {self.path}"
            )

    def lock(self) -> IO[bytes]:
        """Hold the directory for this process and those it forks, until the file is closed.

        Raises:
            DataDirInUseError: another server holds it.
        """
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        file = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise DataDirInUseError(
                f"Another server is running on {self.path}. Stop it, or choose another directory "
                "with --data-dir."
            ) from None
        return file
