"""Wait for something that another process does."""

from collections.abc import Callable
import time
from typing import TypeVar

SECONDS_MAX = 60
_POLL_SECONDS = 0.02

T = TypeVar("T")


def until(found: Callable[[], T | None], what: str) -> T:
    """Return what ``found`` returns once it is true; fail after a minute, saying what for."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} didn't happen within {SECONDS_MAX} s")
        # Another process can't wake us.
        time.sleep(_POLL_SECONDS)  # noqa: TID251
