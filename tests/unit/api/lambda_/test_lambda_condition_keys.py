"""What policies ask about a request to Lambda: which layers, and whom it lets in.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from collections.abc import Mapping
import secrets
from typing import Any

import pytest

from support.iam_bench import policy
from support.lambda_bench import LambdaBench

OTHER_ACCOUNT = "210987654321"
PRINCIPALS = [
    "*",
    "sns.amazonaws.com",
    OTHER_ACCOUNT,
    f"arn:aws:iam::{OTHER_ACCOUNT}:role/caller",
]
#: What whoever makes functions needs besides.
MAKING = policy("iam:PassRole", "lambda:GetLayerVersion")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


def grant(name: str, statement_id: str, principal: str) -> dict[str, Any]:
    """Return what AddPermission is sent."""
    return {
        "FunctionName": name,
        "StatementId": statement_id,
        "Action": "lambda:InvokeFunction",
        "Principal": principal,
    }


@pytest.mark.parametrize("operation", ["CreateFunction", "UpdateFunctionConfiguration"])
def test_policies_ask_about_every_layer_that_is_asked_for(
    bench: LambdaBench, operation: str
) -> None:
    """AWS: Lambda's guide, "Granting users access to a Lambda layer"."""
    good, bad = (bench.layer(f"{kind}-{secrets.token_hex(6)}") for kind in ("good", "bad"))
    only_good: dict[str, Any] = {
        "ForAllValues:StringLike": {"lambda:Layer": "arn:aws:lambda:*:123456789012:layer:good-*:*"}
    }
    somebody = bench.somebody(policy(f"lambda:{operation}", **only_good), MAKING)

    def request(**members: object) -> Mapping[str, Any]:
        if operation == "CreateFunction":
            return bench.new_request(**members)
        return {"FunctionName": bench.function(), **members}

    assert not bench.denies(somebody, operation, **request(Layers=[good]))
    assert not bench.denies(somebody, operation, **request(Layers=[]))
    assert not bench.denies(somebody, operation, **request())
    assert bench.denies(somebody, operation, **request(Layers=[bad]))
    assert bench.denies(somebody, operation, **request(Layers=[good, bad]))


def test_a_layer_does_not_hide_behind_another_spelling_of_its_arn(bench: LambdaBench) -> None:
    layer = bench.layer()
    is_it: dict[str, Any] = {"ForAnyValue:StringEquals": {"lambda:Layer": layer}}
    somebody = bench.somebody(
        policy("lambda:*", "iam:PassRole"), policy("lambda:*", effect="Deny", **is_it)
    )
    spellings = [
        layer,
        layer.replace("arn:aws:", "arn:aws-cn:"),
        layer.removesuffix(":1") + ":01",
    ]

    for spelling in spellings:
        new = bench.new_request(Layers=[spelling])
        assert bench.denies(somebody, "CreateFunction", **new)


def test_a_layer_can_be_demanded_of_every_new_function(bench: LambdaBench) -> None:
    without = policy("lambda:CreateFunction", effect="Deny", Null={"lambda:Layer": "true"})
    somebody = bench.somebody(policy("lambda:CreateFunction"), MAKING, without)
    layer = bench.layer()

    assert bench.denies(somebody, "CreateFunction", **bench.new_request())
    assert not bench.denies(somebody, "CreateFunction", **bench.new_request(Layers=[layer]))


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_policies_ask_who_is_given_permission_and_who_loses_it(
    bench: LambdaBench, principal: str
) -> None:
    """AWS: Lambda's guide, "Fine-tuning the Resources and Conditions sections of policies"."""
    name = bench.function()
    for number, other in enumerate(PRINCIPALS):
        bench.do("AddPermission", **grant(name, f"s{number}", other))
    somebody = bench.somebody(
        policy(
            "lambda:AddPermission",
            "lambda:RemovePermission",
            StringEquals={"lambda:Principal": principal},
        )
    )

    given = {
        other: not bench.denies(somebody, "AddPermission", **grant(name, f"t{number}", other))
        for number, other in enumerate(PRINCIPALS)
    }
    taken = {
        other: not bench.denies(
            somebody, "RemovePermission", FunctionName=name, StatementId=f"s{number}"
        )
        for number, other in enumerate(PRINCIPALS)
    }

    assert given == taken == {other: other == principal for other in PRINCIPALS}


@pytest.mark.parametrize("qualifier", ["1", "live"])
def test_the_permission_that_goes_is_the_qualifier_s_own(
    bench: LambdaBench, qualifier: str
) -> None:
    name = bench.function(Publish=True)
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
    bench.do("AddPermission", **grant(name, "s", "*"))
    bench.do("AddPermission", **grant(f"{name}:{qualifier}", "s", "sns.amazonaws.com"))
    somebody = bench.somebody(
        policy("lambda:*", StringEquals={"lambda:Principal": "sns.amazonaws.com"})
    )
    removed = {"StatementId": "s"}

    assert bench.denies(somebody, "RemovePermission", FunctionName=name, **removed)
    bench.call(somebody, "RemovePermission", FunctionName=f"{name}:{qualifier}", **removed)


def test_a_function_can_be_kept_from_being_everybody_s(bench: LambdaBench) -> None:
    name = bench.function()
    somebody = bench.somebody(
        policy("lambda:*"),
        policy("lambda:*", effect="Deny", StringEquals={"lambda:Principal": "*"}),
    )

    assert bench.denies(somebody, "AddPermission", **grant(name, "s", "*"))
    assert not bench.denies(somebody, "AddPermission", **grant(name, "s", "sns.amazonaws.com"))
    assert not bench.denies(somebody, "GetPolicy", FunctionName=name)


def test_whoever_may_remove_one_permission_learns_not_which_others_there_are(
    bench: LambdaBench,
) -> None:
    name = bench.function()
    bench.do("AddPermission", **grant(name, "s", "*"))
    only_sns = {"lambda:Principal": "sns.amazonaws.com"}
    somebody = bench.somebody(policy("lambda:RemovePermission", StringEquals=only_sns))

    there = bench.fault(somebody, "RemovePermission", FunctionName=name, StatementId="s")
    absent = bench.fault(somebody, "RemovePermission", FunctionName=name, StatementId="t")

    assert there == absent
