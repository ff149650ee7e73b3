"""Replicas, secrets that others hold or own, orders of listing, and how many secrets there are."""

from alembic import op
import sqlalchemy as sa

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    for name in (
        "policy_in_force",
        "secret_type",
        "owning_service",
        "external_rotation_metadata",
        "external_rotation_role_arn",
        "primary_arn",
        "cross_account_status",
    ):
        op.add_column("secrets", sa.Column(name, sa.Text(), nullable=True))
    op.add_column(
        "secrets",
        sa.Column(
            "primary_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("secrets.id", name=op.f("fk_secrets_primary_id")),
            nullable=True,
        ),
        inline_references=True,
    )
    # The default key was stored as it was spelt, and a policy was in force as it was written.
    op.execute(
        "UPDATE secrets SET kms_key_id = NULL WHERE kms_key_id = 'alias/aws/secretsmanager'"
    )
    op.execute("UPDATE secrets SET policy_in_force = resource_policy")
    _make_last_accessed_sortable()
    for name, column in (
        ("ix_secrets_created", "created_at"),
        ("ix_secrets_changed", "last_changed_at"),
        ("ix_secrets_accessed", "last_accessed_at"),
    ):
        op.create_index(name, "secrets", ["account", "region", column, "id"], unique=False)
    op.create_index(
        "ix_secrets_primary",
        "secrets",
        ["primary_id"],
        unique=False,
        sqlite_where=sa.text("primary_id IS NOT NULL"),
        postgresql_where=sa.text("primary_id IS NOT NULL"),
    )
    _make_replicas()
    _make_counts()


def _make_last_accessed_sortable() -> None:
    op.add_column(
        "secrets", sa.Column("accessed_at", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.execute("UPDATE secrets SET accessed_at = coalesce(last_accessed_at, 0)")
    op.drop_column("secrets", "last_accessed_at")
    op.execute("ALTER TABLE secrets RENAME COLUMN accessed_at TO last_accessed_at")


def _make_replicas() -> None:
    op.create_table(
        "secret_replicas",
        sa.Column(
            "primary_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("kms_key_id", sa.Text(), nullable=True),
        sa.Column("role_arn", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["primary_id"],
            ["secrets.id"],
            name=op.f("fk_secret_replicas_primary_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("primary_id", "arn", name=op.f("pk_secret_replicas")),
    )


def _make_counts() -> None:
    op.create_table(
        "secret_counts",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("secrets", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account", "region", name=op.f("pk_secret_counts")),
    )
    op.execute(
        "INSERT INTO secret_counts (account, region, secrets)"
        " SELECT account, region, count(*) FROM secrets GROUP BY account, region"
    )
