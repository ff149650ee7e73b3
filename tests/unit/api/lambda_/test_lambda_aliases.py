import json
from typing import Any

import pytest

from support.lambda_bench import LambdaBench

PARAMETER = "InvalidParameterValueException"
ALREADY_INCLUDED = (
    "Invalid function version 1. Function version 1 is already included in routing configuration."
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("lambda"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


@pytest.fixture
def name(bench: LambdaBench) -> str:
    """A function with the versions 1, 2 and 3."""
    name = bench.function()
    bench.published(name, "1", "2", "3")
    return name


def arn(name: str, qualifier: str) -> str:
    return f"arn:aws:lambda:us-east-1:123456789012:function:{name}:{qualifier}"


def weights(**shares: float) -> dict[str, Any]:
    """Return a RoutingConfig; ``v2=0.5`` is half for version 2."""
    return {"AdditionalVersionWeights": {key.lstrip("v"): share for key, share in shares.items()}}


def test_an_alias_is_described_as_it_was_made(bench: LambdaBench, name: str) -> None:
    made = bench.do(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        Description="what runs",
        RoutingConfig=weights(v2=0.25),
    )

    assert bench.do("GetAlias", FunctionName=name, Name="live") == made
    assert {key: item for key, item in made.items() if key != "RevisionId"} == {
        "AliasArn": arn(name, "live"),
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "what runs",
        "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}},
    }


def test_an_alias_shows_the_version_that_it_leads_to(bench: LambdaBench, name: str) -> None:
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="2")

    found = bench.do("GetFunction", FunctionName=name, Qualifier="live")["Configuration"]

    assert (found["Version"], found["FunctionArn"]) == ("2", arn(name, "live"))


def test_an_alias_may_lead_to_the_changeable_version(bench: LambdaBench, name: str) -> None:
    made = bench.do("CreateAlias", FunctionName=name, Name="next", FunctionVersion="$LATEST")

    assert made["FunctionVersion"] == "$LATEST"
    assert "RoutingConfig" not in made


def test_a_change_keeps_what_it_does_not_name(bench: LambdaBench, name: str) -> None:
    made = bench.do(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        Description="d",
        RoutingConfig=weights(v2=0.5),
    )

    changed = bench.do("UpdateAlias", FunctionName=name, Name="live", FunctionVersion="3")

    assert changed == {
        **made,
        "FunctionVersion": "3",
        "RevisionId": changed["RevisionId"],
    }
    assert changed["RevisionId"] != made["RevisionId"]


def test_no_shares_takes_them_away(bench: LambdaBench, name: str) -> None:
    bench.do(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig=weights(v2=0.5),
    )

    changed = bench.do("UpdateAlias", FunctionName=name, Name="live", RoutingConfig=weights())

    assert "RoutingConfig" not in changed


def test_a_name_that_is_taken_is_a_conflict(bench: LambdaBench, name: str) -> None:
    request = {"FunctionName": name, "Name": "live", "FunctionVersion": "1"}
    bench.do("CreateAlias", **request)

    assert bench.refused("CreateAlias", **request) == (
        "ResourceConflictException",
        409,
        f"Alias already exists: {arn(name, 'live')}",
    )


def test_an_older_revision_changes_nothing(bench: LambdaBench, name: str) -> None:
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")

    code, status, _ = bench.refused(
        "UpdateAlias", FunctionName=name, Name="live", FunctionVersion="2", RevisionId="older"
    )

    assert (code, status) == ("PreconditionFailedException", 412)
    assert bench.do("GetAlias", FunctionName=name, Name="live")["FunctionVersion"] == "1"


@pytest.mark.parametrize("operation", ["GetAlias", "UpdateAlias"])
def test_an_alias_that_does_not_exist_is_not_found(
    bench: LambdaBench, name: str, operation: str
) -> None:
    assert bench.refused(operation, FunctionName=name, Name="absent") == (
        "ResourceNotFoundException",
        404,
        f"Cannot find alias arn: {arn(name, 'absent')}",
    )


@pytest.mark.parametrize(
    ("version", "config"),
    [
        ("7", weights()),
        ("1", weights(v7=0.5)),
        ("9" * 20, weights()),
        ("01", weights()),
        ("1", weights(v02=0.5)),
        ("1", weights(v01=0.5)),
    ],
)
def test_a_version_that_does_not_exist_has_no_alias(
    bench: LambdaBench, name: str, version: str, config: dict[str, Any]
) -> None:
    code, status, text = bench.refused(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion=version,
        RoutingConfig=config,
    )

    assert (code, status) == ("ResourceNotFoundException", 404)
    assert text.startswith(f"Function not found: {arn(name, '')}")


@pytest.mark.parametrize(
    ("version", "config", "text"),
    [
        (
            "1",
            weights(v2=0.1, v3=0.1),
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        (
            "$LATEST",
            weights(v2=0.1),
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            "1",
            weights(v1=0.1),
            ALREADY_INCLUDED,
        ),
    ],
)
def test_shares_that_can_not_be_are_refused(
    bench: LambdaBench, name: str, version: str, config: dict[str, Any], text: str
) -> None:
    refused = bench.refused(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion=version,
        RoutingConfig=config,
    )

    assert refused == (PARAMETER, 400, text)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_is_from_0_to_1(bench: LambdaBench, name: str, share: float) -> None:
    _, status, _ = bench.refused(
        "CreateAlias",
        FunctionName=name,
        Name="live",
        FunctionVersion="1",
        RoutingConfig=weights(v2=share),
    )

    assert status == 400


def test_a_number_is_no_name_for_an_alias(bench: LambdaBench, name: str) -> None:
    request = {"FunctionName": name, "Name": "12", "FunctionVersion": "1"}

    assert bench.refused("CreateAlias", **request)[1] == 400


def test_aliases_are_listed_by_name_a_page_at_a_time(bench: LambdaBench, name: str) -> None:
    for alias in ("b", "c", "a"):
        bench.do("CreateAlias", FunctionName=name, Name=alias, FunctionVersion="1")

    first = bench.do("ListAliases", FunctionName=name, MaxItems=2)
    second = bench.do("ListAliases", FunctionName=name, MaxItems=2, Marker=first["NextMarker"])

    assert [alias["Name"] for alias in first["Aliases"]] == ["a", "b"]
    assert [alias["Name"] for alias in second["Aliases"]] == ["c"]
    assert "NextMarker" not in second


def test_aliases_of_one_version_are_listed_when_that_is_asked(
    bench: LambdaBench, name: str
) -> None:
    for alias, version in (("a", "1"), ("b", "2")):
        bench.do("CreateAlias", FunctionName=name, Name=alias, FunctionVersion=version)

    listed = bench.do("ListAliases", FunctionName=name, FunctionVersion="2")["Aliases"]

    assert [alias["Name"] for alias in listed] == ["b"]


def test_a_deleted_alias_is_gone_with_its_policy(bench: LambdaBench, name: str) -> None:
    request = {"FunctionName": name, "Name": "live", "FunctionVersion": "1"}
    bench.do("CreateAlias", **request)
    bench.do(
        "AddPermission",
        FunctionName=name,
        Qualifier="live",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="secretsmanager.amazonaws.com",
    )

    bench.do("DeleteAlias", FunctionName=name, Name="live")
    bench.do("DeleteAlias", FunctionName=name, Name="live")
    bench.do("CreateAlias", **request)

    refused = bench.refused("GetPolicy", FunctionName=name, Qualifier="live")
    assert refused[0] == "ResourceNotFoundException"


def test_a_qualifier_has_a_policy_of_its_own(bench: LambdaBench, name: str) -> None:
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
    for qualifier in ("live", "1"):
        added = bench.do(
            "AddPermission",
            FunctionName=name,
            Qualifier=qualifier,
            StatementId="s",
            Action="lambda:InvokeFunction",
            Principal="secretsmanager.amazonaws.com",
        )
        assert json.loads(added["Statement"])["Resource"] == arn(name, qualifier)

    found = bench.do("GetPolicy", FunctionName=name, Qualifier="live")

    (statement,) = json.loads(found["Policy"])["Statement"]
    alias = bench.do("GetAlias", FunctionName=name, Name="live")
    assert statement["Resource"] == arn(name, "live")
    assert found["RevisionId"] == alias["RevisionId"]
    assert bench.refused("GetPolicy", FunctionName=name)[1] == 404


@pytest.mark.parametrize("qualifier", ["live", "1"])
def test_a_qualifier_s_policy_changes_under_its_own_revision(
    bench: LambdaBench, name: str, qualifier: str
) -> None:
    bench.do("CreateAlias", FunctionName=name, Name="live", FunctionVersion="1")
    statement = {
        "FunctionName": name,
        "Qualifier": qualifier,
        "Action": "lambda:InvokeFunction",
        "Principal": "events.amazonaws.com",
    }
    bench.do("AddPermission", StatementId="first", **statement)
    revision = bench.do("GetPolicy", FunctionName=name, Qualifier=qualifier)["RevisionId"]

    bench.do("AddPermission", StatementId="second", RevisionId=revision, **statement)
    refused = bench.refused("AddPermission", StatementId="3", RevisionId=revision, **statement)

    assert refused[:2] == ("PreconditionFailedException", 412)


@pytest.mark.parametrize(
    ("qualifier", "text"), [("absent", "Cannot find alias arn"), ("9", "Function not found")]
)
def test_a_qualifier_that_does_not_exist_has_no_policy(
    bench: LambdaBench, name: str, qualifier: str, text: str
) -> None:
    refused = bench.refused(
        "AddPermission",
        FunctionName=name,
        Qualifier=qualifier,
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="*",
    )

    assert refused == ("ResourceNotFoundException", 404, f"{text}: {arn(name, qualifier)}")


def test_a_qualifier_s_policy_lets_somebody_invoke_that_alone(
    bench: LambdaBench, name: str
) -> None:
    caller = bench.somebody()
    bench.do(
        "AddPermission",
        FunctionName=name,
        Qualifier="1",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal=caller.arn,
    )

    assert bench.call(caller, "Invoke", FunctionName=name, Qualifier="1")["StatusCode"] == 200
    for other in ({}, {"Qualifier": "2"}):
        assert bench.fault(caller, "Invoke", FunctionName=name, **other)[1] == 403


def test_a_permission_on_the_function_is_none_on_its_versions(
    bench: LambdaBench, name: str
) -> None:
    caller = bench.somebody()
    bench.do(
        "AddPermission",
        FunctionName=name,
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal=caller.arn,
    )

    for latest in ({}, {"Qualifier": "$LATEST"}):
        assert bench.call(caller, "Invoke", FunctionName=name, **latest)["StatusCode"] == 200
    assert bench.fault(caller, "Invoke", FunctionName=name, Qualifier="1")[1] == 403
