"""Functions' tags in policies, and who may give and see them.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/attribute-based-access-control.html
"""

from collections.abc import Mapping
import secrets
from typing import Any

import pytest

from keyturn.iam.principal import Principal
from support.function_bench import zipped
from support.iam_bench import policy
from support.lambda_bench import LambdaBench
from support.statements import noting_statements

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"
OTHER_ACCOUNT = "210987654321"
ZIP = zipped({"lambda_function.py": "# other"})

#: What each operation on a function needs besides its name.
OF_A_FUNCTION: dict[str, dict[str, Any]] = {
    "AddPermission": {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"},
    "CreateAlias": {"Name": "a", "FunctionVersion": "1"},
    "DeleteAlias": {"Name": "a"},
    "DeleteFunction": {},
    "DeleteFunctionConcurrency": {},
    "DeleteFunctionEventInvokeConfig": {},
    "GetAlias": {"Name": "a"},
    "GetFunction": {},
    "GetFunctionCodeSigningConfig": {},
    "GetFunctionConcurrency": {},
    "GetFunctionConfiguration": {},
    "GetFunctionEventInvokeConfig": {},
    "GetPolicy": {},
    "Invoke": {},
    "ListAliases": {},
    "ListFunctionEventInvokeConfigs": {},
    "ListVersionsByFunction": {},
    "PublishVersion": {},
    "PutFunctionConcurrency": {"ReservedConcurrentExecutions": 1},
    "PutFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
    "RemovePermission": {"StatementId": "s"},
    "UpdateAlias": {"Name": "a"},
    "UpdateFunctionCode": {"ZipFile": ZIP},
    "UpdateFunctionConfiguration": {"Timeout": 9},
    "UpdateFunctionEventInvokeConfig": {"MaximumRetryAttempts": 1},
}
OF_TAGS: dict[str, dict[str, Any]] = {
    "ListTags": {},
    "TagResource": {"Tags": {"k": "v"}},
    "UntagResource": {"TagKeys": ["k"]},
}
#: They make a function, or are about all functions, or about layers, which have no tags.
OF_NO_FUNCTION = {
    "AddLayerVersionPermission",
    "CreateFunction",
    "DeleteLayerVersion",
    "GetAccountSettings",
    "GetLayerVersion",
    "GetLayerVersionByArn",
    "GetLayerVersionPolicy",
    "ListFunctions",
    "ListLayers",
    "ListLayerVersions",
    "PublishLayerVersion",
    "RemoveLayerVersionPermission",
}
RED, BLUE = {"aws:ResourceTag/colour": "red"}, {"aws:ResourceTag/colour": "blue"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


def foreigner(bench: LambdaBench) -> Principal:
    """Return somebody of another account who may do everything there."""
    name = f"user-{secrets.token_hex(6)}"
    return bench.principal(bench.user(name, policy("*"), account=OTHER_ACCOUNT))


def named(operation: str, function: str) -> dict[str, Any]:
    """Return the members of a request about a function."""
    if operation in OF_TAGS:
        return {"Resource": f"{FUNCTION}:{function}", **OF_TAGS[operation]}
    return {"FunctionName": function, **OF_A_FUNCTION[operation]}


def test_every_operation_that_is_served_is_looked_at_here(bench: LambdaBench) -> None:
    served = {entry.name for entry in bench.services["lambda"].operations}

    assert served == {*OF_A_FUNCTION, *OF_TAGS, *OF_NO_FUNCTION}


@pytest.mark.parametrize("operation", [*OF_A_FUNCTION, *OF_TAGS])
def test_policies_ask_about_the_tags_of_a_function(bench: LambdaBench, operation: str) -> None:
    red, blue = (bench.function(Tags={"colour": colour}) for colour in ("red", "blue"))
    plain = bench.function()
    only_red = bench.somebody(policy("lambda:*", StringEquals=RED))
    never_blue = bench.somebody(
        policy("lambda:*"), policy("lambda:*", effect="Deny", StringEquals=BLUE)
    )

    denied = {
        (who, function): bench.denies(caller, operation, **named(operation, function))
        for who, caller in (("only red", only_red), ("never blue", never_blue))
        for function in (blue, plain, red)
    }

    assert denied == {
        ("only red", blue): True,
        ("only red", plain): True,
        ("only red", red): False,
        ("never blue", blue): True,
        ("never blue", plain): False,
        ("never blue", red): False,
    }


@pytest.mark.parametrize("qualifier", ["1", "live", "$LATEST"])
@pytest.mark.parametrize("operation", ["Invoke", "GetFunctionConfiguration", "GetPolicy"])
def test_versions_and_aliases_have_the_tags_of_their_function(
    bench: LambdaBench, operation: str, qualifier: str
) -> None:
    red, blue = (
        bench.function(Tags={"colour": colour}, Publish=True) for colour in ("red", "blue")
    )
    for name in (red, blue):
        bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
    somebody = bench.somebody(policy("lambda:*", StringEquals=RED))

    assert bench.denies(somebody, operation, FunctionName=f"{blue}:{qualifier}")
    assert not bench.denies(somebody, operation, FunctionName=f"{red}:{qualifier}")


def test_a_changed_tag_decides_at_once(bench: LambdaBench) -> None:
    name = bench.function(Tags={"colour": "blue"})
    arn, somebody = f"{FUNCTION}:{name}", bench.somebody(policy("lambda:*", StringEquals=RED))

    before = bench.denies(somebody, "Invoke", FunctionName=name)
    bench.do("TagResource", Resource=arn, Tags={"colour": "red"})
    tagged = bench.denies(somebody, "Invoke", FunctionName=name)
    bench.do("UntagResource", Resource=arn, TagKeys=["colour"])

    assert (before, tagged) == (True, False)
    assert bench.denies(somebody, "Invoke", FunctionName=name)


def test_a_policy_asks_whether_a_function_has_a_tag(bench: LambdaBench) -> None:
    tagged, empty = bench.function(Tags={"colour": "blue"}), bench.function(Tags={"colour": ""})
    plain = bench.function()
    untagged_only = bench.somebody(policy("lambda:*", Null={"aws:ResourceTag/colour": "true"}))
    tagged_only = bench.somebody(policy("lambda:*", Null={"aws:ResourceTag/colour": "false"}))

    for name, is_tagged in ((tagged, True), (empty, True), (plain, False)):
        assert bench.denies(untagged_only, "Invoke", FunctionName=name) is is_tagged
        assert bench.denies(tagged_only, "Invoke", FunctionName=name) is not is_tagged


@pytest.mark.parametrize(
    "tags", [{"colour": "red", "Colour": "blue"}, {"Colour": "blue", "colour": "red"}]
)
def test_a_tag_does_not_hide_behind_another_case_of_its_key(
    bench: LambdaBench, tags: dict[str, str]
) -> None:
    name = bench.function(Tags=tags)
    only_red = bench.somebody(policy("lambda:*", StringEquals=RED))
    never_blue = bench.somebody(
        policy("lambda:*"), policy("lambda:*", effect="Deny", StringEquals=BLUE)
    )

    assert bench.denies(only_red, "Invoke", FunctionName=name)
    assert bench.denies(never_blue, "Invoke", FunctionName=name)


def test_whoever_may_not_learns_not_whether_a_function_is_there(bench: LambdaBench) -> None:
    name = bench.function(Tags={"colour": "blue"})
    somebody = bench.somebody(policy("lambda:*", StringEquals=RED))

    there = bench.fault(somebody, "GetFunction", FunctionName=name)
    absent = bench.fault(somebody, "GetFunction", FunctionName="absent")

    assert there == (absent[0], absent[1], absent[2].replace("absent", name))


def test_asking_about_tags_reads_nothing_more_for_an_invocation(bench: LambdaBench) -> None:
    plain, tagged = bench.function(), bench.function(Tags={"colour": "red"})
    statements = {}

    for name in (plain, tagged):
        with noting_statements(bench.database) as noted:
            bench.do("Invoke", FunctionName=name)
        statements[name] = [text for text, _ in noted if "FROM function" in text]

    # What the decision asks for in one, and the function that is run.
    assert statements[plain] == statements[tagged]
    assert len(statements[tagged]) == 2


@pytest.mark.parametrize(
    ("tags", "is_refused"),
    [
        ({"colour": "red"}, False),
        ({"colour": "red", "k": "v"}, False),
        ({"colour": "blue"}, True),
        ({"k": "v"}, True),
        ({}, True),
    ],
)
def test_policies_ask_about_the_tags_that_are_given(
    bench: LambdaBench, tags: dict[str, str], is_refused: bool
) -> None:
    red = {"aws:RequestTag/colour": "red"}
    function = {"Resource": f"{FUNCTION}:{bench.function()}"}
    somebody = bench.somebody(policy("lambda:*", StringEquals=red), policy("iam:PassRole"))

    made = bench.denies(somebody, "CreateFunction", **bench.new_request(Tags=tags))

    assert made is is_refused
    assert bench.denies(somebody, "TagResource", **function, Tags=tags) is is_refused
    assert bench.denies(somebody, "UntagResource", **function, TagKeys=["colour"])


@pytest.mark.parametrize("operation", ["CreateFunction", "TagResource", "UntagResource"])
def test_policies_ask_about_the_keys_in_a_request(bench: LambdaBench, operation: str) -> None:
    no_owner: dict[str, Any] = {"ForAnyValue:StringEquals": {"aws:TagKeys": "owner"}}
    somebody = bench.somebody(
        policy("lambda:*", "iam:PassRole"), policy("lambda:*", effect="Deny", **no_owner)
    )
    function = {"Resource": f"{FUNCTION}:{bench.function()}"}

    def request(*keys: str) -> Mapping[str, Any]:
        if operation == "UntagResource":
            return {**function, "TagKeys": list(keys)}
        tags = dict.fromkeys(keys, "v")
        return (
            bench.new_request(Tags=tags)
            if operation == "CreateFunction"
            else {**function, "Tags": tags}
        )

    assert bench.denies(somebody, operation, **request("owner"))
    assert bench.denies(somebody, operation, **request("k", "owner"))
    assert not bench.denies(somebody, operation, **request("k"))


def test_tags_can_be_demanded_of_every_new_function(bench: LambdaBench) -> None:
    without_team = {"aws:RequestTag/team": "true"}
    somebody = bench.somebody(
        policy("lambda:CreateFunction", "lambda:TagResource", "iam:PassRole"),
        policy("lambda:CreateFunction", effect="Deny", Null=without_team),
    )

    assert bench.denies(somebody, "CreateFunction", **bench.new_request())
    assert bench.denies(somebody, "CreateFunction", **bench.new_request(Tags={"k": "v"}))
    assert not bench.denies(somebody, "CreateFunction", **bench.new_request(Tags={"team": "data"}))


def test_aws_s_own_policy_for_new_functions_allows_those_with_the_tag_alone(
    bench: LambdaBench,
) -> None:
    """AWS: Lambda's guide, "Secure your functions by tag", step 1."""
    condition: dict[str, Any] = {
        "StringEquals": {"aws:RequestTag/project": "p", "aws:ResourceTag/project": "p"},
        "ForAllValues:StringEquals": {"aws:TagKeys": "project"},
    }
    somebody = bench.somebody(
        policy("iam:PassRole"),
        policy(
            "lambda:CreateFunction",
            "lambda:TagResource",
            resource="arn:aws:lambda:*:*:function:*",
            **condition,
        ),
    )

    bench.call(somebody, "CreateFunction", **bench.new_request(Tags={"project": "p"}))

    for tags in ({"project": "q"}, {"project": "p", "k": "v"}, {}):
        assert bench.denies(somebody, "CreateFunction", **bench.new_request(Tags=tags))


def test_whoever_makes_a_function_with_tags_must_be_allowed_to_tag_it(bench: LambdaBench) -> None:
    maker = bench.somebody(policy("lambda:CreateFunction", "iam:PassRole"))
    plain, tagged = bench.new_request(), bench.new_request(Tags={"k": "v"})
    arn = f"{FUNCTION}:{tagged['FunctionName']}"

    code, status, text = bench.fault(maker, "CreateFunction", **tagged)

    assert (code, status) == ("AccessDeniedException", 403)
    assert f"is not authorized to perform: lambda:TagResource on resource: {arn} " in text
    assert bench.refused("GetFunction", FunctionName=arn)[1] == 404
    bench.call(maker, "CreateFunction", **plain)


def test_a_function_s_tags_are_shown_to_whoever_may_list_them(bench: LambdaBench) -> None:
    name = bench.function(Tags={"colour": "red"}, Publish=True)
    arn = f"{FUNCTION}:{name}"
    lister = bench.somebody(
        policy("lambda:GetFunction"), policy("lambda:ListTags", resource=arn, StringEquals=RED)
    )

    for asked in (name, f"{name}:1"):
        found = bench.call(lister, "GetFunction", FunctionName=asked)
        assert found["Tags"] == {"colour": "red"}
        assert "TagsError" not in found


@pytest.mark.parametrize("statement", ["nothing", "another function", "a denial by tag"])
def test_whoever_may_not_list_tags_is_shown_the_rest_of_a_function(
    bench: LambdaBench, statement: str
) -> None:
    name = bench.function(Tags={"colour": "red"})
    policies = {
        "nothing": policy("lambda:GetFunction"),
        "another function": policy("lambda:ListTags", resource=f"{FUNCTION}:other"),
        "a denial by tag": policy("lambda:ListTags", effect="Deny", StringEquals=RED),
    }
    reader = bench.somebody(policy("lambda:GetFunction"), policies[statement])

    found = bench.call(reader, "GetFunction", FunctionName=name)

    assert found["Configuration"]["FunctionName"] == name
    assert "Tags" not in found
    assert found["TagsError"]["ErrorCode"] == "AccessDeniedException"
    assert f"lambda:ListTags on resource: {FUNCTION}:{name} " in found["TagsError"]["Message"]


def test_a_function_without_tags_is_described_without_the_permission(bench: LambdaBench) -> None:
    reader = bench.somebody(policy("lambda:GetFunction"))

    found = bench.call(reader, "GetFunction", FunctionName=bench.function())

    assert not {"Tags", "TagsError"} & set(found)


def test_another_account_sees_tags_only_where_the_function_lets_it(bench: LambdaBench) -> None:
    name, other = bench.function(Tags={"colour": "red"}), foreigner(bench)
    request = {"FunctionName": f"{FUNCTION}:{name}"}
    grant = {"FunctionName": name, "Principal": OTHER_ACCOUNT}
    bench.do("AddPermission", **grant, StatementId="get", Action="lambda:GetFunction")

    before = bench.call(other, "GetFunction", **request)
    bench.do("AddPermission", **grant, StatementId="list", Action="lambda:ListTags")

    assert "Tags" not in before
    assert bench.call(other, "GetFunction", **request)["Tags"] == {"colour": "red"}
