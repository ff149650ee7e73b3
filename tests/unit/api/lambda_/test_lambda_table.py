from typing import Any

import pytest

from keyturn.wire.service import load_service
from support.aws_client import AwsClient
from support.lambda_bench import LambdaBench

LAYER = {"LayerName": "l", "VersionNumber": 1}
PERMISSION = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
FUNCTION_ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"

#: What each operation can't do without, besides a function's name.
REQUESTS: dict[str, dict[str, Any]] = {
    "AddLayerVersionPermission": {**LAYER, **PERMISSION, "Action": "lambda:GetLayerVersion"},
    "AddPermission": PERMISSION,
    "CreateAlias": {"Name": "a", "FunctionVersion": "1"},
    "CreateFunction": {"Role": "arn:aws:iam::123456789012:role/r", "Code": {"ZipFile": b"z"}},
    "DeleteAlias": {"Name": "a"},
    "DeleteFunction": {},
    "DeleteFunctionConcurrency": {},
    "DeleteFunctionEventInvokeConfig": {},
    "DeleteLayerVersion": LAYER,
    "GetAccountSettings": {},
    "GetAlias": {"Name": "a"},
    "GetFunction": {},
    "GetFunctionCodeSigningConfig": {},
    "GetFunctionConcurrency": {},
    "GetFunctionConfiguration": {},
    "GetFunctionEventInvokeConfig": {},
    "GetLayerVersion": LAYER,
    "GetLayerVersionByArn": {"Arn": "arn:aws:lambda:us-east-1:123456789012:layer:l:1"},
    "GetLayerVersionPolicy": LAYER,
    "GetPolicy": {},
    "Invoke": {},
    "ListAliases": {},
    "ListFunctionEventInvokeConfigs": {},
    "ListFunctions": {},
    "ListLayerVersions": {"LayerName": "l"},
    "ListLayers": {},
    "ListTags": {"Resource": FUNCTION_ARN},
    "ListVersionsByFunction": {},
    "PublishLayerVersion": {"LayerName": "l", "Content": {"ZipFile": b"z"}},
    "PublishVersion": {},
    "PutFunctionConcurrency": {"ReservedConcurrentExecutions": 1},
    "PutFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
    "RemoveLayerVersionPermission": {**LAYER, "StatementId": "s"},
    "RemovePermission": {"StatementId": "s"},
    "TagResource": {"Resource": FUNCTION_ARN, "Tags": {"k": "v"}},
    "UntagResource": {"Resource": FUNCTION_ARN, "TagKeys": ["k"]},
    "UpdateAlias": {"Name": "a"},
    "UpdateFunctionCode": {"ZipFile": b"z"},
    "UpdateFunctionConfiguration": {},
    "UpdateFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
}


@pytest.fixture(scope="module")
def client() -> AwsClient:
    return AwsClient("lambda")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


def request_of(client: AwsClient, operation: str) -> dict[str, Any]:
    """Return a request that has all that the operation can't do without."""
    shape = client.operation(operation).input_shape
    assert shape is not None
    named = {"FunctionName": "f"} if "FunctionName" in shape.required_members else {}
    return {**named, **REQUESTS[operation]}


def test_every_operation_that_is_served_is_looked_at_here(bench: LambdaBench) -> None:
    served = {entry.name for entry in bench.services["lambda"].operations}

    assert served == set(REQUESTS)


@pytest.mark.parametrize("operation", sorted(REQUESTS))
def test_a_request_finds_its_own_operation_by_its_path(client: AwsClient, operation: str) -> None:
    sent = client.request(operation, request_of(client, operation))

    assert load_service("lambda").route(sent).name == operation


@pytest.mark.parametrize("operation", sorted(REQUESTS))
def test_whoever_may_do_nothing_is_refused_everything(
    bench: LambdaBench, client: AwsClient, operation: str
) -> None:
    refused = bench.fault(bench.somebody(), operation, **request_of(client, operation))

    assert refused[:2] == ("AccessDeniedException", 403)
