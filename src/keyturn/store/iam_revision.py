"""A number that grows with every change to who may do what.

Whoever keeps something read from these tables keeps the revision with it, and knows from one
small read whether it still holds. Each function that changes a row of ``identities``,
``access_keys`` or ``identity_policies`` advances the revision in the same transaction, so that no
caller can forget to.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Integer, Table, insert, select, update

from keyturn.store.database import Database
from keyturn.store.metadata import metadata
from keyturn.store.read_cache import ReadCache

# There is one row. The first change of all makes it.
_ROW: Final = 1

revisions = Table(
    "iam_revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
)

_CURRENT: Final = select(revisions.c.revision).where(revisions.c.id == _ROW)
_ADVANCE: Final = (
    update(revisions).where(revisions.c.id == _ROW).values(revision=revisions.c.revision + 1)
)


def current(connection: Connection) -> int:
    """Return the revision of what this connection sees."""
    revision: int | None = connection.execute(_CURRENT).scalar_one_or_none()
    return 0 if revision is None else revision


class RevisionReader:
    """Tells the current revision, without asking the tables as long as nothing was written."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache: ReadCache[None, int] = ReadCache(database, size_max=1)

    def get(self) -> int:
        """Return the revision of everything that is committed."""
        return self._cache.get(None, self._read)

    def _read(self) -> int:
        with self._database.read() as connection:
            return current(connection)


def advance(connection: Connection) -> None:
    """Make everything that was read before this transaction stale."""
    if connection.execute(_ADVANCE).rowcount == 0:
        connection.execute(insert(revisions).values(id=_ROW, revision=1))
