"""What lies where in the data directory. Everything in it is its owner's alone."""

from dataclasses import dataclass
import fcntl
import os
from pathlib import Path
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
    def endpoint(self) -> Path:
        """The URL of the running server, for ``keyturn env``."""
        return self.path / "endpoint"

    @property
    def wake_socket(self) -> Path:
        """Where the engine is told that something may be due."""
        return self.path / "wake.sock"

    @property
    def invocation_socket(self) -> Path:
        """Where the engine takes invocations from the API processes."""
        return self.path / "engine.sock"

    @property
    def runtimes(self) -> Path:
        """Unpacked functions and their runtimes: nothing that can't be made again."""
        return self.path / "cache"

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
