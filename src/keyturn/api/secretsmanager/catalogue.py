"""Making, describing, deleting and restoring secrets.

AWS: API reference, CreateSecret, DescribeSecret, DeleteSecret, RestoreSecret.
"""

from collections.abc import Iterator

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output, Resource
from keyturn.api.permission import require
from keyturn.api.secretsmanager import condition_keys, replicas, resources
from keyturn.api.secretsmanager.description import description_of
from keyturn.api.secretsmanager.found import any_secret
from keyturn.api.secretsmanager.request import optional_value, required_token
from keyturn.api.secretsmanager.tags import tags_of
from keyturn.iam.authority import Authority
from keyturn.keys.keyring import Keyring
from keyturn.secrets import cross_account, lifecycle, stages as labels, versions
from keyturn.secrets.refusals import ReplicaMemberError, SecretNotFoundError
from keyturn.store import secret_versions as version_rows
from keyturn.store.database import Database

# AWS: what CreateSecret doesn't take with CrossAccountPrimaryARN.
_NOT_FOR_A_REPLICA = ("SecretString", "SecretBinary", "Description", "AddReplicaRegions", "Type")


class Catalogue:
    """The operations by which secrets come, go and are looked at."""

    def __init__(self, database: Database, keyring: Keyring, authority: Authority) -> None:
        self._database = database
        self._keyring = keyring
        self._authority = authority

    def create_secret(self, call: AuthorisedCall) -> Output:
        new = _new_secret(call)
        regions = replicas.new_replicas(call.params)
        for action in _further_actions(call):
            require(self._authority, call, action, _made(call))
        with self._database.write() as connection:
            secret, stored = lifecycle.create(connection, self._keyring, new, call.received_at)
            is_new = stored is None or stored.current_moved
            if regions and is_new:
                replicas.replicate(connection, call, secret, regions)
            # Whoever repeats a request and may not describe the secret learns of no replicas.
            made = regions if is_new else ()
            status = replicas.status_after(connection, secret, made) if regions else None
        return {
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": None if stored is None else stored.version_id,
            "ReplicationStatus": status or None,
        }

    def describe_secret(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            secret = any_secret(connection, call)
            stages = version_rows.stages_of(connection, secret.values_id)
            replication_members = replicas.members_of(connection, secret)
        return {
            **description_of(secret),
            "VersionIdsToStages": labels.by_version(stages) or None,
            **replication_members,
        }

    def delete_secret(self, call: AuthorisedCall) -> Output:
        is_forced = call.params.get("ForceDeleteWithoutRecovery", False)
        days = call.params.get("RecoveryWindowInDays")
        lifecycle.check_deletion_options(is_forced=is_forced, recovery_days=days)
        if is_forced:
            return self._delete_now(call)
        with self._database.write() as connection:
            secret = any_secret(connection, call)
            lifecycle.require_deletable(connection, secret)
            purge_at = lifecycle.schedule_deletion(
                connection, secret, recovery_days=days, now=call.received_at
            )
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": purge_at}

    def restore_secret(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            secret = any_secret(connection, call)
            lifecycle.restore(connection, secret, call.received_at)
        return {"ARN": secret.arn, "Name": secret.name}

    def _delete_now(self, call: AuthorisedCall) -> Output:
        asked = call.params["SecretId"]
        with self._database.write() as connection:
            try:
                secret = any_secret(connection, call)
            except SecretNotFoundError:
                # AWS answers a force-delete of nothing with success and an ARN it makes up.
                arn = lifecycle.invented_arn(call.account, call.region, asked)
                return {"ARN": arn, "Name": asked, "DeletionDate": call.received_at}
            lifecycle.require_deletable(connection, secret)
            lifecycle.delete_now(connection, secret)
        return {"ARN": secret.arn, "Name": secret.name, "DeletionDate": call.received_at}


def _new_secret(call: AuthorisedCall) -> lifecycle.NewSecret:
    params = call.params
    token = required_token(params)
    value = optional_value(params)
    tags = params.get("Tags")
    primary_arn = params.get("CrossAccountPrimaryARN")
    if primary_arn is not None:
        _check_replica(call, primary_arn)
    return lifecycle.NewSecret(
        account=call.account,
        region=call.region,
        name=params["Name"],
        first_version=None if value is None else versions.NewVersion(token=token, value=value),
        description=params.get("Description"),
        kms_key_id=params.get("KmsKeyId"),
        tags=None if tags is None else tags_of(tags),
        secret_type=params.get("Type") or None,
        cross_account_primary_arn=primary_arn,
    )


def _check_replica(call: AuthorisedCall, primary_arn: str) -> None:
    for member in _NOT_FOR_A_REPLICA:
        if member in call.params:
            raise ReplicaMemberError(member)
    key_id = call.params.get("KmsKeyId")
    cross_account.check_new(call.region, call.account, primary_arn, key_id)


def _further_actions(call: AuthorisedCall) -> Iterator[str]:
    # AWS: "Required permissions" of CreateSecret.
    for member, action in (
        ("Tags", "TagResource"),
        ("AddReplicaRegions", "ReplicateSecretToRegions"),
        ("CrossAccountPrimaryARN", "PutResourcePolicy"),
    ):
        if member in call.params:
            yield f"secretsmanager:{action}"


def _made(call: AuthorisedCall) -> Resource:
    keys = condition_keys.of_request("CreateSecret", call.params)
    return resources.new_secret(call).with_context(keys)
