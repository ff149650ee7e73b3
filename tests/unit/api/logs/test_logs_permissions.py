"""Who may do what to which group and stream, and on what conditions."""

import json

import pytest

from keyturn.iam import managed_policies
from support.iam_bench import policy
from support.logs_bench import GROUP, GROUP_ARN, STREAM, LogsBench

DENIED = "AccessDeniedException"
PLACE = {"logGroupName": GROUP, "logStreamName": STREAM}
OTHER = {"logGroupName": "/aws/lambda/other"}
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"

OF_A_GROUP: dict[str, dict[str, object]] = {
    "DeleteRetentionPolicy": {},
    "DescribeLogStreams": {},
    "DescribeMetricFilters": {},
    "DescribeSubscriptionFilters": {},
    "FilterLogEvents": {},
    "ListTagsLogGroup": {},
    "PutRetentionPolicy": {"retentionInDays": 1},
    "TagLogGroup": {"tags": {"a": "b"}},
    "UntagLogGroup": {"tags": ["a"]},
}
OF_A_STREAM: dict[str, dict[str, object]] = {
    "GetLogEvents": {},
    "PutLogEvents": {"logEvents": [{"timestamp": 1_767_323_045_000, "message": "a"}]},
    "DeleteLogStream": {},
    "CreateLogStream": {},
}
OF_TAGS: dict[str, dict[str, object]] = {
    "ListTagsForResource": {},
    "TagResource": {"tags": {"a": "b"}},
    "UntagResource": {"tagKeys": ["a"]},
}


@pytest.mark.parametrize("operation", OF_A_GROUP)
def test_a_policy_names_a_group_by_its_arn_with_an_asterisk(
    bench: LogsBench, operation: str
) -> None:
    bench.log("a")
    bench.log("b", group=OTHER["logGroupName"])
    somebody = bench.somebody(policy(f"logs:{operation}", resource=f"{GROUP_ARN}:*"))

    bench.call(somebody, operation, logGroupName=GROUP, **OF_A_GROUP[operation])

    assert bench.fault(somebody, operation, **OTHER, **OF_A_GROUP[operation])[0] == DENIED


@pytest.mark.parametrize("operation", OF_A_STREAM)
def test_a_policy_names_a_stream_by_its_arn(bench: LogsBench, operation: str) -> None:
    bench.log("a", stream="other")
    params = OF_A_STREAM[operation]
    if operation != "CreateLogStream":
        bench.log("a")
    arn = f"{GROUP_ARN}:log-stream:{STREAM}"
    somebody = bench.somebody(policy(f"logs:{operation}", resource=arn))

    bench.call(somebody, operation, **PLACE, **params)

    other = {**PLACE, "logStreamName": "other"}
    assert bench.fault(somebody, operation, **other, **params)[0] == DENIED


@pytest.mark.parametrize("operation", OF_TAGS)
def test_a_policy_about_tags_names_a_group_by_its_arn_alone(
    bench: LogsBench, operation: str
) -> None:
    bench.log("a")
    by_arn = bench.somebody(policy(f"logs:{operation}", resource=GROUP_ARN))
    with_asterisk = bench.somebody(policy(f"logs:{operation}", resource=f"{GROUP_ARN}:*"))
    params = {"resourceArn": GROUP_ARN, **OF_TAGS[operation]}

    bench.call(by_arn, operation, **params)

    assert bench.fault(with_asterisk, operation, **params)[0] == DENIED


def test_listing_groups_is_about_none(bench: LogsBench) -> None:
    of_groups = bench.somebody(policy("logs:DescribeLogGroups", resource=f"{GROUP_ARN}:*"))
    arn = "arn:aws:logs:us-east-1:123456789012:log-group::log-stream:*"
    of_none = bench.somebody(policy("logs:DescribeLogGroups", resource=arn))

    assert bench.call(of_none, "DescribeLogGroups") == {"logGroups": []}
    assert bench.fault(of_groups, "DescribeLogGroups")[0] == DENIED


def test_a_refusal_names_the_group_as_aws_does(bench: LogsBench) -> None:
    nobody = bench.somebody()

    code, _, text = bench.fault(nobody, "FilterLogEvents", logGroupName=GROUP)

    assert code == DENIED
    assert f"logs:FilterLogEvents on resource: {GROUP_ARN}:log-stream: because" in text


