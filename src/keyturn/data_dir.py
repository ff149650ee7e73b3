"""What lies where in the data directory. Everything in it is its owner's alone."""

from dataclasses import dataclass
import fcntl
import json
import os
from pathlib import Path
import stat
from typing import IO, Final

from keyturn.model.errors import ConflictError, ServiceError

_MODE: Final = 0o700
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
#: What every sandbox shows of the machine; see ``keyturn.functions.execution.bubblewrap``.
_SHOWN_TO_FUNCTIONS: Final = (
    *("/usr", "/bin", "/lib", "/lib32", "/lib64", "/sbin"),
    *("/etc/alternatives", "/etc/ssl/certs"),
)


class DataDirError(ServiceError):
    """The data directory can't be used; the message says why and what to do."""


class DataDirInUseError(ConflictError):
    """Another server runs on the same data directory, or another command moves its clock."""


class OtherClockError(DataDirError):
    """The data directory was made with a clock of the other kind."""


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
    def seen_values_socket(self) -> Path:
        """Where the engine is told which secret values its functions see."""
        return self.path / "seen.sock"

    @property
    def clock(self) -> Path:
        """The virtual clock, if the directory was made with one."""
        return self.path / "clock"

    @property
    def has_virtual_clock(self) -> bool:
        """Whether the directory was made with a virtual clock."""
        return self.clock.exists()

    @property
    def cache(self) -> Path:
        """Unpacked functions and their runtimes: nothing that can't be made again."""
        return self.path / "cache"

    @property
    def _lock(self) -> Path:
        return self.path / "lock"

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

    def make(self) -> None:
        """Make the directory, for its owner alone.

        Raises:
            DataDirError: it can't be made, or others may enter it, or functions would see it.
        """
        for shown in _SHOWN_TO_FUNCTIONS:
            if _is_below(self.path, shown):
                raise DataDirError(
                    f"The data directory {self.path} lies below {shown}, which every function "
                    "is shown. Choose another with --data-dir."
                )
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
        descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        file = os.fdopen(descriptor, "r+b")
        if not _lock_if_free(file, fcntl.LOCK_EX):
            file.close()
            raise DataDirInUseError(
                f"Another server is running on {self.path}. Stop it, or choose another directory "
                "with --data-dir."
            )
        return file

    def is_served(self) -> bool:
        """Return whether a server holds the directory."""
        try:
            file = self._lock.open("rb")
        except FileNotFoundError:
            return False
        with file:
            return not _lock_if_free(file, fcntl.LOCK_SH)

    def require_clock(self, *, is_virtual: bool) -> None:
        """Return if a server with such a clock may start here: nobody has yet, or only such ones.

        Raises:
            OtherClockError: the directory was made with a clock of the other kind.
        """
        if self.has_virtual_clock and not is_virtual:
            raise OtherClockError(
                f"The data directory {self.path} was made with --virtual-clock: its time may be "
                "ahead of the machine's. Start it with --virtual-clock, or choose another "
                "directory with --data-dir."
            )
        if is_virtual and self.database.exists() and not self.has_virtual_clock:
            raise OtherClockError(
                f"The data directory {self.path} was made without --virtual-clock, and keeps the "
                "machine's time for good. Start it without --virtual-clock, or choose an empty "
                "directory with --data-dir."
            )

    def hold_virtual_clock(self) -> IO[bytes]:
        """Keep other commands from moving the virtual clock, until the file is closed.

        Raises:
            DataDirInUseError: another command moves it.
        """
        file = self.clock.open("rb")
        if not _lock_if_free(file, fcntl.LOCK_EX):
            file.close()
            raise DataDirInUseError(
                f"Another command is moving the clock of {self.path}. Wait until it is done."
            )
        return file

    def require_virtual_clock(self) -> None:
        """Return if the clock can be moved.

        Raises:
            DataDirError: no server has run there.
            OtherClockError: it is the machine's.
        """
        if self.has_virtual_clock:
            return
        if self.database.exists():
            raise OtherClockError(
                f"The clock of {self.path} isn't virtual. Only a server that was started on an "
                "empty data directory with keyturn serve --virtual-clock can have its time moved."
            )
        raise DataDirError(
            f"No server has run on {self.path}. Start one with keyturn serve --virtual-clock "
            f"--data-dir {self.path}"
        )

    def require_server(self) -> None:
        """Return if a server runs on the directory.

        Raises:
            DataDirError: none does.
        """
        if not self.is_served():
            clock = " --virtual-clock" if self.has_virtual_clock else ""
            raise DataDirError(
                f"No server is running on {self.path}. Start it with keyturn serve{clock} "
                f"--data-dir {self.path}"
            )


def _is_below(path: Path, folder: str) -> bool:
    # Through links, which needn't lead anywhere.
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _lock_if_free(file: IO[bytes], kind: int) -> bool:
    """Lock a file until it is closed; return False at once if somebody else has."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
