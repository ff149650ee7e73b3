"""Where functions run whose code isn't on this machine."""

from alembic import op
import sqlalchemy as sa

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "function_places",
        sa.Column(
            "function_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("lambda_arn", sa.Text(), nullable=True),
        sa.Column("profile", sa.Text(), nullable=True),
        sa.Column("endpoint_url", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["function_id"],
            ["functions.id"],
            name=op.f("fk_function_places_function_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("function_id", name=op.f("pk_function_places")),
    )
