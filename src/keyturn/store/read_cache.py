"""What was read, kept until anything is written.

SQLite counts the commits of other connections (``PRAGMA data_version``, about two microseconds to
ask). What was read under one number is therefore exactly what would be read again under the same
number: this cache is never stale, and any commit by any process empties it.
"""

from collections.abc import Callable, Hashable
import threading
from typing import Generic, TypeVar

from keyturn.store.database import Database

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ReadCache(Generic[K, V]):
    """Up to ``entries_max`` answers of one kind of question. Safe to share between threads."""

    def __init__(self, database: Database, entries_max: int) -> None:
        self._database = database
        self._entries_max = entries_max
        self._lock = threading.Lock()
        self._stamp = -1
        self._entries: dict[K, V] = {}

    def get(self, key: K, read: Callable[[], V]) -> V:
        """Return what ``read`` returns, or returned since the last write. Errors aren't kept."""
        stamp = self._database.stamp()
        with self._lock:
            if stamp != self._stamp:
                self._entries, self._stamp = {}, stamp
            elif key in self._entries:
                return self._entries[key]
        value = read()
        with self._lock:
            # What was read is as new as the stamp, or newer: then the next stamp forgets it.
            if stamp == self._stamp and len(self._entries) < self._entries_max:
                self._entries[key] = value
        return value
