"""Secrets that other regions hold too: made, followed, given up, made independent.

The rules, which every caller may rely on:

* A replica keeps its primary's name and the six characters at the end of its ARN.
* It has no versions of its own: it shows its primary's, so it is never behind. Description, tags
  and policy are written to it with its primary's (``keyturn.store.secrets.save``).
* A region that already has a secret of that name gets no replica, unless that secret may be
  overwritten. A replica, a primary with replicas and a managed secret never may. What went wrong
  is kept with the primary, and can be tried again.
* A replica that is made independent gets the versions that it shows, sealed for itself, but no
  rotation that is under way.
* Everything here happens in the transaction of the connection that is passed in.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from keyturn.keys.keyring import Keyring
from keyturn.model.arn import Arn, partition_of
from keyturn.model.errors import ConflictError, InvalidInputError, LimitError
from keyturn.model.limits import REPLICA_REGIONS_PER_SECRET_MAX, SECRETS_PER_REGION_MAX
from keyturn.model.replica import Replica
from keyturn.model.secret import Secret
from keyturn.secrets import encryption_key, versions
from keyturn.secrets.ownership import OnReplicaError
from keyturn.store import replicas as replica_rows, secrets as rows
from keyturn.store.database import Connection


class InvalidReplicaRegionError(InvalidInputError):
    """A secret can't have a replica nowhere, in its own region, in another partition, or twice."""


class AlreadyReplicatedError(ConflictError):
    """There is a replica in the region already."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


class NotReplicatedError(InvalidInputError):
    """There is no replica in the region."""

    def __init__(self, region: str) -> None:
        super().__init__(region)
        self.region = region


class TooManyReplicasError(LimitError):
    """The secret would have replicas in more regions than it may."""


class NotAReplicaError(ConflictError):
    """Only a replica can be made independent."""


class HasReplicasError(ConflictError):
    """A secret can't be deleted while it has replicas."""

    def __init__(self, arn: str, regions: Sequence[str]) -> None:
        super().__init__(arn, regions)
        self.arn = arn
        self.regions = regions


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReplica:
    """A region that a secret is to be replicated to, and the key to be used there."""

    region: str
    kms_key_id: str | None


def replicate(
    connection: Connection,
    primary: Secret,
    wanted: Sequence[NewReplica],
    *,
    is_forced: bool,
    now: datetime,
) -> None:
    """Give a secret replicas in other regions; those that can't be made are noted as failed.

    Args:
        is_forced: whether secrets of that name in those regions are overwritten.

    Raises:
        OnReplicaError: it is a replica itself.
        InvalidReplicaRegionError, AlreadyReplicatedError: a region is out of the question.
        TooManyReplicasError: there would be too many.
    """
    if primary.is_replica:
        raise OnReplicaError
    _check_regions(connection, primary, wanted)
    rows.save(connection, primary.id, primary_arn=primary.arn, last_changed_at=now)
    for new in wanted:
        replica = _replica(connection, primary, new, is_forced=is_forced)
        replica_rows.put(connection, primary.id, replica)
        if replica.status == "InSync":
            _insert(connection, primary, replica, now)


def remove(connection: Connection, primary: Secret, regions: Sequence[str], now: datetime) -> None:
    """Delete a secret's replicas in some regions, at once.

    Raises:
        OnReplicaError: it is a replica itself.
        NotReplicatedError: there is none in one of the regions.
    """
    if primary.is_replica:
        raise OnReplicaError
    known = {replica.region: replica for replica in in_regions(connection, primary)}
    for region in dict.fromkeys(regions):
        if region not in known:
            raise NotReplicatedError(region)
        _delete(connection, primary, known[region])
    _forget_primary_region(connection, primary)
    rows.save(connection, primary.id, last_changed_at=now)


def promote(connection: Connection, keyring: Keyring, replica: Secret, now: datetime) -> None:
    """Make a replica in another region a secret of its own.

    Raises:
        NotAReplicaError: it is none.
    """
    if replica.primary_id is None or replica.cross_account_status is not None:
        raise NotAReplicaError
    detach(connection, keyring, replica)
    rows.save(connection, replica.id, primary_arn=None, last_changed_at=now)
    replica_rows.remove(connection, replica.primary_id, replica.arn)
    primary = rows.find_by_id(connection, replica.primary_id)
    assert primary is not None
    _forget_primary_region(connection, primary)


def detach(connection: Connection, keyring: Keyring, replica: Secret) -> None:
    """Give a replica the versions that it shows, and end that it shows its primary's."""
    independent = replace(replica, primary_id=None)
    versions.copy_all(connection, keyring, replica, independent)
    rows.save(connection, replica.id, primary_id=None)


