"""Secrets whose values come from another account's secret in the same region.

The rules, which every caller may rely on:

* Both sides agree: the replica's owner makes it for one primary, that primary's owner links it.
* A replica has a policy, tags, a key and a life of its own; it shows its primary's versions while
  they are linked, and keeps the last ones when either side ends that.
* A primary has one replica in another account at most.
* Neither side is deleted before it has ended the replication from its own side.
* Everything here happens in the transaction of the connection that is passed in.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/cross-account-replicate-secrets.html
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
import json
import re
from typing import Final

from keyturn.keys.keyring import Keyring
from keyturn.model.arn import Arn, partition_of
from keyturn.model.errors import ConflictError, InvalidInputError, LimitError
from keyturn.model.replica import Replica
from keyturn.model.secret import Secret
from keyturn.secrets import encryption_key
from keyturn.secrets.ownership import OnReplicaError
from keyturn.secrets.replication import detach
from keyturn.store import (
    replicas as replica_rows,
    secret_versions as version_rows,
    secrets as rows,
)
from keyturn.store.database import Connection

POLICY_NAME: Final = "cross-account-replication"
ACCEPT: Final = "secretsmanager:AcceptCrossAccountReplication"

_ACCOUNT: Final = re.compile(r"[0-9]{12}")
_SECRET: Final = re.compile(r"secret:[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{6}")


class PrimaryArnError(InvalidInputError):
    """The primary isn't a secret of another account in the same region."""


class CustomerKeyMissingError(InvalidInputError):
    """A replica in another account can't use the default key."""


class NotItsReplicaError(ConflictError):
    """The secret wasn't made to be this primary's replica, or isn't linked with it."""


class AnotherReplicaError(LimitError):
    """The primary has a replica in another account already."""


class StillReplicatedError(ConflictError):
    """The secret can't be deleted before its side of the replication is ended."""


def check_new(region: str, account: str, primary_arn: str, kms_key_id: str | None) -> None:
    """Refuse a replica that could never be linked with its primary.

    Raises:
        PrimaryArnError, CustomerKeyMissingError: it couldn't.
    """
    arn = Arn.parse(primary_arn)
    here = (partition_of(region), "secretsmanager", region)
    if arn is None or (arn.partition, arn.service, arn.region) != here:
        raise PrimaryArnError
    is_secret = _ACCOUNT.fullmatch(arn.account) and _SECRET.fullmatch(arn.resource)
    if not is_secret or arn.account == account:
        raise PrimaryArnError
    require_customer_key(kms_key_id)


def require_customer_key(kms_key_id: str | None) -> None:
    """Return if a replica in another account can use the key.

    Raises:
        CustomerKeyMissingError: it can't: it is the default one.
    """
    if encryption_key.named(kms_key_id) is None:
        raise CustomerKeyMissingError


def policy_of(replica: Secret) -> str | None:
    """Return the policy that lets the primary's account link a replica; None for no replica."""
    if replica.cross_account_status is None:
        return None
    primary = Arn.parse(replica.primary_arn or "")
    assert primary is not None
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{primary.partition}:iam::{primary.account}:root"},
        "Action": ACCEPT,
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def policy_in_force(secret: Secret) -> str | None:
    """Return all that a secret's policies say: its owner's own, and for a replica ``policy_of``.

    So its owner can forbid, with a policy of its own, that it is linked.
    """
    own, linking = secret.policy_in_force, policy_of(secret)
    if own is None or linking is None:
        return own or linking
    # The version decides what is read in the owner's statements; ours mean the same in any.
    document = json.loads(own)
    return json.dumps({**document, "Statement": [*_statements(own), *_statements(linking)]})


def associate(
    connection: Connection,
    primary: Secret,
    replica: Secret,
    *,
    role_arn: str | None,
    now: datetime,
) -> None:
    """Link a replica with its primary, or once more, which changes nothing but the role.

    Raises:
        OnReplicaError: the primary is a replica itself.
        NotItsReplicaError: the other wasn't made to be its replica.
        AnotherReplicaError: it has another one already.
    """
    if primary.is_replica:
        raise OnReplicaError
    if replica.cross_account_status is None or replica.primary_arn != primary.arn:
        raise NotItsReplicaError
    if any(known.arn != replica.arn for known in in_accounts(connection, primary)):
        raise AnotherReplicaError
    version_rows.delete_all(connection, replica.id)
    rows.save(
        connection,
        replica.id,
        primary_id=primary.id,
        cross_account_status="InSync",
        last_changed_at=now,
    )
    linked = Replica(arn=replica.arn, region=replica.region, role_arn=role_arn)
    replica_rows.put(connection, primary.id, linked)
    rows.save(connection, primary.id, last_changed_at=now)


def disassociate(
    connection: Connection, keyring: Keyring, primary: Secret, replica_arn: str, now: datetime
) -> None:
    """End the replication from the primary's side; the replica keeps what it shows.

    Raises:
        NotItsReplicaError: the two aren't linked.
    """
    if all(known.arn != replica_arn for known in in_accounts(connection, primary)):
        raise NotItsReplicaError
    replica_rows.remove(connection, primary.id, replica_arn)
    rows.save(connection, primary.id, last_changed_at=now)
    replica = rows.find_by_arn(connection, replica_arn)
    if replica is not None and replica.primary_id == primary.id:
        detach(connection, keyring, replica)
        rows.save(connection, replica.id, cross_account_status="Detached", last_changed_at=now)


def leave(connection: Connection, keyring: Keyring, replica: Secret, now: datetime) -> None:
    """End the replication from the replica's side: it is a secret like any other then."""
    if replica.primary_id is not None:
        detach(connection, keyring, replica)
        _note_detached(connection, replica.primary_id, replica.arn)
    rows.save(
        connection,
        replica.id,
        primary_arn=None,
        cross_account_status=None,
        last_changed_at=now,
    )


def in_accounts(connection: Connection, primary: Secret) -> list[Replica]:
    """Return what is known of a secret's replica in another account: none, or one."""
    return among(replica_rows.of_primary(connection, primary.id), primary)


def among(replicas: Iterable[Replica], primary: Secret) -> list[Replica]:
    """Return the one of a secret's replicas that is in another account, if any is."""
    return [replica for replica in replicas if replica.region == primary.region]


def require_ended(connection: Connection, secret: Secret) -> None:
    """Return if no replication between accounts keeps the secret from being deleted.

    Raises:
        StillReplicatedError: one does.
    """
    if secret.cross_account_status is not None or in_accounts(connection, secret):
        raise StillReplicatedError


def _statements(policy: str) -> list[object]:
    statements = json.loads(policy)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _note_detached(connection: Connection, primary_id: int, replica_arn: str) -> None:
    for known in replica_rows.of_primary(connection, primary_id):
        if known.arn == replica_arn:
            replica_rows.put(connection, primary_id, replace(known, status="Detached"))
