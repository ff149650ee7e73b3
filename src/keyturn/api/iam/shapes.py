"""What IAM's answers say of users, roles, keys and policies.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_Types.html
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from keyturn.api.operation import Output
from keyturn.iam.managed_policies import ManagedPolicy, name_of, path_of
from keyturn.model.identity import AccessKey, Identity, Role, User


def user_shape(user: User) -> Output:
    """Return a ``User``."""
    return {"UserName": user.name, "UserId": user.unique_id, **_common(user)}


def role_shape(role: Role) -> Output:
    """Return a ``Role``."""
    shape: dict[str, Any] = {
        "RoleName": role.name,
        "RoleId": role.unique_id,
        **_common(role),
        "AssumeRolePolicyDocument": encoded(role.trust_policy),
        "MaxSessionDuration": role.max_session_seconds,
    }
    if role.description is not None:
        shape["Description"] = role.description
    return shape


def access_key_shape(user: User, key: AccessKey) -> Output:
    """Return an ``AccessKeyMetadata``, which has no secret half."""
    return {
        "UserName": user.name,
        "AccessKeyId": key.access_key_id,
        "Status": "Active" if key.is_active else "Inactive",
        "CreateDate": key.created_at,
    }


def policy_shape(policy: ManagedPolicy, attachment_count: int) -> Output:
    """Return a ``Policy``."""
    shape: dict[str, Any] = {
        "PolicyName": name_of(policy.arn),
        "Arn": policy.arn,
        "Path": path_of(policy.arn),
        "DefaultVersionId": policy.version_id,
        "AttachmentCount": attachment_count,
        "PermissionsBoundaryUsageCount": 0,
        "IsAttachable": True,
        "Description": policy.description,
        "CreateDate": policy.created_at,
        "UpdateDate": policy.updated_at,
    }
    if policy.policy_id is not None:
        shape["PolicyId"] = policy.policy_id
    return shape


def policy_version_shape(policy: ManagedPolicy) -> Output:
    """Return the ``PolicyVersion`` that is the policy's default."""
    return {
        "Document": encoded(policy.document),
        "VersionId": policy.version_id,
        "IsDefaultVersion": True,
        "CreateDate": policy.updated_at,
    }


def encoded(document: str) -> str:
    """Return a policy document as IAM's answers carry it: percent-encoded (RFC 3986)."""
    return quote(document, safe="")


def _common(identity: Identity) -> Mapping[str, Any]:
    shape: dict[str, Any] = {
        "Path": identity.path,
        "Arn": identity.arn,
        "CreateDate": identity.created_at,
    }
    if identity.tags:
        shape["Tags"] = [{"Key": key, "Value": value} for key, value in identity.tags.items()]
    return shape
