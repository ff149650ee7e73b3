"""Tags of log groups, by the operations for every resource and by the older ones."""

import pytest

from keyturn.api.logs.tags import TAGS_PER_GROUP_MAX
from support.iam_bench import ACCOUNT
from support.logs_bench import GROUP, GROUP_ARN, REGION, LogsBench

RESOURCE = {"resourceArn": GROUP_ARN}
NAMED = {"logGroupName": GROUP}


def tags(bench: LogsBench) -> dict[str, str]:
    """The group's tags, which both listings agree on."""
    found = bench.do("ListTagsForResource", **RESOURCE)["tags"]
    assert bench.do("ListTagsLogGroup", **NAMED)["tags"] == found
    return dict(found)


def test_a_group_is_made_with_tags_or_without(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP, tags={"team": "a"})
    bench.do("CreateLogGroup", logGroupName="other")

    assert tags(bench) == {"team": "a"}
    assert bench.do("ListTagsLogGroup", logGroupName="other")["tags"] == {}


def test_tags_are_added_changed_and_removed(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP, tags={"a": "1", "b": "1"})

    bench.do("TagResource", tags={"b": "2", "c": "3"}, **RESOURCE)
    bench.do("TagLogGroup", tags={"c": "4", "d": ""}, **NAMED)
    bench.do("UntagResource", tagKeys=["a", "unknown"], **RESOURCE)
    bench.do("UntagLogGroup", tags=["d"], **NAMED)

    assert tags(bench) == {"b": "2", "c": "4"}


def test_a_group_has_fifty_tags_and_no_more(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)
    bench.do("TagResource", tags={f"k{n}": "" for n in range(TAGS_PER_GROUP_MAX)}, **RESOURCE)

    bench.do("TagResource", tags={"k0": "changed"}, **RESOURCE)
    refused = bench.refused("TagResource", tags={"one more": ""}, **RESOURCE)

    text = "A resource can have no more than 50 tags."
    assert refused == ("TooManyTagsException", 400, text)
    assert len(tags(bench)) == TAGS_PER_GROUP_MAX


def test_aws_s_own_keys_are_refused(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    for operation, place in (("TagResource", RESOURCE), ("TagLogGroup", NAMED)):
        refused = bench.refused(operation, tags={"aws:a": "b"}, **place)
        assert refused[0] == "InvalidParameterException"


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (GROUP_ARN, "ResourceNotFoundException"),
        (f"arn:aws:logs:{REGION}:{ACCOUNT}:destination:d", "InvalidParameterException"),
        ("no arn", "InvalidParameterException"),
    ],
)
def test_what_is_no_group_has_no_tags(bench: LogsBench, arn: str, code: str) -> None:
    assert bench.refused("ListTagsForResource", resourceArn=arn)[0] == code
