"""Replicas in other regions and other accounts.

AWS: API reference, ReplicateSecretToRegions, RemoveRegionsFromReplication,
StopReplicationToReplica, AssociateCrossAccountReplica, DisassociateCrossAccountReplica.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output, Resource
from keyturn.api.permission import require
from keyturn.api.secretsmanager.found import alive
from keyturn.api.secretsmanager.resources import resource_of
from keyturn.iam.authority import Authority
from keyturn.keys.keyring import Keyring
from keyturn.model.replica import Replica
from keyturn.model.secret import Secret
from keyturn.secrets import cross_account, encryption_key, ownership, replication
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store import replicas as replica_rows, secrets as rows
from keyturn.store.database import Connection, Database

_DEFAULT_KEY = "alias/aws/secretsmanager"
# AWS answers before the work is done, and a reader of the answer goes on to ask. Here it is done.
_JUST_ASKED_FOR = "InProgress"
_SECRETS_MANAGER = "secretsmanager.amazonaws.com"


class Replication:
    """The operations that make replicas, and end that they are some."""

    def __init__(self, database: Database, keyring: Keyring, authority: Authority) -> None:
        self._database = database
        self._keyring = keyring
        self._authority = authority

    def replicate_secret_to_regions(self, call: AuthorisedCall) -> Output:
        regions = new_replicas(call.params)
        with self._database.write() as connection:
            secret = alive(connection, call)
            replicate(connection, call, secret, regions)
            status = status_after(connection, secret, regions)
        return {"ARN": secret.arn, "ReplicationStatus": status}

    def remove_regions_from_replication(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            secret = alive(connection, call)
            regions = call.params["RemoveReplicaRegions"]
            replication.remove(connection, secret, regions, call.received_at)
            status = status_after(connection, secret, ())
        return {"ARN": secret.arn, "ReplicationStatus": status}

    def stop_replication_to_replica(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            secret = alive(connection, call)
            if secret.cross_account_status is None:
                replication.promote(connection, self._keyring, secret, call.received_at)
            else:
                self._leave(connection, call, secret)
        return {"ARN": secret.arn}

    def associate_cross_account_replica(self, call: AuthorisedCall) -> Output:
        role_arn = call.params.get("ReplicationRoleARN")
        with self._database.write() as connection:
            primary = alive(connection, call)
            ownership.require_own_account(primary, call.account)
            self._require_readable(call, primary)
            replica = self._accepting_replica(connection, call)
            if role_arn is not None:
                self._authority.require_pass_role(call.caller, role_arn, _SECRETS_MANAGER)
            cross_account.associate(
                connection, primary, replica, role_arn=role_arn, now=call.received_at
            )
        return {
            "ARN": primary.arn,
            "CrossAccountReplicaARN": replica.arn,
            "ReplicationStatus": _JUST_ASKED_FOR,
        }

    def disassociate_cross_account_replica(self, call: AuthorisedCall) -> Output:
        replica_arn = call.params["CrossAccountReplicaARN"]
        with self._database.write() as connection:
            primary = alive(connection, call)
            ownership.require_own_account(primary, call.account)
            cross_account.disassociate(
                connection, self._keyring, primary, replica_arn, call.received_at
            )
        return {"ARN": primary.arn, "CrossAccountReplicaARN": replica_arn}

    def _leave(self, connection: Connection, call: AuthorisedCall, secret: Secret) -> None:
        # AWS: the policy that let the primary's account in goes with it.
        keys = {"secretsmanager:PolicyName": (cross_account.POLICY_NAME,)}
        resource = resource_of(secret, shown=call.params["SecretId"]).with_context(keys)
        require(self._authority, call, "secretsmanager:DeleteResourcePolicy", resource)
        cross_account.leave(connection, self._keyring, secret, call.received_at)

    def _require_readable(self, call: AuthorisedCall, primary: Secret) -> None:
        # AWS: "Required permissions" of AssociateCrossAccountReplica.
        resource = resource_of(primary, shown=call.params["SecretId"])
        require(self._authority, call, "secretsmanager:GetSecretValue", resource)
        encryption_key.require_reach(primary, call.account)

    def _accepting_replica(self, connection: Connection, call: AuthorisedCall) -> Secret:
        arn = call.params["CrossAccountReplicaARN"]
        replica = rows.find_by_arn(connection, arn)
        # Whoever may not link it may not learn whether it is there.
        found = Resource(arn) if replica is None else resource_of(replica)
        policy = None if replica is None else cross_account.policy_in_force(replica)
        accepting = Resource(arn, policy, found.context)
        require(self._authority, call, cross_account.ACCEPT, accepting)
        if replica is None or replica.region != call.region:
            raise SecretNotFoundError
        return replica


def new_replicas(params: Mapping[str, Any]) -> list[replication.NewReplica]:
    """Return the replicas that a request asks for."""
    return [
        replication.NewReplica(region=asked.get("Region", ""), kms_key_id=asked.get("KmsKeyId"))
        for asked in params.get("AddReplicaRegions", ())
    ]


def replicate(
    connection: Connection,
    call: AuthorisedCall,
    secret: Secret,
    regions: Sequence[replication.NewReplica],
) -> None:
    """Give a secret the replicas that a request asks for."""
    replication.replicate(
        connection,
        secret,
        regions,
        is_forced=call.params.get("ForceOverwriteReplicaSecret", False),
        now=call.received_at,
    )


def status_after(
    connection: Connection, secret: Secret, asked: Collection[replication.NewReplica]
) -> list[Output]:
    """Return how a secret's replicas fare, those just asked for as AWS tells them."""
    under_way = {new.region for new in asked}
    known = replica_rows.of_primary(connection, secret.id)
    return [
        {**members, "Status": _JUST_ASKED_FOR, "StatusMessage": None}
        if members["Region"] in under_way
        else members
        for members in _status_of(connection, secret, known)
    ]


def members_of(connection: Connection, secret: Secret) -> Output:
    """Return what DescribeSecret says of replication; None is left out."""
    known = replica_rows.of_primary(connection, secret.id)
    linked = cross_account.among(known, secret)
    return {
        "ReplicationStatus": _status_of(connection, secret, known) or None,
        "CrossAccountPrimary": _primary_members(secret),
        "CrossAccountReplicas": [_account_members(replica) for replica in linked] or None,
    }


def _status_of(connection: Connection, secret: Secret, known: Sequence[Replica]) -> list[Output]:
    in_regions = replication.among(known, secret)
    if not in_regions:
        return []
    made = {found.arn: found for found in rows.region_replicas_of(connection, secret.id)}
    return [
        {
            "Region": replica.region,
            "KmsKeyId": replica.kms_key_id or _DEFAULT_KEY,
            "Status": replica.status,
            "StatusMessage": replica.status_message,
            "LastAccessedDate": made[replica.arn].last_accessed_at
            if replica.arn in made
            else None,
        }
        for replica in in_regions
    ]


def _primary_members(secret: Secret) -> Output | None:
    if secret.cross_account_status is None:
        return None
    return {
        "PrimarySecretARN": secret.primary_arn,
        "ReplicationStatus": secret.cross_account_status,
    }


def _account_members(replica: Replica) -> Output:
    return {
        "ReplicaSecretARN": replica.arn,
        "ReplicationRoleARN": replica.role_arn,
        "ReplicationStatus": replica.status,
    }
