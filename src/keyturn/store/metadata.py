"""The one registry of tables. Every aggregate's module declares its own tables on it.

Instants are whole milliseconds since the epoch (``*_at``), so that they sort and compare the same
in every database. Sealed values are opaque bytes (``sealed_*``): the store can't open them.
"""

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

#: The type of a number that the database gives each row. SQLite does so only for a column of
#: exactly the type INTEGER.
RowId: Final = BigInteger().with_variant(Integer, "sqlite")
