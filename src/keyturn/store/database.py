"""Open the store; read from a snapshot; write in one durable transaction.

The rules, which every caller may rely on:

* ``read()`` sees one snapshot of everything that was committed before it began.
* ``write()`` holds the only write lock from its first line, so what it reads can't change before
  it commits. It is durable when the block ends; an exception undoes all of it.
* There is one write under way at most, in all processes; others wait for at most
  ``_LOCK_WAIT_SECONDS``, and ``write_if_free()`` hardly at all.
* A ``Database`` is opened after a fork, never before: SQLite connections don't survive one.

SQLite: https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
import sqlite3
import threading
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

# The one type of the driver that the packages above may name: they pass it on, no more.
__all__ = ["Connection", "Database"]

_LOCK_WAIT_SECONDS: Final = 30
#: A write takes a few milliseconds; whoever waits this long has met a long one.
_BRIEF_WAIT_SECONDS: Final = 0.1
_READERS_MAX: Final = 64
_CACHE_KIB: Final = 16_384

# FULL, not NORMAL: in WAL mode NORMAL may lose the last commits when the power fails, and an
# acknowledged password that is gone is an outage.
_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = FAST",
    f"PRAGMA cache_size = -{_CACHE_KIB}",
)


class Database:
    """One process's door to the store."""

    def __init__(self, path: Path) -> None:
        self._readers = _open(path, "BEGIN DEFERRED", connections_max=_READERS_MAX)
        self._writers = _open(path, "BEGIN IMMEDIATE", connections_max=1)
        self._impatient = _open(
            path, "BEGIN IMMEDIATE", connections_max=_READERS_MAX, wait_seconds=_BRIEF_WAIT_SECONDS
        )
        self._path = path
        self._stamp_lock = threading.Lock()
        self._stamp_connection: sqlite3.Connection | None = None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection that sees one snapshot."""
        with self._readers.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Yield the connection of a transaction that commits when the block ends."""
        with self._writers.begin() as connection:
            yield connection

    @contextmanager
    def write_if_free(self) -> Iterator[Connection | None]:
        """Yield the connection of a transaction; None if others keep the write lock.

        For what may be left undone, and must hold up nobody: it waits ``_BRIEF_WAIT_SECONDS``.
        """
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self._impatient.begin())
            except OperationalError:
                connection = None
            yield connection

    def stamp(self) -> int:
        """Return a number that differs from an earlier one if anything was committed between."""
        # One connection for all: the numbers of different connections can't be compared.
        with self._stamp_lock:
            if self._stamp_connection is None:
                self._stamp_connection = sqlite3.connect(
                    self._path, isolation_level=None, check_same_thread=False
                )
            (number,) = self._stamp_connection.execute("PRAGMA data_version").fetchone()
        return int(number)

    def close(self) -> None:
        """Close every connection. The last one folds the write-ahead log into the file."""
        with self._stamp_lock:
            if self._stamp_connection is not None:
                self._stamp_connection.close()
                self._stamp_connection = None
        self._readers.dispose()
        self._writers.dispose()
        self._impatient.dispose()


def _open(
    path: Path, begin: str, *, connections_max: int, wait_seconds: float = _LOCK_WAIT_SECONDS
) -> Engine:
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=_LOCK_WAIT_SECONDS,
        # Parameters hold sealed values and names; an error must not print them.
        hide_parameters=True,
        connect_args={"check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver's own transaction control begins too late and deferred: it is switched off.
        assert isinstance(connection, sqlite3.Connection)
        connection.isolation_level = None
        for pragma in (f"PRAGMA busy_timeout = {int(wait_seconds * 1000)}", *_PRAGMAS):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
