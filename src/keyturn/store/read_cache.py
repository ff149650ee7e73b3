"""What was read, kept until anything is written.

SQLite counts the commits of other connections (``PRAGMA data_version``, about two microseconds to
ask). What was read under one number is therefore exactly what would be read again under the same
number: this cache is never stale, and any commit by any process empties it.

It never holds more than it may: of what was read, it then forgets what was asked for the longest
ago.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
import threading
from typing import Generic, TypeVar

from keyturn.store.database import Database

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


def _one(_value: object) -> int:
    return 1


class ReadCache(Generic[K, V]):
    """Answers of one kind of question. Safe to share between threads.

    Args:
        size_max: how much is kept: answers, or their sizes together.
        size_of: returns the size of an answer, if they aren't all the same.
    """

    def __init__(
        self, database: Database, size_max: int, size_of: Callable[[V], int] = _one
    ) -> None:
        self._database = database
        self._size_max = size_max
        self._size_of = size_of
        self._size = 0
        self._lock = threading.Lock()
        self._stamp = -1
        # The one that was asked for last stands last.
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K, read: Callable[[], V]) -> V:
        """Return what ``read`` returns, or returned since the last write. Errors aren't kept."""
        stamp = self._database.stamp()
        with self._lock:
            if stamp != self._stamp:
                self._entries.clear()
                self._size, self._stamp = 0, stamp
            elif key in self._entries:
                self._entries.move_to_end(key)
                return self._entries[key]
        value = read()
        with self._lock:
            # What was read is as new as the stamp, or newer: then the next stamp forgets it.
            # Another thread may have read it meanwhile.
            if stamp == self._stamp and key not in self._entries:
                self._keep(key, value)
        return value

    def _keep(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._size += self._size_of(value)
        while self._size > self._size_max:
            _, forgotten = self._entries.popitem(last=False)
            self._size -= self._size_of(forgotten)
