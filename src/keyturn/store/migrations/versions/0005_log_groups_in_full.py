"""What is set on log groups, the latest of each stream, what events count for, and deletions."""

from alembic import op
import sqlalchemy as sa

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OVERHEAD_BYTES = 26


def upgrade() -> None:
    """Apply the change."""
    for table, column in (
        ("log_groups", sa.Column("retention_days", sa.Integer(), nullable=True)),
        ("log_groups", sa.Column("tags", sa.Text(), nullable=True)),
        (
            "log_groups",
            sa.Column("stored_bytes", sa.BigInteger(), server_default="0", nullable=False),
        ),
        ("log_streams", sa.Column("last_at", sa.BigInteger(), server_default="0", nullable=False)),
        ("log_streams", sa.Column("ingested_at", sa.BigInteger(), nullable=True)),
        ("log_events", sa.Column("size_bytes", sa.Integer(), server_default="0", nullable=False)),
    ):
        op.add_column(table, column)
    _count_what_there_is()
    op.create_index(
        "ix_log_streams_last", "log_streams", ["group_id", "last_at", "id"], unique=False
    )
    op.create_table(
        "log_removals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        _number("group_id", is_nullable=False),
        _number("stream_id", is_nullable=True),
        _belongs_to("log_groups", "group_id"),
        _belongs_to("log_streams", "stream_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_removals")),
    )


def _count_what_there_is() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    length = "length(CAST(message AS BLOB))" if is_sqlite else "octet_length(message)"
    op.execute(f"UPDATE log_events SET size_bytes = {length} + {_OVERHEAD_BYTES}")  # noqa: S608 - constants
    op.execute(
        "UPDATE log_groups SET stored_bytes = coalesce((SELECT sum(e.size_bytes) FROM log_events e"
        " WHERE e.group_id = log_groups.id), 0)"
    )
    op.execute(
        "UPDATE log_streams SET last_at = coalesce((SELECT max(e.at) FROM log_events e"
        " WHERE e.stream_id = log_streams.id), 0), ingested_at = (SELECT max(e.ingested_at)"
        " FROM log_events e WHERE e.stream_id = log_streams.id)"
    )


def _number(name: str, *, is_nullable: bool) -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=is_nullable)


def _belongs_to(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column],
        [f"{table}.id"],
        name=op.f(f"fk_log_removals_{column}"),
        ondelete="CASCADE",
    )
