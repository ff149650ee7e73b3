"""What throw-away database servers have in common: a program that runs until a block's end."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
import os
from pathlib import Path
import signal
import socket
import subprocess
import time
from typing import Final

HOST: Final = "127.0.0.1"
START_SECONDS_MAX: Final = 30
_POLL_SECONDS: Final = 0.02


@contextmanager
def running(
    command: Sequence[str | Path],
    is_ready: Callable[[], bool],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server from when it is ready until the end of the block."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
    try:
        _wait(process, is_ready, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(START_SECONDS_MAX)


def listens(port: int) -> bool:
    """Return whether somebody accepts connections on a port."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def as_somebody() -> list[str]:
    """Return what goes before a command that refuses to be root's."""
    # In a user namespace root is called otherwise, and still owns the same files.
    return [] if os.geteuid() else ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


def _wait(process: "subprocess.Popen[bytes]", is_ready: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server didn't start:\n{log.read_text()}")
        # Nothing tells when a server is ready but the server itself.
        time.sleep(_POLL_SECONDS)  # noqa: TID251
