"""Secrets, their versions and their staging labels, as rows.

A label is its own row, keyed by secret and label: the database itself keeps a label from being on
two versions. A version without a sealed value is a placeholder that a rotation will fill.
"""

from collections.abc import Iterable, Mapping, Sequence
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
    LargeBinary,
    Row,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.secret import RotationSettings, Secret, Version, Window
from keyturn.store.metadata import RowId, metadata

ColumnValue = datetime | Mapping[str, str] | str | int | None

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
    Column("last_accessed_at", BigInteger),
    Column("last_rotated_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("purge_at", BigInteger),
    Column("rotation_enabled", Boolean),
    Column("rotation_lambda_arn", Text),
    Column("automatically_after_days", Integer),
    Column("schedule_expression", Text),
    Column("duration", Text),
    Column("window_opens_at", BigInteger),
    Column("window_closes_at", BigInteger),
    Column("resource_policy", Text),
    Column("tags", Text),
    UniqueConstraint("account", "region", "name"),
)

Index(
    "ix_secrets_due",
    secrets.c.window_opens_at,
    sqlite_where=and_(secrets.c.rotation_enabled, secrets.c.deleted_at.is_(None)),
    postgresql_where=and_(secrets.c.rotation_enabled, secrets.c.deleted_at.is_(None)),
)
Index(
    "ix_secrets_purge",
    secrets.c.purge_at,
    sqlite_where=secrets.c.purge_at.is_not(None),
    postgresql_where=secrets.c.purge_at.is_not(None),
)

