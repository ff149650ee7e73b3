"""A clock that a test turns by hand."""

from datetime import datetime, timedelta
import threading

from keyturn.model.clock import truncated_to_ms


class FixedClock:
    """A clock that stands still until it is moved. Safe to share between threads."""

    def __init__(self, at: datetime) -> None:
        self._lock = threading.Lock()
        self._now = truncated_to_ms(at)

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def advance(self, by: timedelta) -> None:
        """Move the clock forward, or back for a negative ``by``."""
        with self._lock:
            self._now = truncated_to_ms(self._now + by)
