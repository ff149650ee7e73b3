"""BatchGetSecretValue, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_BatchGetSecretValue.html
"""

from collections.abc import Mapping, Sequence
import json
from typing import Any

import pytest

from support.live_api import ACCOUNT, OTHER_ACCOUNT, Answer, LiveApi, allow, deny, policy, token

pytestmark = pytest.mark.server

BATCH = "secretsmanager:BatchGetSecretValue"
READ = "secretsmanager:GetSecretValue"
LIST = "secretsmanager:ListSecrets"
ALL = {"Filters": [{"Key": "all", "Values": ["s"]}]}
EITHER = (
    400,
    "InvalidParameterException",
    "Either 'SecretIdList' or 'Filters' must be provided, but not both.",
)
MOST_WITHOUT_FILTERS = (
    400,
    "InvalidParameterException",
    "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is provided.",
)


def batch(api: LiveApi, *secret_ids: str) -> dict[str, Any]:
    """Return what comes for these secrets."""
    answer = api.post("BatchGetSecretValue", {"SecretIdList": secret_ids})
    assert answer.status == 200
    return answer.document


def texts(found: Mapping[str, Any]) -> list[str]:
    """Return the values that came, in their order."""
    return [value["SecretString"] for value in found["SecretValues"]]


def codes(found: Mapping[str, Any]) -> dict[str, str]:
    """Return by secret asked for why its value didn't come."""
    return {error["SecretId"]: error["ErrorCode"] for error in found["Errors"]}


def make(api: LiveApi, names: Sequence[str]) -> list[str]:
    """Make secrets with their names as values; return their ARNs."""
    return [api.secrets.create_secret(Name=name, SecretString=name)["ARN"] for name in names]


def get_one_by_one(api: LiveApi, *secret_ids: str) -> list[Answer]:
    return [api.post("GetSecretValue", {"SecretId": each}) for each in secret_ids]


def test_values_come_in_the_order_asked_for_as_get_secret_value_gives_them(api: LiveApi) -> None:
    make(api, ["s1", "s2", "s3"])
    api.secrets.put_secret_value(
        SecretId="s2", SecretString="new", VersionStages=["AWSCURRENT", "M"]
    )

    found = batch(api, "s3", "s1", "s2")

    one_by_one = [answer.document for answer in get_one_by_one(api, "s3", "s1", "s2")]
    assert found == {"SecretValues": one_by_one, "Errors": []}
    assert texts(found) == ["s3", "s1", "new"]


def test_secret_is_named_by_its_name_its_arn_or_a_part_of_that(api: LiveApi) -> None:
    (arn,) = make(api, ["s"])

    found = batch(api, "s", arn, arn[:-7])

    assert texts(found) == ["s", "s", "s"]
    assert {value["ARN"] for value in found["SecretValues"]} == {arn}


def test_secret_asked_for_twice_comes_once(api: LiveApi) -> None:
    make(api, ["s"])

    found = batch(api, "s", "s", "nothing", "nothing")

    assert texts(found) == ["s"]
    assert len(found["Errors"]) == 1


def test_binary_value_comes_as_binary(api: LiveApi) -> None:
    api.secrets.create_secret(Name="s", SecretBinary=b"\x00\xff")

    (value,) = api.secrets.batch_get_secret_value(SecretIdList=["s"])["SecretValues"]

    assert value["SecretBinary"] == b"\x00\xff"
    assert "SecretString" not in value


def test_current_value_comes_and_no_other(api: LiveApi) -> None:
    make(api, ["s"])
    api.secrets.put_secret_value(SecretId="s", SecretString="next", VersionStages=["AWSPENDING"])

    body = {"SecretIdList": ["s"], "VersionStage": "AWSPENDING", "VersionId": "v" * 32}

    assert texts(api.post("BatchGetSecretValue", body).document) == ["s"]


