"""A Keyturn server of one's own: real processes on a free port, in a folder of its own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
import json
import os
from pathlib import Path
import select
import signal
import subprocess
import sys
from typing import IO

START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 30


@dataclass
class KeyturnServer:
    """A running ``keyturn serve``."""

    data_dir: Path
    log: Path
    process: "subprocess.Popen[bytes]"
    endpoint: str
    _log_file: IO[bytes] = field(repr=False)

    @classmethod
    @contextmanager
    def start(
        cls,
        data_dir: Path,
        *,
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> "Iterator[KeyturnServer]":
        """Start a server; stop it at the end of the block, however that ends."""
        server = cls.launch(data_dir, arguments=arguments, environment=environment)
        try:
            yield server
        finally:
            server.stop()

    @classmethod
    def launch(
        cls,
        data_dir: Path,
        *,
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> "KeyturnServer":
        """Start a server and wait until it answers."""
        log = data_dir.with_name(data_dir.name + ".log")
        log_file = log.open("ab")
        ready_read, ready_write = os.pipe()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "keyturn", "serve", "--port", "0"),
                *("--data-dir", str(data_dir), *arguments),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            pass_fds=(ready_write,),
            env={
                **os.environ,  # noqa: TID251 - a server started as a person starts it
                **(environment or {}),
                "KEYTURN_READY_FD": str(ready_write),
            },
        )
        os.close(ready_write)
        endpoint = _read_endpoint(ready_read, process, log)
        return cls(data_dir, log, process, endpoint, log_file)

    def environment(self, *arguments: str) -> dict[str, str]:
        """Return what ``keyturn env`` gives a shell."""
        answer = subprocess.run(
            [
                *(sys.executable, "-m", "keyturn", "env", "--json"),
                *("--data-dir", str(self.data_dir), *arguments),
            ],
            check=True,
            capture_output=True,
        )
        variables: dict[str, str] = json.loads(answer.stdout)
        return variables

    def create_account(self, account: str) -> dict[str, str]:
        """Make a further account, and return its administrator's variables."""
        subprocess.run(
            [
                *(sys.executable, "-m", "keyturn", "account", "create", account),
                *("--data-dir", str(self.data_dir)),
            ],
            check=True,
            capture_output=True,
        )
        return self.environment("--account-id", account)

    def child_pids(self) -> dict[str, int]:
        """Return the server's processes by the name that each has given itself."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        named = {_name_of(int(pid)): int(pid) for pid in children.split()}
        # One may have ended since.
        return {name: pid for name, pid in named.items() if name is not None}

    def kill(self) -> None:
        """End the server as a power cut does: only the kernel tidies up."""
        self.process.kill()
        self.process.wait()
        self._log_file.close()

    def stop(self) -> int:
        """Ask the server to stop, wait, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self._log_file.close()


def _read_endpoint(ready: int, process: "subprocess.Popen[bytes]", log: Path) -> str:
    # The server writes its URL once its socket listens, and closes the pipe when it dies before.
    readable, _, _ = select.select([ready], [], [], START_SECONDS_MAX)
    endpoint = os.read(ready, 1024).decode().strip() if readable else ""
    os.close(ready)
    if not endpoint:
        process.kill()
        process.wait()
        raise RuntimeError(f"the server didn't start:\n{log.read_text()}")
    return endpoint


def _name_of(pid: int) -> str | None:
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
