"""A table for each operation of Secrets Manager: what it answers, and how it refuses.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
"""

import json
from typing import Any, Final

import pytest

from support.aws_client import load_model
from support.live_api import LiveApi, allow, policy
from support.operation_table import Row, check, row

pytestmark = pytest.mark.server

CREATED: Final = ("CreateSecret", {"Name": "a", "SecretString": "1"})
EMPTY: Final = ("CreateSecret", {"Name": "a"})
DELETED: Final = ("DeleteSecret", {"SecretId": "a"})
PUT: Final = ("PutSecretValue", {"SecretId": "a", "SecretString": "2"})
REPLICATED: Final = (
    "CreateSecret",
    {"Name": "a", "SecretString": "1", "AddReplicaRegions": [{"Region": "{region2}"}]},
)

NOT_FOUND: Final = (
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret.",
)
MARKED: Final = (
    "InvalidRequestException",
    "You can't perform this operation on the secret because it was marked for deletion.",
)
NO_VALUE: Final = (
    "ResourceNotFoundException",
    "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
)
NO_NAME: Final = (
    "ValidationException",
    (
        "Invalid name. Must be a valid name containing alphanumeric characters, or any of the "
        "following: -/_+=.@!"
    ),
)
NO_TOKEN_LIKE_IT: Final = (
    "InvalidNextTokenException",
    "The NextToken is invalid. Use the value from the previous response to this listing.",
)
MANY_RESULTS: Final = (
    "ValidationException",
    (
        "1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 100"
    ),
)
NEVER_CONFIGURED: Final = (
    "InvalidRequestException",
    (
        "You tried to enable rotation on a secret that doesn't already have a Lambda function ARN "
        "configured and you didn't include such an ARN as a parameter in this call."
    ),
)
OTHER_POLICY: Final = (
    "InvalidParameterException",
    "You can only change the resource policy that is called default.",
)
SYNTAX: Final = ("MalformedPolicyDocumentException", "This policy has invalid syntax.")
PRIVATE: Final = json.dumps(
    policy(
        {
            **allow("secretsmanager:GetSecretValue"),
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        }
    )
)
PUBLIC: Final = json.dumps(
    policy({**allow("secretsmanager:GetSecretValue"), "Principal": {"AWS": "*"}})
)
A: Final[dict[str, Any]] = {"SecretId": "a"}


def absent(member: str) -> tuple[str, str]:
    """Return the refusal of a request that lacks a member."""
    return (
        "ValidationException",
        (
            f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: "
            "Member must not be null"
        ),
    )


def on_one_secret(request: dict[str, Any], *, when_deleted: bool) -> list[Row]:
    """Return the rows that all operations on one secret share."""
    rows = [
        row("a missing secret is not found", request={**request, **A}, refused=NOT_FOUND),
        row(
            "a name that none can have is refused",
            request={**request, "SecretId": "no name"},
            refused=NO_NAME,
        ),
        row("the secret must be named", request=request, refused=absent("secretId")),
    ]
    if not when_deleted:
        rows.append(
            row(
                "a secret that is marked for deletion is out of reach",
                CREATED,
                DELETED,
                request={**request, **A},
                refused=MARKED,
            )
        )
    return rows