def test_whoever_may_nothing_learns_not_whether_a_group_exists(bench: LogsBench) -> None:
    bench.log("a")
    nobody = bench.somebody()

    for operation, params in {**OF_A_GROUP, "DeleteLogGroup": {}, "CreateLogGroup": {}}.items():
        there = bench.fault(nobody, operation, logGroupName=GROUP, **params)
        missing = bench.fault(nobody, operation, logGroupName=GROUP + "x", **params)
        assert there[0] == missing[0] == DENIED


def test_a_role_with_aws_s_policy_for_functions_writes_and_does_not_read(
    bench: LogsBench,
) -> None:
    managed = managed_policies.find(BASIC_EXECUTION)
    assert managed is not None
    function = bench.somebody(managed.document)

    bench.call(function, "CreateLogGroup", logGroupName=GROUP)
    bench.call(function, "CreateLogStream", **PLACE)
    bench.call(function, "PutLogEvents", **PLACE, **OF_A_STREAM["PutLogEvents"])

    assert bench.fault(function, "GetLogEvents", **PLACE)[0] == DENIED
    assert bench.fault(function, "FilterLogEvents", logGroupName=GROUP)[0] == DENIED
    assert bench.fault(function, "DeleteLogGroup", logGroupName=GROUP)[0] == DENIED


@pytest.mark.parametrize("tagging", ["logs:TagResource", "logs:TagLogGroup"])
def test_a_group_with_tags_is_made_by_who_may_tag(bench: LogsBench, tagging: str) -> None:
    maker = bench.somebody(policy("logs:CreateLogGroup"))
    tagger = bench.somebody(policy("logs:CreateLogGroup", tagging))
    new = {"logGroupName": GROUP, "tags": {"a": "b"}}

    assert bench.fault(maker, "CreateLogGroup", **new)[0] == DENIED
    assert bench.do("DescribeLogGroups")["logGroups"] == []
    bench.call(tagger, "CreateLogGroup", **new)


def test_policies_ask_about_the_tags_of_a_group(bench: LogsBench) -> None:
    red, blue = {"aws:ResourceTag/colour": "red"}, {"aws:ResourceTag/colour": "blue"}
    bench.do("CreateLogGroup", logGroupName=GROUP, tags={"colour": "blue"})
    bench.log("a")
    of_red = bench.somebody(policy("logs:*", StringEquals=red))
    not_of_blue = bench.somebody(
        policy("logs:*"), policy("logs:*", effect="Deny", StringEquals=blue)
    )

    for operation, params in OF_A_GROUP.items():
        for somebody in (of_red, not_of_blue):
            assert bench.fault(somebody, operation, logGroupName=GROUP, **params)[0] == DENIED
    assert bench.fault(not_of_blue, "GetLogEvents", **PLACE)[0] == DENIED
    assert bench.fault(not_of_blue, "ListTagsForResource", resourceArn=GROUP_ARN)[0] == DENIED
    bench.do("TagLogGroup", logGroupName=GROUP, tags={"colour": "red"})
    for somebody in (of_red, not_of_blue):
        bench.call(somebody, "FilterLogEvents", logGroupName=GROUP)


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("TagResource", {"resourceArn": GROUP_ARN, "tags": {"owner": "a"}}),
        ("UntagResource", {"resourceArn": GROUP_ARN, "tagKeys": ["owner"]}),
        ("TagLogGroup", {"logGroupName": GROUP, "tags": {"owner": "a"}}),
        ("UntagLogGroup", {"logGroupName": GROUP, "tags": ["owner"]}),
        ("CreateLogGroup", {"logGroupName": "new", "tags": {"owner": "a"}}),
    ],
)
def test_policies_ask_about_the_tags_of_a_request(
    bench: LogsBench, operation: str, params: dict[str, object]
) -> None:
    bench.log("a")
    not_owner = json.loads(policy("logs:*", effect="Deny"))
    not_owner["Statement"][0]["Condition"] = {"ForAnyValue:StringEquals": {"aws:TagKeys": "owner"}}
    somebody = bench.somebody(policy("logs:*"), json.dumps(not_owner))

    assert bench.fault(somebody, operation, **params)[0] == DENIED
