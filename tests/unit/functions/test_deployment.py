"""Deployments to a Lambda that is scripted, in states that Keyturn's own is never in."""

from base64 import b64encode
from collections.abc import Iterator
import hashlib
import json
from typing import Any

import botocore.session
from botocore.stub import Stubber
import pytest

from keyturn.functions.deployment import EnvironmentUnreadableError, Wanted, deploy
from keyturn.functions.packaging import HANDLER, find_template

ACCOUNT = "123456789012"
NAME = "rotates"
SUMMARY = find_template("postgres", "single-user").summary
UNREADABLE = {"Error": {"ErrorCode": "AccessDeniedException", "Message": "KMS access was denied."}}


class ScriptedLambda:
    """Lambda with a function in a state that Keyturn's functions are never in."""

    def __init__(self, client: Any, code: bytes) -> None:  # noqa: ANN401 - any botocore client
        self.client = client
        self._stubber = Stubber(client)
        self._stubber.activate()
        self._configuration = {
            "FunctionName": NAME,
            "FunctionArn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{NAME}",
            "Handler": HANDLER,
            "Runtime": "python3.11",
            "Description": SUMMARY,
            "Architectures": ["x86_64"],
            "CodeSha256": b64encode(hashlib.sha256(code).digest()).decode(),
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "RevisionId": "first",
        }

    def tells(self, **members: Any) -> None:  # noqa: ANN401 - as FunctionConfiguration's
        self._stubber.add_response(
            "get_function_configuration",
            {**self._configuration, **members},
            {"FunctionName": NAME},
        )

    def waited_for(self, **members: str) -> None:
        self._stubber.add_response(
            "get_function", {"Configuration": members}, {"FunctionName": NAME}
        )

    def lets_secrets_manager_in(self) -> None:
        statement = {
            "Sid": "Own",
            "Effect": "Allow",
            "Principal": {"Service": "secretsmanager.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": self._configuration["FunctionArn"],
            "Condition": {"StringEquals": {"AWS:SourceAccount": ACCOUNT}},
        }
        self._stubber.add_response(
            "get_policy", {"Policy": json.dumps({"Statement": [statement]})}
        )

    def takes_code(self, code: bytes, revision_id: str) -> None:
        asked = {
            "FunctionName": NAME,
            "ZipFile": code,
            "Architectures": ["x86_64"],
            "RevisionId": revision_id,
        }
        self._stubber.add_response("update_function_code", {}, asked)

    def takes(self, revision_id: str, **members: Any) -> None:  # noqa: ANN401 - as boto3's
        asked = {"FunctionName": NAME, "RevisionId": revision_id, **members}
        self._stubber.add_response("update_function_configuration", {}, asked)

    def assert_was_asked_all(self) -> None:
        self._stubber.assert_no_pending_responses()


@pytest.fixture
def scripted() -> Iterator[ScriptedLambda]:
    client = botocore.session.Session().create_client(
        "lambda",
        region_name="us-east-1",
        aws_access_key_id="stubbed",
        aws_secret_access_key="stubbed",
    )
    yield ScriptedLambda(client, b"old")
    client.close()


def test_variable_beside_others_that_are_not_told_is_refused(scripted: ScriptedLambda) -> None:
    scripted.tells(Environment=UNREADABLE)
    scripted.lets_secrets_manager_in()

    with pytest.raises(EnvironmentUnreadableError, match="AccessDeniedException, KMS access"):
        deploy(scripted.client, wanted(b"new", {"OURS": "1"}), lambda _: None)

    scripted.assert_was_asked_all()


def test_variables_that_are_not_told_stay_when_something_else_changes(
    scripted: ScriptedLambda,
) -> None:
    scripted.tells(Environment=UNREADABLE, Timeout=3)
    scripted.lets_secrets_manager_in()
    scripted.takes("first", Timeout=60)
    scripted.waited_for(LastUpdateStatus="Successful")

    deployed = deploy(scripted.client, wanted(b"old", timeout_seconds=60), lambda _: None)

    assert deployed.done == ["changed in Timeout"]
    scripted.assert_was_asked_all()


@pytest.mark.parametrize(
    ("under_way", "settled"),
    [
        ({"State": "Pending"}, {"State": "Active"}),
        ({"LastUpdateStatus": "InProgress"}, {"LastUpdateStatus": "Successful"}),
    ],
)
def test_what_is_under_way_is_waited_for(
    scripted: ScriptedLambda, under_way: dict[str, str], settled: dict[str, str]
) -> None:
    scripted.tells(**under_way)
    scripted.waited_for(**settled)
    scripted.tells(RevisionId="settled")
    scripted.lets_secrets_manager_in()
    scripted.takes_code(b"new", "settled")
    scripted.waited_for(LastUpdateStatus="Successful")
    scripted.tells(RevisionId="updated")
    scripted.takes("updated", Environment={"Variables": {"OURS": "1"}})
    scripted.waited_for(LastUpdateStatus="Successful")

    deployed = deploy(scripted.client, wanted(b"new", {"OURS": "1"}), lambda _: None)

    assert deployed.done == ["given new code", "changed in Environment"]
    scripted.assert_was_asked_all()


@pytest.mark.parametrize("failed", [{"State": "Failed"}, {"LastUpdateStatus": "Failed"}])
def test_function_whose_last_change_failed_is_not_up_to_date(
    scripted: ScriptedLambda, failed: dict[str, str]
) -> None:
    scripted.tells(**failed)
    scripted.lets_secrets_manager_in()
    scripted.takes_code(b"old", "first")
    scripted.waited_for(LastUpdateStatus="Successful")
    scripted.tells(RevisionId="updated")

    deployed = deploy(scripted.client, wanted(b"old"), lambda _: None)

    assert deployed.done == ["given its code again"]
    scripted.assert_was_asked_all()


def test_vpc_members_that_are_not_asked_for_stay(scripted: ScriptedLambda) -> None:
    in_place = {
        "SubnetIds": ["subnet-1"],
        "SecurityGroupIds": ["sg-1"],
        "Ipv6AllowedForDualStack": True,
    }
    scripted.tells(VpcConfig={**in_place, "VpcId": "vpc-1"})
    scripted.lets_secrets_manager_in()
    scripted.takes("first", VpcConfig={**in_place, "SubnetIds": ["subnet-2"]})
    scripted.waited_for(LastUpdateStatus="Successful")

    deploy(scripted.client, wanted(b"old", subnet_ids=["subnet-2"]), lambda _: None)

    scripted.assert_was_asked_all()


def wanted(
    code: bytes,
    variables: dict[str, str] | None = None,
    *,
    timeout_seconds: int | None = None,
    subnet_ids: list[str] | None = None,
) -> Wanted:
    return Wanted(
        name=NAME,
        zipped=code,
        runtime="python3.11",
        architecture="x86_64",
        description=SUMMARY,
        timeout_seconds=timeout_seconds,
        variables=variables or {},
        subnet_ids=subnet_ids,
    )
