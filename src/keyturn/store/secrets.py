"""Secrets as rows, without their versions.

A secret can show the values of another, its primary: a replica in another region, or one in
another account. What the primary's own region replicas share with it is written to them in the
same transaction (``save``).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
import json
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Result,
    Row,
    Table,
    Text,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.secret import ExternalRotation, RotationSettings, Secret, Window
from keyturn.store.metadata import RowId, metadata

ColumnValue = datetime | Mapping[str, str] | list[dict[str, str]] | str | int | None

secrets = Table(
    "secrets",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("account", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    Column("description", Text),
    Column("kms_key_id", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("last_changed_at", BigInteger, nullable=False),
    # 0 is never, rather than NULL: it then sorts and pages as any other instant does.
    Column("last_accessed_at", BigInteger, nullable=False, server_default="0"),
    Column("last_rotated_at", BigInteger),
    Column("last_valid_rotation_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("purge_at", BigInteger),
    Column("rotation_enabled", Boolean),
    Column("rotation_lambda_arn", Text),
    Column("automatically_after_days", Integer),
    Column("schedule_expression", Text),
    Column("duration", Text),
    Column("window_opens_at", BigInteger),
    Column("window_closes_at", BigInteger),
    Column("rotates_at", BigInteger),
    Column("resource_policy", Text),
    Column("policy_in_force", Text),
    Column("tags", Text),
    Column("secret_type", Text),
    Column("owning_service", Text),
    Column("external_rotation_metadata", Text),
    Column("external_rotation_role_arn", Text),
    Column("primary_id", ForeignKey("secrets.id")),
    Column("primary_arn", Text),
    Column("cross_account_status", Text),
    UniqueConstraint("account", "region", "name"),
)

Index(
    "ix_secrets_due",
    secrets.c.rotates_at,
    sqlite_where=and_(secrets.c.rotation_enabled, secrets.c.deleted_at.is_(None)),
    postgresql_where=and_(secrets.c.rotation_enabled, secrets.c.deleted_at.is_(None)),
)
Index(
    "ix_secrets_purge",
    secrets.c.purge_at,
    sqlite_where=secrets.c.purge_at.is_not(None),
    postgresql_where=secrets.c.purge_at.is_not(None),
)


# One index for each order that secrets are listed in; the order by name has the unique one.
for _name, _column in (
    ("ix_secrets_created", secrets.c.created_at),
    ("ix_secrets_changed", secrets.c.last_changed_at),
    ("ix_secrets_accessed", secrets.c.last_accessed_at),
):
    Index(_name, secrets.c.account, secrets.c.region, _column, secrets.c.id)
Index(
    "ix_secrets_primary",
    secrets.c.primary_id,
    sqlite_where=secrets.c.primary_id.is_not(None),
    postgresql_where=secrets.c.primary_id.is_not(None),
)

counts = Table(
    "secret_counts",
    metadata,
    Column("account", Text, primary_key=True),
    Column("region", Text, primary_key=True),
    Column("secrets", BigInteger, nullable=False),
)

# What a replica in another region shares with its primary, besides the values.
_REPLICATED: Final = frozenset(
    {
        "description",
        "last_changed_at",
        "owning_service",
        "policy_in_force",
        "resource_policy",
        "secret_type",
        "tags",
    }
)


# Built once: to build a statement costs more than to run it.
_COLUMNS: Final = tuple(secrets.c)
_BY_NAME: Final = select(*_COLUMNS).where(
    secrets.c.account == bindparam("of_account"),
    secrets.c.region == bindparam("of_region"),
    secrets.c.name == bindparam("of_name"),
)
_BY_ARN: Final = select(*_COLUMNS).where(secrets.c.arn == bindparam("of_arn"))
_BY_ID: Final = select(*_COLUMNS).where(secrets.c.id == bindparam("of_id"))
_SAVE: Final = update(secrets).where(secrets.c.id == bindparam("of_id"))


def find_by_name(connection: Connection, account: str, region: str, name: str) -> Secret | None:
    """Return the secret with this name, whether alive or scheduled for deletion."""
    place = {"of_account": account, "of_region": region, "of_name": name}
    return _one(connection.execute(_BY_NAME, place))


def find_by_arn(connection: Connection, arn: str) -> Secret | None:
    """Return the secret with this whole ARN, whether alive or scheduled for deletion."""
    return _one(connection.execute(_BY_ARN, {"of_arn": arn}))


def find_by_id(connection: Connection, secret_id: int) -> Secret | None:
    """Return the secret with our own number for it."""
    return _one(connection.execute(_BY_ID, {"of_id": secret_id}))


def insert_secret(connection: Connection, **columns: ColumnValue) -> int:
    """Store a secret; return our number for it. Columns as in ``save``."""
    result = connection.execute(
        insert(secrets).values(_stored(columns)).returning(secrets.c.id, *_PLACE)
    )
    row = result.one()
    _add_to_count(connection, row.account, row.region, 1)
    return int(row.id)


def save(connection: Connection, secret_id: int, **columns: ColumnValue) -> None:
    """Change some columns, and what replicas in other regions share of them.

    Instants come as datetimes, tags as a mapping.
    """
    stored = _stored(columns)
    connection.execute(_SAVE, {**stored, "of_id": secret_id})
    shared = {name: value for name, value in stored.items() if name in _REPLICATED}
    if shared:
        is_replica = and_(
            secrets.c.primary_id == secret_id, secrets.c.cross_account_status.is_(None)
        )
        connection.execute(update(secrets).where(is_replica).values(_replicated(shared)))


def _replicated(shared: Mapping[str, ColumnElement[str] | str | int | None]) -> dict[str, Any]:
    # What the policy says of the primary by its ARN, it says of each replica by the replica's.
    policy = shared.get("policy_in_force")
    if policy is None:
        return dict(shared)
    its_own = func.replace(policy, secrets.c.primary_arn, secrets.c.arn)
    return {**shared, "policy_in_force": its_own}


def note_new_values(connection: Connection, secret_id: int, now: datetime) -> None:
    """Note that a secret's versions or labels changed, in it and in all that show them."""
    shown = or_(secrets.c.id == secret_id, secrets.c.primary_id == secret_id)
    changed = {"last_changed_at": to_epoch_ms(now)}
    connection.execute(update(secrets).where(shown).values(changed))


