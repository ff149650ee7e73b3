"""When in its window a secret rotates, what a rotation touches, why it failed, and its events.

And an order in which the versions of a secret are listed.
"""

from alembic import op
import sqlalchemy as sa

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A boolean is a number in SQLite, and isn't in PostgreSQL.
_IS_SCHEDULED_SQLITE = "rotation_enabled = 1 AND deleted_at IS NULL"
_IS_SCHEDULED = "rotation_enabled AND deleted_at IS NULL"
_IS_RUNNING = "state = 'running'"


def upgrade() -> None:
    """Apply the change."""
    _make_moments()
    _widen_rotations()
    op.create_index(
        "ix_secret_versions_created",
        "secret_versions",
        ["secret_id", "created_at", "id"],
        unique=False,
    )
    op.create_table(
        "rotation_hosts",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_rotation_hosts")),
    )
    op.create_table(
        "event_readers",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last_read", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_event_readers")),
    )
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("secret_arn", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sqlite_autoincrement=True,
    )


def _make_moments() -> None:
    for name in ("last_valid_rotation_at", "rotates_at"):
        op.add_column("secrets", sa.Column(name, sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE secrets SET rotates_at = window_opens_at, last_valid_rotation_at = last_rotated_at"
    )
    op.drop_index("ix_secrets_due", "secrets")
    op.create_index(
        "ix_secrets_due",
        "secrets",
        ["rotates_at"],
        unique=False,
        sqlite_where=sa.text(_IS_SCHEDULED_SQLITE),
        postgresql_where=sa.text(_IS_SCHEDULED),
    )


def _widen_rotations() -> None:
    for table, column in (
        ("rotations", sa.Column("host", sa.Text(), nullable=True)),
        ("rotations", sa.Column("target_user", sa.Text(), nullable=True)),
        (
            "rotations",
            sa.Column(
                "admin_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
            ),
        ),
        (
            "rotations",
            sa.Column("may_be_set", sa.Boolean(), server_default=sa.false(), nullable=False),
        ),
        ("rotations", sa.Column("cause", sa.Text(), nullable=True)),
        ("rotation_steps", sa.Column("cause", sa.Text(), nullable=True)),
    ):
        op.add_column(table, column)
    # Nobody noted until now whether the target has the value: it may.
    op.execute(
        "UPDATE rotations SET may_be_set = true WHERE state = 'running' AND kind = 'rotation'"
        " AND (step <> 'createSecret' OR attempt > 1)"
    )
    op.drop_index("ix_rotations_due", "rotations")
    for name, columns in (
        ("ix_rotations_due", ["due_at", "id", "host", "lease_until"]),
        ("ix_rotations_held", ["lease_owner"]),
    ):
        where = sa.text(_IS_RUNNING if name == "ix_rotations_due" else "lease_owner IS NOT NULL")
        op.create_index(
            name, "rotations", columns, unique=False, sqlite_where=where, postgresql_where=where
        )