versions = Table(
    "secret_versions",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("secret_id", ForeignKey("secrets.id", ondelete="CASCADE"), nullable=False),
    Column("version_id", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_accessed_at", BigInteger),
    Column("kind", Text),
    Column("sealed", LargeBinary),
    UniqueConstraint("secret_id", "version_id"),
)

stages = Table(
    "secret_stages",
    metadata,
    Column("secret_id", ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("version_id", Text, nullable=False),
)


def find_by_name(connection: Connection, account: str, region: str, name: str) -> Secret | None:
    """Return the secret with this name, whether alive or scheduled for deletion."""
    return _one(
        connection,
        and_(secrets.c.account == account, secrets.c.region == region, secrets.c.name == name),
    )


def find_by_arn(connection: Connection, arn: str) -> Secret | None:
    """Return the secret with this whole ARN, whether alive or scheduled for deletion."""
    return _one(connection, secrets.c.arn == arn)


def find_by_id(connection: Connection, secret_id: int) -> Secret | None:
    """Return the secret with our own number for it."""
    return _one(connection, secrets.c.id == secret_id)


def insert_secret(connection: Connection, **columns: ColumnValue) -> int:
    """Store a secret; return our number for it. Columns as in ``save``."""
    result = connection.execute(insert(secrets).values(_stored(columns)))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def save(connection: Connection, secret_id: int, **columns: ColumnValue) -> None:
    """Change some columns. Instants come as datetimes and tags as a mapping."""
    connection.execute(update(secrets).where(secrets.c.id == secret_id).values(_stored(columns)))


def delete_secret(connection: Connection, secret_id: int) -> None:
    """Delete a secret with all that belongs to it."""
    connection.execute(delete(secrets).where(secrets.c.id == secret_id))


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
    """Return the secrets whose rotation window has opened, the longest open first."""
    rows = connection.execute(
        select(secrets.c.id)
        .where(
            secrets.c.window_opens_at <= to_epoch_ms(now),
            secrets.c.rotation_enabled,
            secrets.c.deleted_at.is_(None),
        )
        .order_by(secrets.c.window_opens_at)
        .limit(most)
    )
    return [row.id for row in rows]


def next_opening_at(connection: Connection) -> datetime | None:
    """Return when the next rotation window of any secret opens."""
    opens_at = connection.execute(
        select(func.min(secrets.c.window_opens_at)).where(
            secrets.c.rotation_enabled, secrets.c.deleted_at.is_(None)
        )
    ).scalar()
    return None if opens_at is None else from_epoch_ms(opens_at)


def page(
    connection: Connection,
    *,
    account: str,
    region: str,
    after_id: int,
    most: int,
    with_deleted: bool,
) -> list[Secret]:
    """Return secrets in the order of their creation, beginning after ``after_id``."""
    query = (
        select(*_COLUMNS)
        .where(secrets.c.account == account, secrets.c.region == region, secrets.c.id > after_id)
        .order_by(secrets.c.id)
        .limit(most)
    )
    if not with_deleted:
        query = query.where(secrets.c.deleted_at.is_(None))
    return [_secret(row) for row in connection.execute(query)]


def stages_of(connection: Connection, secret_id: int) -> dict[str, str]:
    """Return the labels of a secret, each with the version that carries it."""
    rows = connection.execute(
        select(stages.c.stage, stages.c.version_id).where(stages.c.secret_id == secret_id)
    )
    return {row.stage: row.version_id for row in rows}


def labelled_versions(
    connection: Connection, secret_ids: Sequence[int]
) -> dict[int, dict[str, str]]:
    """Return the labels of several secrets at once."""
    found: dict[int, dict[str, str]] = {secret_id: {} for secret_id in secret_ids}
    rows = connection.execute(
        select(stages.c.secret_id, stages.c.stage, stages.c.version_id).where(
            stages.c.secret_id.in_(list(secret_ids))
        )
    )
    for row in rows:
        found[row.secret_id][row.stage] = row.version_id
    return found


def replace_stages(
    connection: Connection, secret_id: int, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Write the difference between two states of a secret's labels."""
    gone = [stage for stage, holder in before.items() if after.get(stage) != holder]
    come = {stage: holder for stage, holder in after.items() if before.get(stage) != holder}
    if gone:
        connection.execute(
            delete(stages).where(stages.c.secret_id == secret_id, stages.c.stage.in_(gone))
        )
    if come:
        connection.execute(
            insert(stages),
            [
                {"secret_id": secret_id, "stage": stage, "version_id": holder}
                for stage, holder in come.items()
            ],
        )


def find_version(connection: Connection, secret_id: int, version_id: str) -> Version | None:
    """Return one version of a secret."""
    row = connection.execute(
        select(*_VERSION_COLUMNS).where(
            versions.c.secret_id == secret_id, versions.c.version_id == version_id
        )
    ).one_or_none()
    return None if row is None else _version(row)


def versions_of(connection: Connection, secret_id: int) -> list[Version]:
    """Return every version of a secret, placeholders too, in the order of their creation."""
    rows = connection.execute(
        select(*_VERSION_COLUMNS)
        .where(versions.c.secret_id == secret_id)
        .order_by(versions.c.created_at, versions.c.id)
    )
    return [_version(row) for row in rows]


def insert_version(connection: Connection, secret_id: int, version: Version) -> None:
    """Store a version."""
    connection.execute(
        insert(versions).values(
            secret_id=secret_id,
            version_id=version.version_id,
            created_at=to_epoch_ms(version.created_at),
            kind=version.kind,
            sealed=version.sealed,
        )
    )


def fill_version(connection: Connection, secret_id: int, version: Version) -> None:
    """Put a value into a placeholder. A version that has a value is never changed."""
    connection.execute(
        update(versions)
        .where(
            versions.c.secret_id == secret_id,
            versions.c.version_id == version.version_id,
            versions.c.sealed.is_(None),
        )
        .values(
            kind=version.kind, sealed=version.sealed, created_at=to_epoch_ms(version.created_at)
        )
    )


def delete_versions(connection: Connection, secret_id: int, version_ids: Iterable[str]) -> None:
    """Delete versions that carry no label."""
    connection.execute(
        delete(versions).where(
            versions.c.secret_id == secret_id, versions.c.version_id.in_(list(version_ids))
        )
    )


def mark_accessed(connection: Connection, secret_id: int, version_id: str, day: datetime) -> None:
    """Note that a version was read on ``day``, midnight UTC."""
    accessed = {"last_accessed_at": to_epoch_ms(day)}
    connection.execute(update(secrets).where(secrets.c.id == secret_id).values(accessed))
    connection.execute(
        update(versions)
        .where(versions.c.secret_id == secret_id, versions.c.version_id == version_id)
        .values(accessed)
    )


_COLUMNS: Final = tuple(secrets.c)
_VERSION_COLUMNS: Final = (
    versions.c.version_id,
    versions.c.created_at,
    versions.c.last_accessed_at,
    versions.c.kind,
    versions.c.sealed,
)


def _one(connection: Connection, condition: ColumnElement[bool]) -> Secret | None:
    row = connection.execute(select(*_COLUMNS).where(condition)).one_or_none()
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
        last_accessed_at=_instant(row.last_accessed_at),
        last_rotated_at=_instant(row.last_rotated_at),
        deleted_at=_instant(row.deleted_at),
        purge_at=_instant(row.purge_at),
        rotation=_rotation(row),
        next_window=_window(row),
        resource_policy=row.resource_policy,
        tags=None if row.tags is None else json.loads(row.tags),
    )


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


def _version(row: Row[*tuple[Any, ...]]) -> Version:
    return Version(
        version_id=row.version_id,
        created_at=from_epoch_ms(row.created_at),
        last_accessed_at=_instant(row.last_accessed_at),
        kind=row.kind,
        sealed=row.sealed,
    )


def _instant(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else from_epoch_ms(epoch_ms)


def _stored(columns: Mapping[str, ColumnValue]) -> dict[str, str | int | None]:
    return {name: _stored_value(value) for name, value in columns.items()}


def _stored_value(value: ColumnValue) -> str | int | None:
    match value:
        case datetime():
            return to_epoch_ms(value)
        case Mapping():
            return json.dumps(value)
        case _:
            return value
