"""Versions, aliases and layers of functions, a policy a qualifier, and events that wait."""

from alembic import op
import sqlalchemy as sa

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    _widen_functions()
    _qualify_permissions()
    _make_versions()
    _make_aliases()
    _make_layers()
    _make_asynchronous_invocations()


def _row_id(name: str = "id") -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, nullable=False)


def _of_function(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["function_id"],
        ["functions.id"],
        name=op.f(f"fk_{table}_function_id"),
        ondelete="CASCADE",
    )


def _widen_functions() -> None:
    op.add_column("functions", sa.Column("layers", sa.Text(), nullable=True))
    op.add_column("functions", sa.Column("log_group", sa.Text(), nullable=True))
    op.add_column("functions", sa.Column("reserved_concurrency", sa.Integer(), nullable=True))


def _qualify_permissions() -> None:
    with op.batch_alter_table("function_permissions") as table:
        table.add_column(sa.Column("qualifier", sa.Text(), server_default="", nullable=False))
        table.drop_constraint(
            op.f("uq_function_permissions_function_id_statement_id"), type_="unique"
        )
        table.create_unique_constraint(
            op.f("uq_function_permissions_function_id_qualifier_statement_id"),
            ["function_id", "qualifier", "statement_id"],
        )


def _make_versions() -> None:
    op.create_table(
        "function_versions",
        _row_id(),
        _row_id("function_id"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("runtime", sa.Text(), nullable=False),
        sa.Column("handler", sa.Text(), nullable=False),
        sa.Column("role_arn", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("timeout_seconds", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("storage_mb", sa.Integer(), nullable=False),
        sa.Column("architecture", sa.Text(), nullable=False),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("code_bytes", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.Column("vpc_config", sa.Text(), nullable=True),
        sa.Column("sealed_environment", sa.LargeBinary(), nullable=True),
        sa.Column("layers", sa.Text(), nullable=True),
        sa.Column("log_group", sa.Text(), nullable=True),
        _of_function("function_versions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_function_versions")),
        sa.UniqueConstraint(
            "function_id", "version", name=op.f("uq_function_versions_function_id_version")
        ),
    )
    op.create_table(
        "function_numbering",
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("arn", name=op.f("pk_function_numbering")),
    )


def _make_aliases() -> None:
    op.create_table(
        "function_aliases",
        _row_id(),
        _row_id("function_id"),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        _of_function("function_aliases"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_function_aliases")),
        sa.UniqueConstraint(
            "function_id", "name", name=op.f("uq_function_aliases_function_id_name")
        ),
    )


def _make_layers() -> None:
    op.create_table(
        "layers",
        _row_id(),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("arn", sa.Text(), nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layers")),
        sa.UniqueConstraint(
            "account", "region", "name", name=op.f("uq_layers_account_region_name")
        ),
        sa.UniqueConstraint("arn", name=op.f("uq_layers_arn")),
    )
    op.create_table(
        "layer_versions",
        _row_id(),
        _row_id("layer_id"),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("license_info", sa.Text(), nullable=True),
        sa.Column("runtimes", sa.Text(), nullable=False),
        sa.Column("architectures", sa.Text(), nullable=False),
        sa.Column("code_sha256", sa.Text(), nullable=False),
        sa.Column("code_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["layer_id"],
            ["layers.id"],
            name=op.f("fk_layer_versions_layer_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer_versions")),
        sa.UniqueConstraint(
            "layer_id", "version", name=op.f("uq_layer_versions_layer_id_version")
        ),
    )
    op.create_table(
        "layer_permissions",
        _row_id(),
        _row_id("layer_version_id"),
        sa.Column("statement_id", sa.Text(), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["layer_version_id"],
            ["layer_versions.id"],
            name=op.f("fk_layer_permissions_layer_version_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer_permissions")),
        sa.UniqueConstraint(
            "layer_version_id",
            "statement_id",
            name=op.f("uq_layer_permissions_layer_version_id_statement_id"),
        ),
    )


def _make_asynchronous_invocations() -> None:
    op.create_table(
        "event_invoke_configs",
        _row_id(),
        _row_id("function_id"),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("retry_attempts_max", sa.Integer(), nullable=True),
        sa.Column("event_age_seconds_max", sa.Integer(), nullable=True),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        _of_function("event_invoke_configs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_invoke_configs")),
        sa.UniqueConstraint(
            "function_id", "qualifier", name=op.f("uq_event_invoke_configs_function_id_qualifier")
        ),
    )
    op.create_table(
        "asynchronous_invocations",
        _row_id(),
        sa.Column("request_id", sa.Text(), nullable=False),
        _row_id("function_id"),
        sa.Column("function_arn", sa.Text(), nullable=False),
        sa.Column("qualifier", sa.Text(), nullable=False),
        sa.Column("sealed_payload", sa.LargeBinary(), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        _of_function("asynchronous_invocations"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asynchronous_invocations")),
    )
    for name, column in (
        ("ix_asynchronous_invocations_due", "due_at"),
        ("ix_asynchronous_invocations_function_id", "function_id"),
    ):
        op.create_index(name, "asynchronous_invocations", [column], unique=False)
