"""The table itself: nothing in it can be done without its own action."""

from pathlib import Path
from typing import Any

import pytest

from keyturn.model.errors import NotAllowedError
from support.iam_bench import IamBench, policy

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
TRUST = {"AssumeRolePolicyDocument": "{}"}
KEY = {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}
DOCUMENT = {"PolicyDocument": policy("*")}

REQUESTS: dict[str, dict[str, Any]] = {
    "AttachRolePolicy": {"RoleName": "r", "PolicyArn": BASIC},
    "AttachUserPolicy": {"UserName": "u", "PolicyArn": BASIC},
    "CreateAccessKey": {"UserName": "u"},
    "CreateRole": {"RoleName": "new", **TRUST},
    "CreateUser": {"UserName": "new"},
    "DeleteAccessKey": {"UserName": "u", **KEY},
    "DeleteRole": {"RoleName": "r"},
    "DeleteRolePolicy": {"RoleName": "r", "PolicyName": "p"},
    "DeleteUser": {"UserName": "u"},
    "DeleteUserPolicy": {"UserName": "u", "PolicyName": "p"},
    "DetachRolePolicy": {"RoleName": "r", "PolicyArn": BASIC},
    "DetachUserPolicy": {"UserName": "u", "PolicyArn": BASIC},
    "GetPolicy": {"PolicyArn": BASIC},
    "GetPolicyVersion": {"PolicyArn": BASIC, "VersionId": "v1"},
    "GetRole": {"RoleName": "r"},
    "GetRolePolicy": {"RoleName": "r", "PolicyName": "p"},
    "GetUser": {"UserName": "u"},
    "GetUserPolicy": {"UserName": "u", "PolicyName": "p"},
    "ListAccessKeys": {"UserName": "u"},
    "ListAttachedRolePolicies": {"RoleName": "r"},
    "ListAttachedUserPolicies": {"UserName": "u"},
    "ListRolePolicies": {"RoleName": "r"},
    "ListRoles": {},
    "ListUserPolicies": {"UserName": "u"},
    "ListUsers": {},
    "PutRolePolicy": {"RoleName": "r", "PolicyName": "p", **DOCUMENT},
    "PutUserPolicy": {"UserName": "u", "PolicyName": "p", **DOCUMENT},
    "UpdateAccessKey": {"UserName": "u", "Status": "Inactive", **KEY},
    "UpdateAssumeRolePolicy": {"RoleName": "r", **DOCUMENT},
}


@pytest.fixture
def bench(tmp_path: Path) -> IamBench:
    return IamBench(tmp_path)


def test_every_operation_is_tried_below(bench: IamBench) -> None:
    served = {operation.name for operation in bench.services["iam"].operations}

    assert served == REQUESTS.keys()


def test_each_operations_action_bears_its_name(bench: IamBench) -> None:
    for service in bench.services.values():
        for operation in service.operations:
            assert operation.action == f"{service.name}:{operation.name}"


@pytest.mark.parametrize("name", REQUESTS)
def test_who_may_do_all_else_may_not_do_this(bench: IamBench, name: str) -> None:
    deny = policy(f"iam:{name}", effect="Deny")
    ann = bench.principal(bench.user("ann", policy("*"), deny))
    bench.user("u")
    bench.role("r")

    with pytest.raises(NotAllowedError) as refused:
        bench.call(ann, name, **REQUESTS[name])

    assert refused.value.action == f"iam:{name}"
    assert refused.value.resource.startswith("arn:aws:iam::")
