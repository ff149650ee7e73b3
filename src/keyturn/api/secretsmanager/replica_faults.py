"""From a refusal to replicate, or to change a secret elsewhere than AWS would, to its error.

The texts of ``OnReplicaError``, ``HasReplicasError`` and ``DefaultKeyAcrossAccountsError`` are
AWS's own, as reported by users; the others are ours.
"""

from keyturn.model.errors import ServiceError
from keyturn.model.limits import REPLICA_REGIONS_PER_SECRET_MAX
from keyturn.secrets import cross_account, encryption_key, ownership, refusals, replication
from keyturn.wire.fault import Fault

_PARAMETER = "InvalidParameterException"
_REQUEST = "InvalidRequestException"
_LIMIT = "LimitExceededException"

_ON_REPLICA = (
    "Operation not permitted on a replica secret. Call must be made in primary secret's region."
)
_MANAGED = "You can't perform this operation on the secret because it is managed by"
_DEFAULT_KEY = (
    "You can't access a secret from a different AWS account if you encrypt the secret with the "
    "default KMS service key."
)
_ANOTHER_REPLICA = (
    "The secret already has a cross-account replica. Call DisassociateCrossAccountReplica first."
)
_STILL_REPLICATED = (
    "You can't delete a secret that is replicated across accounts. Call "
    "DisassociateCrossAccountReplica for a primary, StopReplicationToReplica for a replica."
)

_PLAIN: dict[type[ServiceError], tuple[str, str]] = {
    ownership.OnReplicaError: (
        _PARAMETER,
        _ON_REPLICA,
    ),
    encryption_key.DefaultKeyAcrossAccountsError: (
        _REQUEST,
        _DEFAULT_KEY,
    ),
    replication.InvalidReplicaRegionError: (_PARAMETER, "Invalid replica region."),
    replication.TooManyReplicasError: (
        _PARAMETER,
        f"A secret can't have replicas in more than {REPLICA_REGIONS_PER_SECRET_MAX} Regions.",
    ),
    replication.NotAReplicaError: (
        _PARAMETER,
        "Operation only permitted on a replica secret. Call must be made in the replica's region.",
    ),
    ownership.OtherAccountError: (
        _REQUEST,
        "Call must be made from the account that owns the primary secret.",
    ),
    cross_account.PrimaryArnError: (
        _PARAMETER,
        "CrossAccountPrimaryARN must be the ARN of a secret of another account in this Region.",
    ),
    cross_account.CustomerKeyMissingError: (
        _PARAMETER,
        "A cross-account replica must be encrypted with a customer managed KMS key.",
    ),
    cross_account.NotItsReplicaError: (
        _REQUEST,
        "The secret isn't a cross-account replica of this primary secret.",
    ),
    cross_account.AnotherReplicaError: (
        _LIMIT,
        _ANOTHER_REPLICA,
    ),
    cross_account.StillReplicatedError: (
        _REQUEST,
        _STILL_REPLICATED,
    ),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error that AWS gives; None for a refusal that isn't about replicas."""
    plain = _PLAIN.get(type(error))
    if plain is not None:
        return Fault(*plain)
    match error:
        case replication.HasReplicasError(arn=arn):
            regions = ", ".join(error.regions)
            text = f"You can't delete secret {arn} that still has replica regions [{regions}]."
        case replication.AlreadyReplicatedError(region=region):
            text = f"The secret is already replicated to region {region}."
        case replication.NotReplicatedError(region=region):
            text = f"The secret isn't replicated to region {region}."
        case refusals.ReplicaMemberError(member=member):
            text = f"You can't use {member} in conjunction with CrossAccountPrimaryARN."
        case ownership.ManagedSecretError(owning_service=service):
            text = f"{_MANAGED} {service}. Use that service to change it."
            return Fault(_REQUEST, text)
        case _:
            return None
    return Fault(_PARAMETER, text)