def delete_secret(connection: Connection, secret_id: int) -> None:
    """Delete a secret with all that belongs to it."""
    gone = connection.execute(
        delete(secrets).where(secrets.c.id == secret_id).returning(*_PLACE)
    ).one_or_none()
    if gone is not None:
        _add_to_count(connection, gone.account, gone.region, -1)


def count_in(connection: Connection, account: str, region: str) -> int:
    """Return how many secrets an account has in a region, at the same cost for any number."""
    found = connection.execute(
        select(counts.c.secrets).where(counts.c.account == account, counts.c.region == region)
    ).scalar()
    return found or 0


def find_by_ids(connection: Connection, secret_ids: Sequence[int]) -> list[Secret]:
    """Return the secrets with these numbers, in their order, without those that are gone."""
    rows = connection.execute(select(*_COLUMNS).where(secrets.c.id.in_(list(secret_ids))))
    found = {row.id: _secret(row) for row in rows}
    return [found[secret_id] for secret_id in secret_ids if secret_id in found]


def region_replicas_of(connection: Connection, primary_id: int) -> list[Secret]:
    """Return the replicas of a secret in other regions, by region."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(secrets.c.primary_id == primary_id, secrets.c.cross_account_status.is_(None))
        .order_by(secrets.c.region)
    )
    return [_secret(row) for row in rows]


def purgeable_ids(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the secrets whose recovery window is over, the longest over first."""
    rows = connection.execute(
        select(secrets.c.id)
        .where(secrets.c.purge_at <= to_epoch_ms(now))
        .order_by(secrets.c.purge_at)
        .limit(most)
    )
    return [row.id for row in rows]


def due_ids(connection: Connection, now: datetime, most: int) -> list[int]:
    """Return the secrets that are to rotate, the longest due first."""
    rows = connection.execute(
        select(secrets.c.id)
        .where(
            secrets.c.rotates_at <= to_epoch_ms(now),
            secrets.c.rotation_enabled,
            secrets.c.deleted_at.is_(None),
        )
        .order_by(secrets.c.rotates_at)
        .limit(most)
    )
    return [row.id for row in rows]


