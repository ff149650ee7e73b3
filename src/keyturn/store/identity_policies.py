"""The policies of users and roles, as rows: inline documents, and ARNs of attached policies."""

from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from keyturn.store import iam_revision
from keyturn.store.identities import identities
from keyturn.store.metadata import metadata

inline_policies = Table(
    "inline_policies",
    metadata,
    Column("identity_id", ForeignKey("identities.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("document", Text, nullable=False),
)

attached_policies = Table(
    "attached_policies",
    metadata,
    Column("identity_id", ForeignKey("identities.id"), primary_key=True),
    Column("policy_arn", Text, primary_key=True),
)


def inline_of(connection: Connection, identity_id: int) -> dict[str, str]:
    """Return the inline policies of an identity, in the order of their names."""
    rows = connection.execute(
        select(inline_policies.c.name, inline_policies.c.document)
        .where(inline_policies.c.identity_id == identity_id)
        .order_by(inline_policies.c.name)
    )
    return {row.name: row.document for row in rows}


def put_inline(connection: Connection, identity_id: int, name: str, document: str) -> None:
    """Store an inline policy, in place of the one of that name if there is one."""
    changed = connection.execute(
        update(inline_policies)
        .where(inline_policies.c.identity_id == identity_id, inline_policies.c.name == name)
        .values(document=document)
    )
    if changed.rowcount == 0:
        connection.execute(
            insert(inline_policies).values(identity_id=identity_id, name=name, document=document)
        )
    iam_revision.advance(connection)


def delete_inline(connection: Connection, identity_id: int, name: str) -> None:
    """Delete an inline policy."""
    connection.execute(
        delete(inline_policies).where(
            inline_policies.c.identity_id == identity_id, inline_policies.c.name == name
        )
    )
    iam_revision.advance(connection)


def attached_to(connection: Connection, identity_id: int) -> list[str]:
    """Return the ARNs of the policies that are attached to an identity, sorted."""
    rows = connection.execute(
        select(attached_policies.c.policy_arn)
        .where(attached_policies.c.identity_id == identity_id)
        .order_by(attached_policies.c.policy_arn)
    )
    return [row.policy_arn for row in rows]


def attach(connection: Connection, identity_id: int, policy_arn: str) -> None:
    """Attach a policy that isn't attached."""
    connection.execute(
        insert(attached_policies).values(identity_id=identity_id, policy_arn=policy_arn)
    )
    iam_revision.advance(connection)


def detach(connection: Connection, identity_id: int, policy_arn: str) -> None:
    """Detach a policy."""
    connection.execute(
        delete(attached_policies).where(
            attached_policies.c.identity_id == identity_id,
            attached_policies.c.policy_arn == policy_arn,
        )
    )
    iam_revision.advance(connection)


def attachment_count(connection: Connection, account: str, policy_arn: str) -> int:
    """Return how many identities of an account a policy is attached to."""
    count = connection.execute(
        select(func.count())
        .select_from(attached_policies)
        .join(identities, identities.c.id == attached_policies.c.identity_id)
        .where(identities.c.account == account, attached_policies.c.policy_arn == policy_arn)
    ).scalar_one()
    return int(count)


def has_any(connection: Connection, identity_id: int) -> bool:
    """Tell whether an identity has a policy of either sort."""
    return bool(inline_of(connection, identity_id) or attached_to(connection, identity_id))
