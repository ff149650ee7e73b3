"""The versions of secrets and their staging labels, as rows.

A label is its own row, keyed by secret and label: the database itself keeps a label from being on
two versions. A version without a sealed value is a placeholder that a rotation will fill.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    LargeBinary,
    Row,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.secret import Secret, Version
from keyturn.store.metadata import RowId, metadata
from keyturn.store.secrets import secrets

_VERSIONS_AT_ONCE: Final = 16
_BEGINNING: Final = (0, 0)

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

# A secret's versions by age, the oldest first.
Index("ix_secret_versions_created", versions.c.secret_id, versions.c.created_at, versions.c.id)

stages = Table(
    "secret_stages",
    metadata,
    Column("secret_id", ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("version_id", Text, nullable=False),
)


# Built once: to build a statement costs more than to run it.
_VERSION_COLUMNS: Final = (
    versions.c.version_id,
    versions.c.created_at,
    versions.c.last_accessed_at,
    versions.c.kind,
    versions.c.sealed,
)
_STAGES: Final = select(stages.c.stage, stages.c.version_id).where(
    stages.c.secret_id == bindparam("of_secret")
)
_VERSION: Final = select(*_VERSION_COLUMNS).where(
    versions.c.secret_id == bindparam("of_secret"),
    versions.c.version_id == bindparam("of_version"),
)


def stages_of(connection: Connection, secret_id: int) -> dict[str, str]:
    """Return the labels of a secret, each with the version that carries it."""
    rows = connection.execute(_STAGES, {"of_secret": secret_id})
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
    of = {"of_secret": secret_id, "of_version": version_id}
    row = connection.execute(_VERSION, of).one_or_none()
    return None if row is None else _version(row)


def versions_of(connection: Connection, secret_id: int) -> Iterator[Version]:
    """Yield every version of a secret, placeholders too, in the order of their creation.

    They are read a few at a time, since there may be many, and each may be long. Versions of other
    secrets may be written meanwhile.
    """
    after = _BEGINNING
    while True:
        page = connection.execute(
            select(versions.c.id, *_VERSION_COLUMNS)
            .where(
                versions.c.secret_id == secret_id,
                tuple_(versions.c.created_at, versions.c.id) > tuple_(*after),
            )
            .order_by(versions.c.created_at, versions.c.id)
            .limit(_VERSIONS_AT_ONCE)
        ).all()
        yield from map(_version, page)
        if len(page) < _VERSIONS_AT_ONCE:
            return
        after = (page[-1].created_at, page[-1].id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedVersion:
    """A version that has a value, without it.

    Attributes:
        position: where it stands among the secret's versions, the oldest first.
    """

    version_id: str
    created_at: datetime
    last_accessed_at: datetime | None
    position: tuple[int, int]


def page_with_values(
    connection: Connection,
    secret_id: int,
    *,
    after: tuple[int, int],
    most: int,
    among: Collection[str] | None,
) -> list[ListedVersion]:
    """Return versions that have a value, the oldest first, beginning after a position.

    Args:
        among: only these; None for all.
    """
    # Few are labelled, and found by their ids. The sum keeps the planner from looking for them
    # along the order, past all others.
    created_at = versions.c.created_at if among is None else versions.c.created_at + 0
    query = (
        select(
            versions.c.id,
            versions.c.version_id,
            versions.c.created_at,
            versions.c.last_accessed_at,
        )
        .where(
            versions.c.secret_id == secret_id,
            versions.c.sealed.is_not(None),
            tuple_(created_at, versions.c.id) > tuple_(*after),
        )
        .order_by(created_at, versions.c.id)
        .limit(most)
    )
    if among is not None:
        query = query.where(versions.c.version_id.in_(list(among)))
    return [_listed(row) for row in connection.execute(query)]


def count_versions(connection: Connection, secret_id: int) -> int:
    """Return how many versions a secret has, placeholders too."""
    counted = select(func.count()).where(versions.c.secret_id == secret_id)
    return connection.execute(counted).scalar_one()


def oldest_version_ids(
    connection: Connection,
    secret_id: int,
    *,
    without: Collection[str],
    created_before: datetime,
    most: int,
) -> list[str]:
    """Return the oldest versions of a secret, but for those in ``without``."""
    rows = connection.execute(
        select(versions.c.version_id)
        .where(
            versions.c.secret_id == secret_id,
            versions.c.created_at <= to_epoch_ms(created_before),
            versions.c.version_id.not_in(list(without)),
        )
        .order_by(versions.c.created_at, versions.c.id)
        .limit(most)
    )
    return [row.version_id for row in rows]


def insert_version(connection: Connection, secret_id: int, version: Version) -> None:
    """Store a version."""
    connection.execute(
        insert(versions).values(
            secret_id=secret_id,
            version_id=version.version_id,
            created_at=to_epoch_ms(version.created_at),
            last_accessed_at=_epoch_ms(version.last_accessed_at),
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


def delete_all(connection: Connection, secret_id: int) -> None:
    """Delete every version of a secret, with every label."""
    connection.execute(delete(stages).where(stages.c.secret_id == secret_id))
    connection.execute(delete(versions).where(versions.c.secret_id == secret_id))


def mark_accessed(connection: Connection, secret: Secret, version_id: str, day: datetime) -> None:
    """Note that a version was read through ``secret`` on ``day``, midnight UTC."""
    accessed = {"last_accessed_at": to_epoch_ms(day)}
    connection.execute(update(secrets).where(secrets.c.id == secret.id).values(accessed))
    if secret.shows_another_accounts_values:
        return
    connection.execute(
        update(versions)
        .where(versions.c.secret_id == secret.values_id, versions.c.version_id == version_id)
        .values(accessed)
    )


def _listed(row: Row[*tuple[Any, ...]]) -> ListedVersion:
    return ListedVersion(
        version_id=row.version_id,
        created_at=from_epoch_ms(row.created_at),
        last_accessed_at=_instant(row.last_accessed_at),
        position=(row.created_at, row.id),
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


def _epoch_ms(instant: datetime | None) -> int | None:
    return None if instant is None else to_epoch_ms(instant)
