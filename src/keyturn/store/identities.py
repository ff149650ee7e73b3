"""Users and roles, as rows of one table: policies belong to both in the same way.

AWS doesn't tell names apart by their case, so ``name_key``, the name in small letters, is unique
within an account and a kind. A row can't be deleted while keys or policies belong to it.
"""

import json
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    select,
    update,
)

from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.model.identity import Identity, IdentityKind, Role, User
from keyturn.store import iam_revision
from keyturn.store.metadata import RowId, metadata

identities = Table(
    "identities",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("name_key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("arn", Text, nullable=False, unique=True),
    Column("unique_id", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
    Column("tags", Text, nullable=False),
    Column("trust_policy", Text),
    Column("max_session_seconds", Integer),
    Column("description", Text),
    UniqueConstraint("account", "kind", "name_key"),
    CheckConstraint(
        "kind = 'user' OR (trust_policy IS NOT NULL AND max_session_seconds IS NOT NULL)",
        name="ck_identities_role",
    ),
)


def find_user(connection: Connection, account: str, name: str) -> User | None:
    """Return the user of this name."""
    row = connection.execute(_users().where(_named(account, name))).one_or_none()
    return None if row is None else _user(row)


def find_user_by_id(connection: Connection, user_id: int) -> User | None:
    """Return the user with our own number for it."""
    row = connection.execute(_users().where(identities.c.id == user_id)).one_or_none()
    return None if row is None else _user(row)


def find_role(connection: Connection, account: str, name: str) -> Role | None:
    """Return the role of this name."""
    row = connection.execute(_roles().where(_named(account, name))).one_or_none()
    return None if row is None else _role(row)


def find_role_by_arn(connection: Connection, arn: str) -> Role | None:
    """Return the role with this ARN."""
    row = connection.execute(_roles().where(identities.c.arn == arn)).one_or_none()
    return None if row is None else _role(row)


def find_by_arn(connection: Connection, arn: str) -> User | Role | None:
    """Return the user or the role with this ARN."""
    row = connection.execute(
        select(*_ROLE_COLUMNS, identities.c.kind).where(identities.c.arn == arn)
    ).one_or_none()
    if row is None:
        return None
    return _user(row) if row.kind == "user" else _role(row)


def find_by_unique_id(connection: Connection, unique_id: str) -> User | Role | None:
    """Return the user or the role with this unique id."""
    arn = connection.execute(
        select(identities.c.arn).where(identities.c.unique_id == unique_id)
    ).scalar()
    return None if arn is None else find_by_arn(connection, arn)


def is_account(connection: Connection, account: str) -> bool:
    """Tell whether there is any identity in an account."""
    found = select(identities.c.id).where(identities.c.account == account).limit(1)
    return connection.execute(found).one_or_none() is not None


def is_name_taken(connection: Connection, account: str, kind: IdentityKind, name: str) -> bool:
    """Tell whether an identity of this kind has the name, in whatever case."""
    found = connection.execute(
        select(identities.c.id).where(
            identities.c.account == account,
            identities.c.kind == kind,
            identities.c.name_key == name.lower(),
        )
    ).one_or_none()
    return found is not None


def is_empty(connection: Connection) -> bool:
    """Tell whether there is no identity at all, in any account."""
    return connection.execute(select(identities.c.id).limit(1)).one_or_none() is None


def users_page(
    connection: Connection, account: str, path_prefix: str, *, after: str, most: int
) -> list[User]:
    """Return users below a path in the order of their names, beginning after ``after``."""
    page = _page(_users(), account, path_prefix, after, most)
    return [_user(row) for row in connection.execute(page)]


def roles_page(
    connection: Connection, account: str, path_prefix: str, *, after: str, most: int
) -> list[Role]:
    """Return roles below a path in the order of their names, beginning after ``after``."""
    page = _page(_roles(), account, path_prefix, after, most)
    return [_role(row) for row in connection.execute(page)]


def insert_user(connection: Connection, user: User) -> int:
    """Store a user; return our number for it. The number in ``user`` is not looked at."""
    return _insert(connection, user)


def insert_role(connection: Connection, role: Role) -> int:
    """Store a role; return our number for it. The number in ``role`` is not looked at."""
    return _insert(
        connection,
        role,
        trust_policy=role.trust_policy,
        max_session_seconds=role.max_session_seconds,
        description=role.description,
    )


def save_trust_policy(connection: Connection, role_id: int, document: str) -> None:
    """Change who may assume a role."""
    connection.execute(
        update(identities).where(identities.c.id == role_id).values(trust_policy=document)
    )
    iam_revision.advance(connection)


def delete_identity(connection: Connection, identity_id: int) -> None:
    """Delete a user or a role that no key and no policy belongs to."""
    connection.execute(delete(identities).where(identities.c.id == identity_id))
    iam_revision.advance(connection)


_COLUMNS: Final = (
    identities.c.id,
    identities.c.account,
    identities.c.name,
    identities.c.path,
    identities.c.arn,
    identities.c.unique_id,
    identities.c.created_at,
    identities.c.tags,
)
_ROLE_COLUMNS: Final = (
    *_COLUMNS,
    identities.c.trust_policy,
    identities.c.max_session_seconds,
    identities.c.description,
)


def _users() -> Select[Any]:
    return select(*_COLUMNS).where(identities.c.kind == "user")


def _roles() -> Select[Any]:
    return select(*_ROLE_COLUMNS).where(identities.c.kind == "role")


def _named(account: str, name: str) -> ColumnElement[bool]:
    return (identities.c.account == account) & (identities.c.name == name)


def _page(
    query: Select[Any], account: str, path_prefix: str, after: str, most: int
) -> Select[Any]:
    # Not LIKE, which takes no notice of case in SQLite.
    beginning = func.substr(identities.c.path, 1, len(path_prefix))
    return (
        query.where(
            identities.c.account == account,
            identities.c.name > after,
            beginning == path_prefix,
        )
        .order_by(identities.c.name)
        .limit(most)
    )


def _insert(connection: Connection, identity: Identity, **columns: str | int | None) -> int:
    result = connection.execute(
        insert(identities).values(
            kind=identity.kind,
            account=identity.account,
            name=identity.name,
            name_key=identity.name.lower(),
            path=identity.path,
            arn=identity.arn,
            unique_id=identity.unique_id,
            created_at=to_epoch_ms(identity.created_at),
            tags=json.dumps(dict(identity.tags)),
            **columns,
        )
    )
    iam_revision.advance(connection)
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _user(row: Row[*tuple[Any, ...]]) -> User:
    return User(**_common(row))


def _role(row: Row[*tuple[Any, ...]]) -> Role:
    return Role(
        **_common(row),
        trust_policy=row.trust_policy,
        max_session_seconds=row.max_session_seconds,
        description=row.description,
    )


def _common(row: Row[*tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "id": row.id,
        "account": row.account,
        "name": row.name,
        "path": row.path,
        "arn": row.arn,
        "unique_id": row.unique_id,
        "created_at": from_epoch_ms(row.created_at),
        "tags": json.loads(row.tags),
    }
