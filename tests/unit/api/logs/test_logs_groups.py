"""Log groups: made, listed, kept for a while, and deleted."""

import re

import pytest

from keyturn.api.logs.groups import GROUPS_PAGE_MAX, RETENTION_DAYS
from keyturn.model.clock import to_epoch_ms
from keyturn.store.logs import EVENT_OVERHEAD_BYTES
from support.iam_bench import ACCOUNT
from support.logs_bench import GROUP, GROUP_ARN, REGION, LogsBench

NO_GROUP = ("ResourceNotFoundException", 400, "The specified log group does not exist.")
INVALID = "InvalidParameterException"


def names(bench: LogsBench, **params: object) -> list[str]:
    """The names of the listed groups."""
    groups = bench.do("DescribeLogGroups", **params)["logGroups"]
    return [group["logGroupName"] for group in groups]


def test_a_group_is_described_as_aws_does(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    [group] = bench.do("DescribeLogGroups")["logGroups"]

    assert group == {
        "logGroupName": GROUP,
        "creationTime": to_epoch_ms(bench.clock.now()),
        "metricFilterCount": 0,
        "arn": f"{GROUP_ARN}:*",
        "logGroupArn": GROUP_ARN,
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    }


def test_a_group_that_exists_is_not_made_again(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    refused = bench.refused("CreateLogGroup", logGroupName=GROUP)

    text = "The specified log group already exists"
    assert refused == ("ResourceAlreadyExistsException", 400, text)


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"logGroupName": "Aws/mine"}, "starting with AWS/ are reserved for AWS."),
        ({"kmsKeyId": "arn:aws:kms:us-east-1:123456789012:key/k"}, "leave kmsKeyId out"),
        ({"logGroupClass": "DELIVERY"}, "of the class STANDARD only"),
        ({"deletionProtectionEnabled": True}, "doesn't protect log groups"),
        ({"tags": {"AWS:x": "1"}}, "aws: prefixed tag key names"),
    ],
)
def test_group_that_can_not_be_as_asked_for_is_not_made(
    bench: LogsBench, params: dict[str, object], text: str
) -> None:
    code, _, message = bench.refused("CreateLogGroup", **{"logGroupName": GROUP, **params})

    assert (code, text in message) == (INVALID, True)
    assert names(bench) == []


def test_group_that_says_what_every_group_is_is_made(bench: LogsBench) -> None:
    bench.do(
        "CreateLogGroup",
        logGroupName=GROUP,
        logGroupClass="STANDARD",
        deletionProtectionEnabled=False,
    )

    assert names(bench, logGroupClass="STANDARD") == [GROUP]
    assert names(bench, logGroupClass="INFREQUENT_ACCESS") == []


def test_groups_are_listed_by_prefix_a_page_at_a_time(bench: LogsBench) -> None:
    for name in ("/aws/lambda/b", "/aws/lambda/a", "/aws/lambda/B", "/other"):
        bench.do("CreateLogGroup", logGroupName=name)
    wanted = {"logGroupNamePrefix": "/aws/lambda/", "limit": 2}

    token = bench.do("DescribeLogGroups", **wanted)["nextToken"]
    second = bench.do("DescribeLogGroups", nextToken=token, **wanted)

    assert names(bench, **wanted) == ["/aws/lambda/B", "/aws/lambda/a"]
    assert [group["logGroupName"] for group in second["logGroups"]] == ["/aws/lambda/b"]
    assert "nextToken" not in second
    assert names(bench, logGroupNamePrefix="/aws/lambda/b") == ["/aws/lambda/b"]


def test_a_page_has_fifty_groups_unless_fewer_are_asked_for(bench: LogsBench) -> None:
    for number in range(GROUPS_PAGE_MAX + 1):
        bench.do("CreateLogGroup", logGroupName=f"group-{number:03}")

    assert len(names(bench)) == GROUPS_PAGE_MAX
    assert bench.refused("DescribeLogGroups", limit=GROUPS_PAGE_MAX + 1)[0] == INVALID


def test_groups_are_listed_by_a_text_within_their_names_in_outline(bench: LogsBench) -> None:
    for name in ("DataLogs", "x/DataLogs/y", "datalogs"):
        bench.do("CreateLogGroup", logGroupName=name)

    groups = bench.do("DescribeLogGroups", logGroupNamePattern="DataLogs")["logGroups"]

    assert [group["logGroupName"] for group in groups] == ["DataLogs", "x/DataLogs/y"]
    assert set(groups[0]) == {"logGroupName", "creationTime", "arn"}


def test_groups_are_listed_by_their_names_or_arns(bench: LogsBench) -> None:
    for name in (GROUP, "a", "b"):
        bench.do("CreateLogGroup", logGroupName=name)

    assert names(bench, logGroupIdentifiers=[GROUP_ARN, "b", "c"]) == [GROUP, "b"]


@pytest.mark.parametrize(
    "params",
    [
        {"logGroupNamePrefix": "a", "logGroupNamePattern": "a"},
        {"logGroupIdentifiers": ["a"], "logGroupNamePrefix": "a"},
    ],
)
def test_filters_of_groups_that_exclude_each_other_are_refused(
    bench: LogsBench, params: dict[str, object]
) -> None:
    code, _, text = bench.refused("DescribeLogGroups", **params)

    assert (code, text.endswith("can't both be given.")) == (INVALID, True)


def test_stored_bytes_are_those_of_the_texts_and_26_for_each_event(bench: LogsBench) -> None:
    bench.log("abc", "\N{EURO SIGN}")

    [group] = bench.do("DescribeLogGroups")["logGroups"]

    assert EVENT_OVERHEAD_BYTES == 26
    assert group["storedBytes"] == 3 + 3 + 2 * 26