def test_what_can_not_be_read_is_told_as_get_secret_value_tells_it(api: LiveApi) -> None:
    make(api, ["good", "hidden", "deleted"])
    api.secrets.create_secret(Name="empty")
    api.secrets.create_secret(Name="pending")
    api.secrets.put_secret_value(
        SecretId="pending", SecretString="x", VersionStages=["AWSPENDING"]
    )
    api.secrets.delete_secret(SecretId="deleted")
    hidden = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:hidden-??????"
    user = api.user(policy(allow([BATCH, READ]), deny(READ, hidden)))
    absent = f"arn:aws:secretsmanager:{api.region}:{ACCOUNT}:secret:absent-a1B2c3"
    elsewhere = f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:absent-a1B2c3"
    theirs = f"arn:aws:secretsmanager:{api.region}:{OTHER_ACCOUNT}:secret:absent-a1B2c3"
    bad = ["nothing", "deleted", "hidden", "empty", "pending", absent, elsewhere, theirs]

    found = batch(user, "nothing", "good", *bad[1:])

    refusals = [answer.refusal for answer in get_one_by_one(user, *bad)]
    assert texts(found) == ["good"]
    assert found["Errors"] == [
        {"SecretId": secret_id, "ErrorCode": code, "Message": text}
        for secret_id, (_, code, text) in zip(bad, refusals, strict=True)
    ]
    assert codes(found) == {
        "nothing": "ResourceNotFoundException",
        "deleted": "InvalidRequestException",
        "hidden": "AccessDeniedException",
        "empty": "ResourceNotFoundException",
        "pending": "ResourceNotFoundException",
        absent: "ResourceNotFoundException",
        elsewhere: "ResourceNotFoundException",
        theirs: "AccessDeniedException",
    }


def test_no_error_holds_a_value(api: LiveApi) -> None:
    for name in ("hidden", "deleted"):
        api.secrets.create_secret(Name=name, SecretString="hunter2")
    api.secrets.create_secret(Name="pending")
    api.secrets.put_secret_value(
        SecretId="pending", SecretString="hunter2", VersionStages=["AWSPENDING"]
    )
    api.secrets.delete_secret(SecretId="deleted")
    hidden = f"arn:aws:secretsmanager:*:{ACCOUNT}:secret:hidden-??????"
    user = api.user(policy(allow([BATCH, READ]), deny(READ, hidden)))

    answer = user.post("BatchGetSecretValue", {"SecretIdList": ["hidden", "deleted", "pending"]})

    assert len(answer.document["Errors"]) == 3
    assert b"hunter2" not in answer.body


def test_name_that_no_secret_can_have_refuses_the_whole_batch(api: LiveApi) -> None:
    make(api, ["s"])

    answer = api.post("BatchGetSecretValue", {"SecretIdList": ["s", "no name"]})

    status, code, text = answer.refusal
    assert (status, code) == (400, "ValidationException")
    assert text.startswith("Invalid name.")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, EITHER),
        ({"Filters": []}, EITHER),
        ({"MaxResults": 5}, EITHER),
        ({"NextToken": "x"}, EITHER),
        ({"SecretIdList": ["s"], **ALL}, EITHER),
        ({"SecretIdList": ["s"], "MaxResults": 5}, MOST_WITHOUT_FILTERS),
        ({"SecretIdList": ["s"], "NextToken": "x"}, MOST_WITHOUT_FILTERS),
    ],
    ids=str,
)
def test_neither_both_or_a_page_of_a_list_are_refused(
    api: LiveApi, body: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    make(api, ["s"])

    assert api.post("BatchGetSecretValue", body).refusal == expected


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"SecretIdList": []}, "'secretIdList'"),
        ({"SecretIdList": [f"s{number}" for number in range(21)]}, "'secretIdList'"),
        ({"SecretIdList": [""]}, "'secretIdList'"),
        ({"SecretIdList": ["s" * 2049]}, "'secretIdList'"),
        ({**ALL, "MaxResults": 0}, "'maxResults'"),
        ({**ALL, "MaxResults": 21}, "'maxResults'"),
        ({**ALL, "NextToken": ""}, "'nextToken'"),
        ({"Filters": ALL["Filters"] * 11}, "'filters'"),
        ({"Filters": [{"Key": "kms-key-id", "Values": ["s"]}]}, "'filters.1.member.key'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_members_out_of_their_limits_are_refused(
    api: LiveApi, body: dict[str, Any], path: str
) -> None:
    status, code, text = api.post("BatchGetSecretValue", body).refusal

    assert (status, code) == (400, "ValidationException")
    assert f"at {path} failed to satisfy constraint" in text


def test_20_secrets_come_at_once(api: LiveApi) -> None:
    names = [f"s{number:02}" for number in range(20)]
    make(api, names)

    assert texts(batch(api, *reversed(names))) == names[::-1]


