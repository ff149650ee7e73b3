"""Secrets Manager's operations: each with its IAM action, its resource and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
"""

from dataclasses import dataclass

from keyturn.api.operation import Handler, Operation, ResourceOf, ServiceApi
from keyturn.api.secretsmanager.batch import Batch
from keyturn.api.secretsmanager.catalogue import Catalogue
from keyturn.api.secretsmanager.faults import fault_of
from keyturn.api.secretsmanager.listing import Listing
from keyturn.api.secretsmanager.password import get_random_password
from keyturn.api.secretsmanager.policies import Policies
from keyturn.api.secretsmanager.replicas import Replication
from keyturn.api.secretsmanager.resources import (
    SecretResources,
    new_secret,
    no_secret,
    with_request_keys,
)
from keyturn.api.secretsmanager.rotating import Rotating
from keyturn.api.secretsmanager.tags import Tagging
from keyturn.api.secretsmanager.values import Values
from keyturn.api.secretsmanager.version_ids import VersionIds

_SERVICE = "secretsmanager"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What Secrets Manager is made of."""

    resources: SecretResources
    batch: Batch
    catalogue: Catalogue
    listing: Listing
    policies: Policies
    replication: Replication
    rotating: Rotating
    tagging: Tagging
    values: Values
    version_ids: VersionIds


def secrets_manager(parts: Parts) -> ServiceApi:
    """Return Secrets Manager: every operation of botocore's model."""
    secret, catalogue, values = parts.resources.named, parts.catalogue, parts.values
    policies, replication = parts.policies, parts.replication
    operations = (
        _on("AssociateCrossAccountReplica", secret, replication.associate_cross_account_replica),
        _on("BatchGetSecretValue", no_secret, parts.batch.batch_get_secret_value),
        _on("CancelRotateSecret", secret, parts.rotating.cancel_rotate_secret),
        _on("CreateSecret", new_secret, catalogue.create_secret),
        _on("DeleteResourcePolicy", secret, policies.delete_resource_policy),
        _on("DeleteSecret", secret, catalogue.delete_secret),
        _on("DescribeSecret", secret, catalogue.describe_secret, is_quick=True),
        _on(
            "DisassociateCrossAccountReplica",
            secret,
            replication.disassociate_cross_account_replica,
        ),
        _on("GetRandomPassword", no_secret, get_random_password, is_quick=True),
        _on("GetResourcePolicy", secret, policies.get_resource_policy),
        _on("GetSecretValue", secret, values.get_secret_value, is_quick=True),
        _on("ListResourcePolicies", secret, policies.list_resource_policies),
        _on("ListSecrets", no_secret, parts.listing.list_secrets),
        _on("ListSecretVersionIds", secret, parts.version_ids.list_secret_version_ids),
        _on("PutResourcePolicy", secret, policies.put_resource_policy),
        _on("PutSecretValue", secret, values.put_secret_value),
        _on("RemoveRegionsFromReplication", secret, replication.remove_regions_from_replication),
        _on("ReplicateSecretToRegions", secret, replication.replicate_secret_to_regions),
        _on("RestoreSecret", secret, catalogue.restore_secret),
        _on("RotateSecret", secret, parts.rotating.rotate_secret),
        _on("StopReplicationToReplica", secret, replication.stop_replication_to_replica),
        _on("TagResource", secret, parts.tagging.tag_resource),
        _on("UntagResource", secret, parts.tagging.untag_resource),
        _on("UpdateSecret", secret, values.update_secret),
        _on("UpdateSecretVersionStage", secret, values.update_secret_version_stage),
        _on(
            "ValidateResourcePolicy",
            parts.resources.named_if_any,
            policies.validate_resource_policy,
        ),
    )
    return ServiceApi(_SERVICE, operations, fault_of)


def _on(name: str, resource: ResourceOf, handler: Handler, *, is_quick: bool = False) -> Operation:
    about = with_request_keys(name, resource)
    return Operation(name, f"{_SERVICE}:{name}", about, handler, is_quick)
