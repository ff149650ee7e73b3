"""Wait for a condition of a running server, never for a time."""

from collections.abc import Callable
import threading
import time

_POLL_SECONDS = 0.05


def wait_until(
    holds: Callable[[], object], *, seconds_max: float = 30, what: str = "the condition"
) -> None:
    """Return once ``holds`` does; it's an error when it doesn't in time."""
    pause = threading.Event()
    deadline = time.monotonic() + seconds_max
    while not holds():
        assert time.monotonic() < deadline, f"{what} didn't come about within {seconds_max} s"
        pause.wait(_POLL_SECONDS)