def pages(api: LiveApi, **body: object) -> list[dict[str, Any]]:
    """Return every page that filters find."""
    found: list[dict[str, Any]] = []
    token_of_next: dict[str, str] = {}
    while not found or token_of_next:
        answer = api.post("BatchGetSecretValue", {**ALL, **body, **token_of_next})
        assert answer.status == 200
        found.append(answer.document)
        token_of_next = {
            name: text for name, text in answer.document.items() if name == "NextToken"
        }
    return found


@pytest.mark.parametrize(
    ("most", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (20, [5])]
)
def test_filters_find_values_page_by_page(api: LiveApi, most: int, sizes: list[int]) -> None:
    names = [f"s{number}" for number in range(5)]
    make(api, names)
    make(api, ["t"])

    found = pages(api, Filters=[{"Key": "name", "Values": ["s"]}], MaxResults=most)

    assert [len(page["SecretValues"]) for page in found] == sizes
    assert [text for page in found for text in texts(page)] == names
    assert all(page["Errors"] == [] for page in found)


def test_page_has_20_values_unless_told_otherwise(api: LiveApi) -> None:
    names = [f"s{number:02}" for number in range(21)]
    make(api, names)

    found = pages(api)

    assert [len(page["SecretValues"]) for page in found] == [20, 1]


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("name", ["pre"], ["prefix/a"]),
        ("name", ["!pre"], ["b"]),
        ("description", ["second"], ["b"]),
        ("tag-key", ["team"], ["prefix/a"]),
        ("tag-value", ["red"], ["prefix/a"]),
        ("name", ["none"], []),
    ],
)
def test_filters_are_those_of_list_secrets(
    api: LiveApi, key: str, values: list[str], expected: list[str]
) -> None:
    api.secrets.create_secret(
        Name="prefix/a", SecretString="prefix/a", Tags=[{"Key": "team", "Value": "red"}]
    )
    api.secrets.create_secret(Name="b", SecretString="b", Description="the second")

    (found,) = pages(api, Filters=[{"Key": key, "Values": values}])

    assert texts(found) == expected


def test_filters_find_no_deleted_secret_and_tell_of_an_empty_one(api: LiveApi) -> None:
    make(api, ["s1", "s2"])
    empty = api.secrets.create_secret(Name="s3")["ARN"]
    api.secrets.delete_secret(SecretId="s1")

    (found,) = pages(api)

    assert texts(found) == ["s2"]
    assert codes(found) == {empty: "ResourceNotFoundException"}


def test_next_token_is_good_for_the_same_filters_alone(api: LiveApi) -> None:
    make(api, ["s1", "s2"])
    by_name = {"Filters": [{"Key": "name", "Values": ["s"]}], "MaxResults": 1}
    given = api.post("BatchGetSecretValue", by_name).document["NextToken"]
    listed = api.post("ListSecrets", by_name).document["NextToken"]

    refusals = [
        api.post("BatchGetSecretValue", {**by_name, **body}).refusal
        for body in ({"NextToken": given, **ALL}, {"NextToken": listed}, {"NextToken": "x"})
    ]

    assert [code for _, code, _ in refusals] == ["InvalidNextTokenException"] * 3


def test_reading_in_a_batch_is_noted_as_any_reading_is(api: LiveApi) -> None:
    make(api, ["read", "found", "unread"])

    batch(api, "read", "nothing")
    pages(api, Filters=[{"Key": "name", "Values": ["found"]}])

    described = [
        api.post("DescribeSecret", {"SecretId": name}).document
        for name in ("read", "found", "unread")
    ]
    assert [each.get("LastAccessedDate", 1) % 86_400 for each in described] == [0, 0, 1]


def test_denied_secret_is_not_noted_as_read(api: LiveApi) -> None:
    make(api, ["s"])
    user = api.user(policy(allow(BATCH)))

    batch(user, "s")

    assert "LastAccessedDate" not in api.secrets.describe_secret(SecretId="s")


@pytest.mark.parametrize("body", [{"SecretIdList": ["s"]}, ALL], ids=["list", "filters"])
def test_nobody_reads_a_batch_without_that_permission(api: LiveApi, body: dict[str, Any]) -> None:
    (arn,) = make(api, ["s"])
    users = [
        api.user(policy({"Effect": "Allow", "NotAction": BATCH, "Resource": "*"})),
        api.user(policy(allow([BATCH, READ, LIST], arn))),
    ]

    for user in users:
        status, code, text = user.post("BatchGetSecretValue", body).refusal

        assert (status, code) == (400, "AccessDeniedException")
        assert text.endswith(
            f"perform: {BATCH} because no identity-based policy allows the {BATCH} action"
        )


