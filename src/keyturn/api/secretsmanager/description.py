"""A secret as DescribeSecret and ListSecrets show it. A member that is None is left out.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_SecretListEntry.html
"""

from collections.abc import Mapping
from typing import Any

from keyturn.api.operation import Output
from keyturn.model.secret import RotationSettings, Secret


def description_of(secret: Secret) -> dict[str, Any]:
    """Return the members that DescribeSecret and ListSecrets share."""
    return {
        "ARN": secret.arn,
        "Name": secret.name,
        "Type": secret.secret_type,
        "Description": secret.description or None,
        "KmsKeyId": secret.kms_key_id,
        **_rotation_members(secret),
        "LastChangedDate": secret.last_changed_at,
        "LastAccessedDate": secret.last_accessed_at,
        "DeletedDate": secret.deleted_at,
        "Tags": None if secret.tags is None else tag_list(secret.tags),
        "OwningService": secret.owning_service,
        "CreatedDate": secret.created_at,
        "PrimaryRegion": secret.primary_region,
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as AWS lists them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _rotation_members(secret: Secret) -> Output:
    window, external = secret.next_window, secret.external_rotation
    return {
        **({} if secret.rotation is None else _settings_members(secret.rotation)),
        "LastRotatedDate": secret.last_rotated_at,
        "NextRotationDate": None if window is None else window.last_second,
        "ExternalSecretRotationMetadata": external and external.metadata,
        "ExternalSecretRotationRoleArn": external and external.role_arn,
    }


def _settings_members(rotation: RotationSettings) -> Output:
    rules = {
        "AutomaticallyAfterDays": rotation.automatically_after_days,
        "ScheduleExpression": rotation.schedule_expression,
        "Duration": rotation.duration,
    }
    has_rules = any(member is not None for member in rules.values())
    return {
        "RotationEnabled": rotation.is_enabled,
        "RotationLambdaARN": rotation.lambda_arn,
        "RotationRules": rules if has_rules else None,
    }