TABLES: Final[dict[str, list[Row]]] = {
    "AssociateCrossAccountReplica": [
        *on_one_secret(
            {"CrossAccountReplicaARN": "arn:aws:secretsmanager:x:1:secret:b-a1b2c3"},
            when_deleted=False,
        ),
        row(
            "the replica must be there",
            CREATED,
            request={**A, "CrossAccountReplicaARN": "{arn}x"},
            refused=NOT_FOUND,
        ),
    ],
    "BatchGetSecretValue": [
        row(
            "listed secrets come in the order of the list",
            CREATED,
            ("CreateSecret", {"Name": "b", "SecretString": "2"}),
            request={"SecretIdList": ["b", "a"]},
            members={"SecretValues", "Errors"},
            contains={"Errors": []},
        ),
        row(
            "what can't be had is told by its id",
            EMPTY,
            request={"SecretIdList": ["a", "nothing"]},
            contains={
                "SecretValues": [],
                "Errors": [
                    {"SecretId": "a", "ErrorCode": NO_VALUE[0], "Message": NO_VALUE[1]},
                    {"SecretId": "nothing", "ErrorCode": NOT_FOUND[0], "Message": NOT_FOUND[1]},
                ],
            },
        ),
        row(
            "a deleted secret is told as marked",
            CREATED,
            DELETED,
            request={"SecretIdList": ["a"]},
            contains={"Errors": [{"SecretId": "a", "ErrorCode": MARKED[0], "Message": MARKED[1]}]},
        ),
        row(
            "neither list nor filters is refused",
            request={},
            refused=(
                "InvalidParameterException",
                "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
            ),
        ),
        row(
            "both list and filters is refused",
            request={
                "SecretIdList": ["a"],
                "Filters": [{"Key": "name", "Values": ["a"]}],
            },
            refused=(
                "InvalidParameterException",
                "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
            ),
        ),
        row(
            "a page has a length only with filters",
            request={"SecretIdList": ["a"], "MaxResults": 1},
            refused=(
                "InvalidParameterException",
                (
                    "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' "
                    "is provided."
                ),
            ),
        ),
    ],
    "CancelRotateSecret": [
        *on_one_secret({}, when_deleted=False),
        row(
            "what was never configured can't be cancelled",
            CREATED,
            request=A,
            refused=NEVER_CONFIGURED,
        ),
    ],
    "CreateSecret": [
        row(
            "a value makes a version",
            request={"Name": "a", "SecretString": "1"},
            members={"ARN", "Name", "VersionId"},
            contains={"Name": "a"},
        ),
        row("no value makes none", request={"Name": "a"}, members={"ARN", "Name"}),
        row(
            "replicas are told",
            request={"Name": "a", "AddReplicaRegions": [{"Region": "{region2}"}]},
            members={"ARN", "Name", "ReplicationStatus"},
            contains={
                "ReplicationStatus": [
                    {
                        "Region": "{region2}",
                        "KmsKeyId": "alias/aws/secretsmanager",
                        "Status": "InProgress",
                    }
                ]
            },
        ),
        row(
            "a taken name is refused",
            CREATED,
            request={"Name": "a", "SecretString": "1"},
            refused=(
                "ResourceExistsException",
                "The operation failed because the secret a already exists.",
            ),
        ),
        row(
            "the name of a deleted secret is refused",
            CREATED,
            DELETED,
            request={"Name": "a"},
            refused=(
                "InvalidRequestException",
                (
                    "You can't create this secret because a secret with this name is already "
                    "scheduled for deletion."
                ),
            ),
        ),
        row("a name has no spaces", request={"Name": "no name"}, refused=NO_NAME),
        row("the name must be there", request={}, refused=absent("name")),
        row(
            "one kind of value only",
            request={"Name": "a", "SecretString": "1", "SecretBinary": b"1"},
            refused=(
                "InvalidParameterException",
                (
                    "You can't specify both a binary secret value and a string secret value in "
                    "the same secret."
                ),
            ),
        ),
    ],
    "DeleteResourcePolicy": [
        *on_one_secret({}, when_deleted=False),
        row(
            "a policy is deleted, and deleted again",
            CREATED,
            ("PutResourcePolicy", {**A, "ResourcePolicy": PRIVATE}),
            ("DeleteResourcePolicy", A),
            request=A,
            members={"ARN", "Name"},
        ),
        row(
            "another policy can't be",
            CREATED,
            request={**A, "PolicyName": "other"},
            refused=OTHER_POLICY,
        ),
    ],
    "DeleteSecret": [
        *on_one_secret({}, when_deleted=False),
        row(
            "a date is set",
            CREATED,
            request=A,
            members={"ARN", "Name", "DeletionDate"},
            contains={"ARN": "{arn}", "Name": "a"},
        ),
        row(
            "nothing is deleted by force, with success",
            request={**A, "ForceDeleteWithoutRecovery": True},
            members={"ARN", "Name", "DeletionDate"},
        ),
        row(
            "a window has 7 days at least",
            CREATED,
            request={**A, "RecoveryWindowInDays": 6},
            refused=(
                "InvalidParameterException",
                "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
            ),
        ),
        row(
            "force has no window",
            CREATED,
            request={**A, "RecoveryWindowInDays": 7, "ForceDeleteWithoutRecovery": True},
            refused=(
                "InvalidParameterException",
                (
                    "You can't use ForceDeleteWithoutRecovery in conjunction with "
                    "RecoveryWindowInDays."
                ),
            ),
        ),
        row(
            "replicas go first",
            REPLICATED,
            request=A,
            refused=(
                "InvalidParameterException",
                "You can't delete secret {arn} that still has replica regions [{region2}].",
            ),
        ),
    ],
    "DescribeSecret": [
        *on_one_secret({}, when_deleted=True),
        row(
            "a new secret has no more than this",
            CREATED,
            request=A,
            members={"ARN", "Name", "LastChangedDate", "CreatedDate", "VersionIdsToStages"},
            contains={"VersionIdsToStages": {"{version}": ["AWSCURRENT"]}},
        ),
        row(
            "a secret without a value has no versions",
            EMPTY,
            request=A,
            members={"ARN", "Name", "LastChangedDate", "CreatedDate"},
        ),
        row(
            "a deleted secret says when",
            CREATED,
            DELETED,
            request=A,
            members={
                *("ARN", "Name", "LastChangedDate", "CreatedDate"),
                *("VersionIdsToStages", "DeletedDate"),
            },
        ),
        row(
            "what was given is shown",
            (
                "CreateSecret",
                {
                    "Name": "a",
                    "Description": "d",
                    "KmsKeyId": "alias/mine",
                    "Type": "SalesforceClientSecret",
                    "Tags": [{"Key": "k", "Value": "v"}],
                },
            ),
            request={"SecretId": "{arn:-7}"},
            contains={
                "Description": "d",
                "KmsKeyId": "alias/mine",
                "Type": "SalesforceClientSecret",
                "Tags": [{"Key": "k", "Value": "v"}],
            },
        ),
        row(
            "a replicated secret says where it is and its replicas are",
            REPLICATED,
            request=A,
            contains={
                "ReplicationStatus": [
                    {
                        "Region": "{region2}",
                        "KmsKeyId": "alias/aws/secretsmanager",
                        "Status": "InSync",
                    }
                ]
            },
        ),
    ],
    "DisassociateCrossAccountReplica": [
        *on_one_secret(
            {"CrossAccountReplicaARN": "arn:aws:secretsmanager:x:1:secret:b-a1b2c3"},
            when_deleted=False,
        ),
        row(
            "what isn't linked can't be unlinked",
            CREATED,
            request={**A, "CrossAccountReplicaARN": "{arn}"},
            refused=(
                "InvalidRequestException",
                "The secret isn't a cross-account replica of this primary secret.",
            ),
        ),
    ],
    "GetRandomPassword": [
        row("a password comes", request={}, members={"RandomPassword"}),
        row(
            "each included type needs room",
            request={"PasswordLength": 3},
            refused=(
                "InvalidParameterException",
                "Password length is too short based on the required types.",
            ),
        ),
        row(
            "there is a longest one",
            request={"PasswordLength": 4097},
            refused=(
                "ValidationException",
                (
                    "1 validation error detected: Value '4097' at 'passwordLength' failed to "
                    "satisfy constraint: Member must have value less than or equal to 4096"
                ),
            ),
        ),
        row(
            "something must be left",
            request={
                "ExcludeNumbers": True,
                "ExcludePunctuation": True,
                "ExcludeUppercase": True,
                "ExcludeLowercase": True,
            },
            refused=(
                "InvalidParameterException",
                "Every character is excluded, so there is none to make a password of.",
            ),
        ),
    ],
    "GetResourcePolicy": [
        *on_one_secret({}, when_deleted=False),
        row("there is none at first", CREATED, request=A, members={"ARN", "Name"}),
        row(
            "it comes as it was written",
            CREATED,
            ("PutResourcePolicy", {**A, "ResourcePolicy": PRIVATE}),
            request=A,
            members={"ARN", "Name", "ResourcePolicy"},
            contains={"ResourcePolicy": PRIVATE},
        ),
        row(
            "one of another name isn't there",
            CREATED,
            request={**A, "PolicyName": "other"},
            refused=(
                "ResourceNotFoundException",
                "The secret has no resource policy that is called other.",
            ),
        ),
    ],
    "GetSecretValue": [
        *on_one_secret({}, when_deleted=False),
        row(
            "the current value comes",
            CREATED,
            request=A,
            members={
                *("ARN", "Name", "VersionId", "SecretString", "VersionStages", "CreatedDate"),
            },
            contains={
                "SecretString": "1",
                "VersionId": "{version}",
                "VersionStages": ["AWSCURRENT"],
            },
        ),
        row(
            "bytes come as they were",
            ("CreateSecret", {"Name": "a", "SecretBinary": b"\x00\xff"}),
            request=A,
            members={
                *("ARN", "Name", "VersionId", "SecretBinary", "VersionStages", "CreatedDate"),
            },
            contains={"SecretBinary": b"\x00\xff"},
        ),
        row(
            "a label finds the version that it is on",
            CREATED,
            PUT,
            request={**A, "VersionStage": "AWSPREVIOUS"},
            contains={"SecretString": "1", "VersionStages": ["AWSPREVIOUS"]},
        ),
        row("no value is not found by its label", EMPTY, request=A, refused=NO_VALUE),
        row(
            "a version that there is not is not found by its id",
            CREATED,
            request={**A, "VersionId": "{token}"},
            refused=(
                "ResourceNotFoundException",
                ("Secrets Manager can't find the specified secret value for VersionId: {token}"),
            ),
        ),
        row(
            "label and version must go together",
            CREATED,
            PUT,
            request={**A, "VersionId": "{version}", "VersionStage": "AWSCURRENT"},
            refused=(
                "InvalidRequestException",
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ),
        ),
    ],
    "ListResourcePolicies": [
        *on_one_secret({}, when_deleted=False),
        row(
            "there is none at first",
            CREATED,
            request=A,
            members={"ResourcePolicies"},
            contains={"ResourcePolicies": []},
        ),
        row(
            "the one that was put is called default",
            CREATED,
            ("PutResourcePolicy", {**A, "ResourcePolicy": PRIVATE}),
            request=A,
            contains={"ResourcePolicies": [{"PolicyName": "default"}]},
        ),
        row(
            "a token must be ours",
            CREATED,
            request={**A, "NextToken": "x"},
            refused=NO_TOKEN_LIKE_IT,
        ),
        row("a page has an end", CREATED, request={**A, "MaxResults": 101}, refused=MANY_RESULTS),
    ],
    "ListSecretVersionIds": [
        *on_one_secret({}, when_deleted=True),
        row(
            "no value, no version",
            EMPTY,
            request=A,
            members={"ARN", "Name", "Versions"},
            contains={"Versions": []},
        ),
        row(
            "a token must be ours",
            CREATED,
            request={**A, "NextToken": "x"},
            refused=NO_TOKEN_LIKE_IT,
        ),
        row("a page has an end", CREATED, request={**A, "MaxResults": 101}, refused=MANY_RESULTS),
    ],
    "ListSecrets": [
        row("there is none at first", request={}, contains={"SecretList": []}),
        row(
            "a deleted secret isn't listed",
            CREATED,
            DELETED,
            request={},
            members={"SecretList"},
            contains={"SecretList": []},
        ),
        row("a token must be ours", request={"NextToken": "x"}, refused=NO_TOKEN_LIKE_IT),
        row("a page has an end", request={"MaxResults": 101}, refused=MANY_RESULTS),
        row(
            "a filter has one of these keys",
            request={"Filters": [{"Key": "colour", "Values": ["a"]}]},
            refused=(
                "ValidationException",
                (
                    "1 validation error detected: Value 'colour' at 'filters.1.member.key' failed "
                    "to satisfy constraint: Member must satisfy enum value set: [description, "
                    "name, tag-key, tag-value, primary-region, owning-service, all]"
                ),
            ),
        ),
        row(
            "a filter has a key",
            request={"Filters": [{"Values": ["a"]}]},
            refused=("InvalidParameterException", "Invalid filter key"),
        ),
        row(
            "a filter has values",
            request={"Filters": [{"Key": "name"}]},
            refused=("InvalidParameterException", "Invalid filter values for key: name"),
        ),
    ],
    "PutResourcePolicy": [
        *on_one_secret({"ResourcePolicy": PRIVATE}, when_deleted=False),
        row(
            "a policy is put",
            CREATED,
            request={**A, "ResourcePolicy": PRIVATE},
            members={"ARN", "Name"},
            contains={"ARN": "{arn}", "Name": "a"},
        ),
        row(
            "its name is told to who knows of names",
            CREATED,
            request={**A, "ResourcePolicy": PRIVATE, "PolicyName": "default"},
            members={"ARN", "Name", "PolicyName"},
        ),
        row(
            "another name is refused",
            CREATED,
            request={**A, "ResourcePolicy": PRIVATE, "PolicyName": "other"},
            refused=OTHER_POLICY,
        ),
        row(
            "a policy is JSON",
            CREATED,
            request={**A, "ResourcePolicy": "{"},
            refused=SYNTAX,
        ),
        row(
            "a public one can be blocked",
            CREATED,
            request={**A, "ResourcePolicy": PUBLIC, "BlockPublicPolicy": True},
            refused=(
                "PublicPolicyException",
                (
                    "This resource policy allows broad access to the secret, and "
                    "BlockPublicPolicy is set."
                ),
            ),
        ),
        row(
            "the policy must be there",
            CREATED,
            request=A,
            refused=absent("resourcePolicy"),
        ),
    ],
    "PutSecretValue": [
        *on_one_secret({"SecretString": "2"}, when_deleted=False),
        row(
            "a value becomes the current one",
            EMPTY,
            request={**A, "SecretString": "1"},
            members={"ARN", "Name", "VersionId", "VersionStages"},
            contains={"VersionStages": ["AWSCURRENT"]},
        ),
        row(
            "labels are as asked",
            CREATED,
            request={**A, "SecretString": "2", "VersionStages": ["b", "a"]},
            contains={"VersionStages": ["a", "b"]},
        ),
        row(
            "a value must be there",
            CREATED,
            request=A,
            refused=(
                "InvalidRequestException",
                "You must provide either SecretString or SecretBinary.",
            ),
        ),
        row(
            "a token holds one value",
            CREATED,
            request={**A, "SecretString": "2", "ClientRequestToken": "{version}"},
            refused=(
                "ResourceExistsException",
                (
                    "You can't use ClientRequestToken {version} because that value is already in "
                    "use for a version of secret {arn}."
                ),
            ),
        ),
    ],
    "RemoveRegionsFromReplication": [
        *on_one_secret({"RemoveReplicaRegions": ["{region2}"]}, when_deleted=False),
        row(
            "a replica is removed",
            REPLICATED,
            request={**A, "RemoveReplicaRegions": ["{region2}"]},
            members={"ARN", "ReplicationStatus"},
            contains={"ARN": "{arn}", "ReplicationStatus": []},
        ),
        row(
            "there must be one",
            CREATED,
            request={**A, "RemoveReplicaRegions": ["{region2}"]},
            refused=(
                "InvalidParameterException",
                "The secret isn't replicated to region {region2}.",
            ),
        ),
        row(
            "regions must be there",
            REPLICATED,
            request=A,
            refused=absent("removeReplicaRegions"),
        ),
    ],
    "ReplicateSecretToRegions": [
        *on_one_secret({"AddReplicaRegions": [{"Region": "{region2}"}]}, when_deleted=False),
        row(
            "a replica is begun",
            CREATED,
            request={**A, "AddReplicaRegions": [{"Region": "{region2}"}]},
            members={"ARN", "ReplicationStatus"},
            contains={
                "ReplicationStatus": [
                    {
                        "Region": "{region2}",
                        "KmsKeyId": "alias/aws/secretsmanager",
                        "Status": "InProgress",
                    }
                ]
            },
        ),
        row(
            "one in a region is enough",
            REPLICATED,
            request={**A, "AddReplicaRegions": [{"Region": "{region2}"}]},
            refused=(
                "InvalidParameterException",
                "The secret is already replicated to region {region2}.",
            ),
        ),
        row(
            "a region must be named",
            CREATED,
            request={**A, "AddReplicaRegions": [{}]},
            refused=("InvalidParameterException", "Invalid replica region."),
        ),
        row(
            "regions must be there",
            CREATED,
            request=A,
            refused=absent("addReplicaRegions"),
        ),
    ],
    "RestoreSecret": [
        *on_one_secret({}, when_deleted=True),
        row(
            "a deletion is taken back",
            CREATED,
            DELETED,
            request=A,
            members={"ARN", "Name"},
            contains={"ARN": "{arn}", "Name": "a"},
        ),
        row("none is as good", CREATED, request=A, members={"ARN", "Name"}),
    ],
    "RotateSecret": [
        *on_one_secret({}, when_deleted=False),
        row(
            "a function is needed",
            CREATED,
            request=A,
            refused=(
                "InvalidRequestException",
                "No Lambda rotation function ARN is associated with this secret.",
            ),
        ),
        row(
            "a function's ARN looks otherwise",
            CREATED,
            request={**A, "RotationLambdaARN": "rotate"},
            refused=(
                "InvalidParameterException",
                (
                    "Invalid rotation Lambda ARN. Ensure the ARN matches format "
                    "arn:aws:lambda:<region>:<account>:function:<functionName>."
                ),
            ),
        ),
        row(
            "a partner's secret isn't rotated here",
            ("CreateSecret", {"Name": "a", "Type": "SalesforceClientSecret"}),
            request=A,
            refused=(
                "InvalidRequestException",
                "Keyturn can't rotate a secret of type SalesforceClientSecret.",
            ),
        ),
        row(
            "a partner's settings are kept",
            ("CreateSecret", {"Name": "a", "Type": "SalesforceClientSecret"}),
            request={
                **A,
                "ExternalSecretRotationMetadata": [{"Key": "k", "Value": "v"}],
                "RotateImmediately": False,
            },
            members={"ARN", "Name"},
        ),
    ],
    "StopReplicationToReplica": [
        *on_one_secret({}, when_deleted=False),
        row(
            "only a replica can be made independent",
            CREATED,
            request=A,
            refused=(
                "InvalidParameterException",
                (
                    "Operation only permitted on a replica secret. Call must be made in the "
                    "replica's region."
                ),
            ),
        ),
    ],
    "TagResource": [
        *on_one_secret({"Tags": [{"Key": "k", "Value": "v"}]}, when_deleted=False),
        row(
            "the answer is empty",
            CREATED,
            request={**A, "Tags": [{"Key": "k", "Value": "v"}]},
            members=set(),
        ),
        row(
            "a key has a name",
            CREATED,
            request={**A, "Tags": [{"Value": "v"}]},
            refused=("InvalidParameterException", "Every tag must have a key."),
        ),
        row(
            "some names are AWS's",
            CREATED,
            request={**A, "Tags": [{"Key": "aws:k", "Value": "v"}]},
            refused=(
                "InvalidParameterException",
                "Tag keys that begin with aws: are reserved for AWS use.",
            ),
        ),
        row("tags must be there", CREATED, request=A, refused=absent("tags")),
    ],
    "UntagResource": [
        *on_one_secret({"TagKeys": ["k"]}, when_deleted=False),
        row(
            "the answer is empty, also when there was no such tag",
            CREATED,
            request={**A, "TagKeys": ["k"]},
            members=set(),
        ),
        row("keys must be there", CREATED, request=A, refused=absent("tagKeys")),
    ],
    "UpdateSecret": [
        *on_one_secret({}, when_deleted=False),
        row("nothing may be updated", CREATED, request=A, members={"ARN", "Name"}),
        row(
            "a value makes a version",
            CREATED,
            request={**A, "SecretString": "2"},
            members={"ARN", "Name", "VersionId"},
        ),
        row(
            "a description makes none",
            CREATED,
            request={**A, "Description": "d"},
            members={"ARN", "Name"},
        ),
        row(
            "one kind of value only",
            CREATED,
            request={**A, "SecretString": "1", "SecretBinary": b"1"},
            refused=(
                "InvalidParameterException",
                (
                    "You can't specify both a binary secret value and a string secret value in "
                    "the same secret."
                ),
            ),
        ),
    ],
    "UpdateSecretVersionStage": [
        *on_one_secret({"VersionStage": "blue"}, when_deleted=False),
        row(
            "a label is added",
            CREATED,
            request={**A, "VersionStage": "blue", "MoveToVersionId": "{version}"},
            members={"ARN", "Name"},
        ),
        row(
            "a version must be named",
            CREATED,
            request={**A, "VersionStage": "blue"},
            refused=(
                "InvalidParameterException",
                "You must provide a RemoveFromVersionId, a MoveToVersionId, or both.",
            ),
        ),
        row(
            "a version must be there",
            CREATED,
            request={**A, "VersionStage": "blue", "MoveToVersionId": "{token}"},
            refused=(
                "ResourceNotFoundException",
                ("Secrets Manager can't find the specified secret value for VersionId: {token}"),
            ),
        ),
        row(
            "AWSCURRENT never goes",
            CREATED,
            request={**A, "VersionStage": "AWSCURRENT", "RemoveFromVersionId": "{version}"},
            refused=(
                "InvalidParameterException",
                (
                    "You can only move staging label AWSCURRENT to a different secret version. "
                    "It can\u2019t be completely removed."
                ),
            ),
        ),
        row(
            "a label must be named",
            CREATED,
            request=A,
            refused=absent("versionStage"),
        ),
    ],
    "ValidateResourcePolicy": [
        row(
            "a private policy passes",
            request={"ResourcePolicy": PRIVATE},
            members={"PolicyValidationPassed", "ValidationErrors"},
            contains={"PolicyValidationPassed": True, "ValidationErrors": []},
        ),
        row(
            "a public one doesn't",
            CREATED,
            request={**A, "ResourcePolicy": PUBLIC},
            contains={
                "PolicyValidationPassed": False,
                "ValidationErrors": [
                    {
                        "CheckName": "PublicAccess",
                        "ErrorMessage": "The policy allows broad access to the secret.",
                    }
                ],
            },
        ),
        row("a policy is JSON", request={"ResourcePolicy": "{"}, refused=SYNTAX),
        row(
            "a missing secret is not found",
            request={**A, "ResourcePolicy": PRIVATE},
            refused=NOT_FOUND,
        ),
        row("the policy must be there", request={}, refused=absent("resourcePolicy")),
    ],
}
ROWS: Final = [
    pytest.param(operation, each, id=f"{operation}: {each.claim}")
    for operation, table in TABLES.items()
    for each in table
]


def test_every_operation_has_a_table() -> None:
    assert set(TABLES) == set(load_model("secretsmanager").operation_names)
    assert all(TABLES.values())


@pytest.mark.parametrize(("operation", "row"), ROWS)
def test_operation_answers_as_its_table_says(api: LiveApi, operation: str, row: Row) -> None:
    check(api, operation, row)