def test_retention_is_shown_until_it_is_deleted(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    bench.do("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=14)

    [group] = bench.do("DescribeLogGroups")["logGroups"]
    assert group["retentionInDays"] == 14
    bench.do("DeleteRetentionPolicy", logGroupName=GROUP)
    [group] = bench.do("DescribeLogGroups")["logGroups"]
    assert "retentionInDays" not in group


def test_retention_is_one_of_aws_s_numbers_of_days(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    for days in RETENTION_DAYS:
        bench.do("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=days)
    refused = bench.refused("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=2)

    assert refused[0] == INVALID
    assert [int(days) for days in re.findall(r"\d+", refused[2].partition("set: ")[2])] == list(
        RETENTION_DAYS
    )


def test_a_deleted_group_is_gone_with_all_that_was_in_it(bench: LogsBench) -> None:
    bench.log("one")

    bench.do("DeleteLogGroup", logGroupName=GROUP)

    assert bench.refused("DescribeLogStreams", logGroupName=GROUP) == NO_GROUP
    assert names(bench) == []
    bench.log("two")
    events = bench.do("FilterLogEvents", logGroupName=GROUP)["events"]
    assert [event["message"] for event in events] == ["two"]


def test_a_group_may_be_deleted_and_made_over_and_over(bench: LogsBench) -> None:
    for _ in range(3):
        bench.do("CreateLogGroup", logGroupName=GROUP)
        bench.do("DeleteLogGroup", logGroupName=GROUP)

    assert bench.refused("DeleteLogGroup", logGroupName=GROUP) == NO_GROUP


@pytest.mark.parametrize("name", ["1", ":1", "0"])
def test_what_a_deleted_group_leaves_behind_goes_by_no_name(bench: LogsBench, name: str) -> None:
    bench.log("one")
    bench.do("DeleteLogGroup", logGroupName=GROUP)

    assert bench.refused("FilterLogEvents", logGroupIdentifier=name) == NO_GROUP
    arn = f"arn:aws:logs:::log-group:{name}"
    assert bench.refused("FilterLogEvents", logGroupIdentifier=arn)[0] in (
        "AccessDeniedException",
        "ResourceNotFoundException",
    )


def test_a_group_has_neither_metric_nor_subscription_filters(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    metrics = bench.do("DescribeMetricFilters", logGroupName=GROUP)
    subscriptions = bench.do("DescribeSubscriptionFilters", logGroupName=GROUP)

    assert metrics == bench.do("DescribeMetricFilters") == {"metricFilters": []}
    assert subscriptions == {"subscriptionFilters": []}


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("CreateLogStream", {"logStreamName": "s"}),
        ("DeleteLogGroup", {}),
        ("DeleteLogStream", {"logStreamName": "s"}),
        ("DeleteRetentionPolicy", {}),
        ("DescribeLogStreams", {}),
        ("DescribeMetricFilters", {}),
        ("DescribeSubscriptionFilters", {}),
        ("FilterLogEvents", {}),
        ("GetLogEvents", {"logStreamName": "s"}),
        ("ListTagsLogGroup", {}),
        ("PutLogEvents", {"logStreamName": "s", "logEvents": [{"timestamp": 1, "message": "a"}]}),
        ("PutRetentionPolicy", {"retentionInDays": 1}),
        ("TagLogGroup", {"tags": {"a": "b"}}),
        ("UntagLogGroup", {"tags": ["a"]}),
    ],
)
def test_a_group_that_does_not_exist_is_not_found(
    bench: LogsBench, operation: str, params: dict[str, object]
) -> None:
    assert bench.refused(operation, logGroupName=GROUP, **params) == NO_GROUP


@pytest.mark.parametrize("operation", ["DescribeLogStreams", "FilterLogEvents"])
def test_a_group_is_named_once_by_name_or_arn(bench: LogsBench, operation: str) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    for identifier in (GROUP, GROUP_ARN):
        bench.do(operation, logGroupIdentifier=identifier)
    twice = bench.refused(operation, logGroupName=GROUP, logGroupIdentifier=GROUP)
    never = bench.refused(operation)
    wrong = bench.refused(operation, logGroupIdentifier=f"arn:aws:s3:{REGION}:{ACCOUNT}:x")

    assert {refused[0] for refused in (twice, never, wrong)} == {INVALID}


def test_the_arn_of_another_region_names_no_group_here(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)
    elsewhere = GROUP_ARN.replace(REGION, "eu-west-1")

    assert bench.refused("FilterLogEvents", logGroupIdentifier=elsewhere) == NO_GROUP


@pytest.mark.parametrize("partition", ["x", "aws-cn"])
def test_an_arn_of_another_partition_is_none(bench: LogsBench, partition: str) -> None:
    # A policy that denies the group by its ARN would let it pass.
    bench.do("CreateLogGroup", logGroupName=GROUP)
    arn = GROUP_ARN.replace("arn:aws:", f"arn:{partition}:")

    read = bench.refused("FilterLogEvents", logGroupIdentifier=arn)
    tagged = bench.refused("TagResource", resourceArn=arn, tags={"a": "b"})

    assert {read[0], tagged[0]} == {INVALID}


def test_the_arn_of_another_account_is_not_allowed(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)
    elsewhere = GROUP_ARN.replace(ACCOUNT, "210987654321")

    code, _, _ = bench.refused("FilterLogEvents", logGroupIdentifier=elsewhere)

    assert code == "AccessDeniedException"