def ids_rotated_after(connection: Connection, at: datetime) -> list[int]:
    """Return the secrets whose last valid rotation is later than ``at``. It looks at every one."""
    is_later = secrets.c.last_valid_rotation_at > to_epoch_ms(at)
    return list(connection.execute(select(secrets.c.id).where(is_later)).scalars())


def next_rotates_at(connection: Connection) -> datetime | None:
    """Return when the next secret is to rotate."""
    rotates_at = connection.execute(
        select(func.min(secrets.c.rotates_at)).where(
            secrets.c.rotation_enabled, secrets.c.deleted_at.is_(None)
        )
    ).scalar()
    return None if rotates_at is None else from_epoch_ms(rotates_at)


_PLACE: Final = (secrets.c.account, secrets.c.region)


def _add_to_count(connection: Connection, account: str, region: str, change: int) -> None:
    place = and_(counts.c.account == account, counts.c.region == region)
    changed = connection.execute(
        update(counts).where(place).values(secrets=counts.c.secrets + change)
    )
    if changed.rowcount == 0:
        first = {"account": account, "region": region, "secrets": change}
        connection.execute(insert(counts).values(first))


def _one(found: Result[*tuple[Any, ...]]) -> Secret | None:
    row = found.one_or_none()
    return None if row is None else _secret(row)


def _secret(row: Row[*tuple[Any, ...]]) -> Secret:
    return Secret(
        id=row.id,
        account=row.account,
        region=row.region,
        name=row.name,
        arn=row.arn,
        description=row.description,
        kms_key_id=row.kms_key_id,
        created_at=from_epoch_ms(row.created_at),
        last_changed_at=from_epoch_ms(row.last_changed_at),
        last_accessed_at=_instant(row.last_accessed_at or None),
        last_rotated_at=_instant(row.last_rotated_at),
        deleted_at=_instant(row.deleted_at),
        purge_at=_instant(row.purge_at),
        rotation=_rotation(row),
        next_window=_window(row),
        last_valid_rotation_at=_instant(row.last_valid_rotation_at),
        rotates_at=_instant(row.rotates_at),
        resource_policy=row.resource_policy,
        policy_in_force=row.policy_in_force,
        tags=_read(row.tags),
        secret_type=row.secret_type,
        owning_service=row.owning_service,
        external_rotation=_external_rotation(row),
        primary_id=row.primary_id,
        primary_arn=row.primary_arn,
        cross_account_status=row.cross_account_status,
    )


def _external_rotation(row: Row[*tuple[Any, ...]]) -> ExternalRotation | None:
    metadata_list, role_arn = row.external_rotation_metadata, row.external_rotation_role_arn
    if metadata_list is None and role_arn is None:
        return None
    return ExternalRotation(metadata=_read(metadata_list), role_arn=role_arn)


def _rotation(row: Row[*tuple[Any, ...]]) -> RotationSettings | None:
    if row.rotation_enabled is None:
        return None
    return RotationSettings(
        is_enabled=row.rotation_enabled,
        lambda_arn=row.rotation_lambda_arn,
        automatically_after_days=row.automatically_after_days,
        schedule_expression=row.schedule_expression,
        duration=row.duration,
    )


def _window(row: Row[*tuple[Any, ...]]) -> Window | None:
    if row.window_opens_at is None:
        return None
    return Window(
        opens_at=from_epoch_ms(row.window_opens_at), closes_at=from_epoch_ms(row.window_closes_at)
    )


def _instant(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else from_epoch_ms(epoch_ms)


def _read(text: str | None) -> Any:  # noqa: ANN401 - whatever was stored as JSON
    return None if text is None else json.loads(text)


def _stored(columns: Mapping[str, ColumnValue]) -> dict[str, str | int | None]:
    return {name: _stored_value(value) for name, value in columns.items()}


def _stored_value(value: ColumnValue) -> str | int | None:
    match value:
        case datetime():
            return to_epoch_ms(value)
        case Mapping() | list():
            return json.dumps(value)
        case _:
            return value
