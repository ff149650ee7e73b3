"""How long packages are unpacked, and an order in which each function's events are looked for."""

from io import BytesIO
import struct
from zipfile import BadZipFile, ZipFile

from alembic import op
import sqlalchemy as sa

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# What a function and its layers may have together: whatever is in a package that can't be read,
# nothing can be laid under it.
_UNZIPPED_BYTES_MAX = 262_144_000

# What Python's reader raises for what isn't a ZIP, or for a kind that it can't read.
_UNREADABLE = (
    BadZipFile,
    struct.error,
    EOFError,
    IndexError,
    OSError,
    RuntimeError,
    ValueError,
)

_EVENTS = "asynchronous_invocations"


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "function_code_sizes",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("unzipped_bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["function_code.sha256"],
            name=op.f("fk_function_code_sizes_sha256"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_function_code_sizes")),
    )
    _measure_what_there_is()
    _order_events_by_function()


def _order_events_by_function() -> None:
    for name in ("ix_asynchronous_invocations_due", "ix_asynchronous_invocations_function_id"):
        op.drop_index(name, _EVENTS)
    # SQLite reads through the long column to get at those behind it.
    columns = ("accepted_at", "due_at", "failures", "refusals", "lease_until", "sealed_payload")
    with op.batch_alter_table(_EVENTS, recreate="always", partial_reordering=[columns]):
        pass
    op.create_index(
        "ix_asynchronous_invocations_due",
        _EVENTS,
        ["function_id", "due_at", "id", "lease_until"],
        unique=False,
    )


def _measure_what_there_is() -> None:
    connection = op.get_bind()
    hashes = connection.execute(sa.text("SELECT sha256 FROM function_code")).scalars().all()
    # One at a time: all packages together may be longer than memory.
    for sha256 in hashes:
        zipped = connection.execute(
            sa.text("SELECT zip FROM function_code WHERE sha256 = :sha256"), {"sha256": sha256}
        ).scalar_one()
        connection.execute(
            sa.text("INSERT INTO function_code_sizes VALUES (:sha256, :unzipped_bytes)"),
            {"sha256": sha256, "unzipped_bytes": _unzipped_bytes(bytes(zipped))},
        )


def _unzipped_bytes(zipped: bytes) -> int:
    """Return how much a package says that it holds: only its list of files is read."""
    try:
        with ZipFile(BytesIO(zipped)) as archive:
            return sum(entry.file_size for entry in archive.infolist())
    except _UNREADABLE:
        return _UNZIPPED_BYTES_MAX
