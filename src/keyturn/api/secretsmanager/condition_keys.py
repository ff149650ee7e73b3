"""What policies can ask about a secret, and about a request to Secrets Manager.

A key that the request doesn't have stays away, so that a condition on it fails unless its
operator ends in ``IfExists``: as AWS has it, whoever must send a parameter can't leave it out.

Secrets tell tags apart by the case of their keys, policies don't. Tags whose keys differ in case
alone are one condition key with several values here, which can't be compared with one: neither
is hidden by the other. AWS: a condition on ``aws:ResourceTag/TagKey1`` matches "either TagKey1 or
tagkey1, but not both".

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html#awssecretsmanager-policy-keys
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from keyturn.model.secret import Secret, Tags

Keys = Mapping[str, tuple[str, ...]]

_PREFIX: Final = "secretsmanager:"

# The members of each operation that policies can ask about, under the same name.
_MEMBERS: Final[Mapping[str, tuple[str, ...]]] = {
    "CreateSecret": ("Name", "Description", "KmsKeyId", "Type", "ForceOverwriteReplicaSecret"),
    "UpdateSecret": ("Description", "KmsKeyId", "Type"),
    "DeleteSecret": ("RecoveryWindowInDays", "ForceDeleteWithoutRecovery"),
    "GetSecretValue": ("VersionId", "VersionStage"),
    "UpdateSecretVersionStage": ("VersionStage",),
    "RotateSecret": ("RotationLambdaARN", "RotateImmediately", "ExternalSecretRotationRoleArn"),
    "PutResourcePolicy": ("PolicyName", "BlockPublicPolicy"),
    "GetResourcePolicy": ("PolicyName",),
    "DeleteResourcePolicy": ("PolicyName",),
    "ReplicateSecretToRegions": ("ForceOverwriteReplicaSecret",),
}


def of_secret(secret: Secret) -> Keys:
    """Return what policies can ask about a secret."""
    rotation = secret.rotation
    found = {
        "secretsmanager:SecretId": secret.arn,
        "secretsmanager:SecretPrimaryRegion": secret.primary_region or secret.region,
        "secretsmanager:resource/AllowRotationLambdaArn": rotation and rotation.lambda_arn,
        "secretsmanager:resource/Type": secret.secret_type,
    }
    keys = {name: (value,) for name, value in found.items() if value}
    return {**keys, **of_tags(secret.tags)}


def of_tags(tags: Tags | None) -> Keys:
    """Return what policies can ask about the tags that a secret has."""
    return {
        **_by_key("secretsmanager:ResourceTag/", tags or {}),
        **_by_key("aws:ResourceTag/", tags or {}),
    }


def of_request(operation: str, params: Mapping[str, Any]) -> Keys:
    """Return what policies can ask about the members of a request."""
    keys = {
        _PREFIX + member: (_text(params[member]),)
        for member in _MEMBERS.get(operation, ())
        if member in params
    }
    if operation == "RotateSecret":
        keys["secretsmanager:ModifyRotationRules"] = (_text("RotationRules" in params),)
    return {**keys, **_of_key(keys), **_of_regions(params), **_of_tags(params)}


def _of_key(keys: Keys) -> Keys:
    key_id = keys.get("secretsmanager:KmsKeyId", ("",))
    return {"secretsmanager:KmsKeyArn": key_id} if key_id[0].startswith("arn:") else {}


def _of_regions(params: Mapping[str, Any]) -> Keys:
    regions = _texts(replica.get("Region") for replica in params.get("AddReplicaRegions", ()))
    return {"secretsmanager:AddReplicaRegions": regions} if regions else {}


def _of_tags(params: Mapping[str, Any]) -> Keys:
    tags = {tag.get("Key", ""): tag.get("Value", "") for tag in params.get("Tags", ())}
    names = _texts((*tags, *params.get("TagKeys", ())))
    return {**_by_key("aws:RequestTag/", tags), "aws:TagKeys": names} if names else {}


def _by_key(prefix: str, tags: Tags) -> Keys:
    keys: dict[str, tuple[str, ...]] = {}
    for key, value in tags.items():
        name = f"{prefix}{key}".lower()
        keys[name] = (*keys.get(name, ()), value)
    return keys


def _texts(values: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(value for value in values if value)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