def test_nobody_reads_a_secret_in_a_batch_who_may_not_read_it_alone(api: LiveApi) -> None:
    arns = make(api, ["s1", "s2"])
    user = api.user(policy(allow([BATCH, LIST]), allow(READ, arns[0])))

    listed = batch(user, "s1", "s2")
    (found,) = pages(user)

    denied = {"s2": "AccessDeniedException"}
    assert (texts(listed), codes(listed)) == (["s1"], denied)
    assert (texts(found), codes(found)) == (["s1"], {arns[1]: "AccessDeniedException"})


def test_nobody_uses_filters_who_may_not_list_secrets(api: LiveApi) -> None:
    make(api, ["s"])
    user = api.user(policy(allow([BATCH, READ])))

    status, code, text = user.post("BatchGetSecretValue", ALL).refusal

    assert (status, code) == (400, "AccessDeniedException")
    assert text.endswith(f"because no identity-based policy allows the {LIST} action")
    assert texts(batch(user, "s")) == ["s"]


def test_policy_on_a_secret_decides_in_a_batch_too(api: LiveApi) -> None:
    make(api, ["open", "closed"])
    user = api.user(policy(allow([BATCH, READ])))
    reader = api.user(policy(allow(BATCH)))
    named = {"AWS": reader.sts.get_caller_identity()["Arn"]}
    for name, statement in (
        ("open", {**allow(READ), "Principal": named}),
        ("closed", {**deny(READ), "Principal": "*"}),
    ):
        api.secrets.put_resource_policy(
            SecretId=name, ResourcePolicy=json.dumps(policy(statement))
        )

    assert codes(batch(user, "open", "closed")) == {"closed": "AccessDeniedException"}
    assert texts(batch(reader, "open", "closed")) == ["open"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"aws:ResourceTag/team": "red"}}, ["red"]),
        ({"StringEquals": {"secretsmanager:ResourceTag/team": "blue"}}, ["blue"]),
        ({"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}, []),
        ({"StringEqualsIfExists": {"secretsmanager:VersionStage": "OTHER"}}, ["red", "blue"]),
    ],
)
def test_conditions_decide_for_each_secret_of_a_batch(
    api: LiveApi, condition: dict[str, Any], expected: list[str]
) -> None:
    for name in ("red", "blue"):
        api.secrets.create_secret(
            Name=name, SecretString=name, Tags=[{"Key": "team", "Value": name}]
        )
    user = api.user(policy(allow(BATCH), {**allow(READ), "Condition": condition}))

    assert texts(batch(user, "red", "blue")) == expected


def test_batch_reaches_another_account_s_secrets_that_both_sides_allow(
    api: LiveApi, other: LiveApi
) -> None:
    arns = {
        name: api.secrets.create_secret(Name=name, SecretString=name, KmsKeyId=key)["ARN"]
        for name, key in (("shared", "alias/mine"), ("default", ""), ("own", "alias/mine"))
    }
    letting_in = {**allow(READ), "Principal": {"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}}
    for name in ("shared", "default"):
        api.secrets.put_resource_policy(
            SecretId=name, ResourcePolicy=json.dumps(policy(letting_in))
        )

    found = batch(other, *arns.values(), "shared")

    assert texts(found) == ["shared"]
    assert codes(found) == {
        arns["default"]: "InvalidRequestException",
        arns["own"]: "AccessDeniedException",
        "shared": "ResourceNotFoundException",
    }


def test_filters_find_the_caller_s_own_secrets_alone(api: LiveApi, other: LiveApi) -> None:
    make(api, ["s"])
    make(other, ["s-theirs"])

    assert [texts(page) for page in pages(other)] == [["s-theirs"]]


def test_new_value_comes_at_once(api: LiveApi) -> None:
    make(api, ["s"])
    read: list[str] = []

    for number in range(6):
        body = {"SecretId": "s", "SecretString": str(number), "ClientRequestToken": token()}
        api.post("PutSecretValue", body)
        read += texts(batch(api, "s"))

    assert read == [str(number) for number in range(6)]