def note_key(connection: Connection, secret: Secret, kms_key_id: str | None) -> None:
    """Tell the primary of a replica in another region which key the replica has got."""
    if secret.primary_id is None:
        return
    for known in replica_rows.of_primary(connection, secret.primary_id):
        if known.arn == secret.arn:
            replica_rows.put(connection, secret.primary_id, replace(known, kms_key_id=kms_key_id))


def in_regions(connection: Connection, primary: Secret) -> list[Replica]:
    """Return what is known of a secret's replicas in other regions, by region."""
    return among(replica_rows.of_primary(connection, primary.id), primary)


def among(replicas: Iterable[Replica], primary: Secret) -> list[Replica]:
    """Return those of a secret's replicas that are in other regions."""
    return [replica for replica in replicas if replica.region != primary.region]


def require_no_replicas(connection: Connection, secret: Secret) -> None:
    """Return if no replica in another region keeps the secret from being deleted.

    Raises:
        HasReplicasError: one does.
    """
    regions = [replica.region for replica in in_regions(connection, secret)]
    if regions:
        raise HasReplicasError(secret.arn, regions)


def _check_regions(connection: Connection, primary: Secret, wanted: Sequence[NewReplica]) -> None:
    regions = [new.region for new in wanted]
    is_elsewhere = any(partition_of(region) != partition_of(primary.region) for region in regions)
    is_twice = len(regions) != len(set(regions))
    # Neither AWS's model nor its documentation says that a replica's region must be given.
    if primary.region in regions or "" in regions or is_elsewhere or is_twice:
        raise InvalidReplicaRegionError
    known = in_regions(connection, primary)
    if len({*regions, *(replica.region for replica in known)}) > REPLICA_REGIONS_PER_SECRET_MAX:
        raise TooManyReplicasError
    for replica in known:
        if replica.region in regions and replica.status == "InSync":
            raise AlreadyReplicatedError(replica.region)


def _replica(
    connection: Connection, primary: Secret, new: NewReplica, *, is_forced: bool
) -> Replica:
    replica = Replica(
        arn=_arn_in(primary, new.region),
        region=new.region,
        kms_key_id=encryption_key.named(new.kms_key_id),
    )
    obstacle = _obstacle(connection, primary, new.region, is_forced=is_forced)
    if obstacle is None:
        return replica
    return replace(replica, status="Failed", status_message=f"Replication failed: {obstacle}")


def _obstacle(
    connection: Connection, primary: Secret, region: str, *, is_forced: bool
) -> str | None:
    """Return what a replica fails by, once what may be overwritten is gone."""
    in_the_way = rows.find_by_name(connection, primary.account, region, primary.name)
    if in_the_way is None:
        is_full = rows.count_in(connection, primary.account, region) >= SECRETS_PER_REGION_MAX
        return f"Region {region} has {SECRETS_PER_REGION_MAX} secrets." if is_full else None
    if is_forced and _is_replaceable(connection, in_the_way):
        rows.delete_secret(connection, in_the_way.id)
        return None
    return f"Secret name {primary.name} already exists in region {region}."


def _is_replaceable(connection: Connection, secret: Secret) -> bool:
    is_somebody_s = secret.is_replica or secret.owning_service is not None
    return not is_somebody_s and not replica_rows.of_primary(connection, secret.id)


def _insert(connection: Connection, primary: Secret, replica: Replica, now: datetime) -> None:
    rows.insert_secret(
        connection,
        account=primary.account,
        region=replica.region,
        name=primary.name,
        arn=replica.arn,
        description=primary.description,
        kms_key_id=replica.kms_key_id,
        created_at=now,
        last_changed_at=now,
        resource_policy=primary.resource_policy,
        policy_in_force=_in_force_on(primary, replica.arn),
        tags=primary.tags,
        secret_type=primary.secret_type,
        owning_service=primary.owning_service,
        primary_id=primary.id,
        primary_arn=primary.arn,
    )


def _in_force_on(primary: Secret, replica_arn: str) -> str | None:
    # What the policy says of the primary by its ARN, it says of the replica by the replica's.
    policy = primary.policy_in_force
    return None if policy is None else policy.replace(primary.arn, replica_arn)


def _delete(connection: Connection, primary: Secret, replica: Replica) -> None:
    replica_rows.remove(connection, primary.id, replica.arn)
    secret = rows.find_by_arn(connection, replica.arn)
    # One that failed has no secret; another secret may have come by that ARN's name meanwhile.
    if secret is not None and secret.primary_id == primary.id:
        rows.delete_secret(connection, secret.id)


def _forget_primary_region(connection: Connection, primary: Secret) -> None:
    if not in_regions(connection, primary):
        rows.save(connection, primary.id, primary_arn=None)


def _arn_in(primary: Secret, region: str) -> str:
    arn = Arn.parse(primary.arn)
    assert arn is not None
    return str(replace(arn, region=region))
