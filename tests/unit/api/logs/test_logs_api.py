from datetime import datetime, timedelta
from typing import Any

import pytest

from keyturn.model.clock import to_epoch_ms
from keyturn.store import logs
from keyturn.store.logs import StreamName
from support.iam_bench import ACCOUNT, policy
from support.lambda_bench import LambdaBench

GROUP = "/aws/lambda/rotate"
GROUP_ARN = f"arn:aws:logs:us-east-1:123456789012:log-group:{GROUP}"
FIRST, SECOND = "2026/01/02/[$LATEST]aaaa", "2026/01/02/[$LATEST]bbbb"
NO_GROUP = ("ResourceNotFoundException", 400, "The specified log group does not exist.")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LambdaBench:
    return LambdaBench(tmp_path_factory.mktemp("logs"))


@pytest.fixture
def bench(shared: LambdaBench) -> LambdaBench:
    return shared.fresh()


def log(
    bench: LambdaBench, *messages: str, stream: str = FIRST, group: str = GROUP, later_ms: int = 0
) -> datetime:
    """Log messages a millisecond apart; return when the first was."""
    began = bench.clock.now() + timedelta(milliseconds=later_ms)
    lines = [
        (began + timedelta(milliseconds=number), message)
        for number, message in enumerate(messages)
    ]
    name = StreamName(account=ACCOUNT, region="us-east-1", group=group, stream=stream)
    assert logs.store(bench.database, {name: lines}, bench.clock.now())
    return began


def texts(answer: dict[str, Any]) -> list[str]:
    """Return the messages of an answer."""
    return [event["message"] for event in answer["events"]]


def read(bench: LambdaBench, **params: object) -> dict[str, Any]:
    """Read the first stream."""
    return bench.do("GetLogEvents", logGroupName=GROUP, logStreamName=FIRST, **params)


def search(bench: LambdaBench, **params: object) -> dict[str, Any]:
    """Search the group."""
    return bench.do("FilterLogEvents", logGroupName=GROUP, **params)


def test_a_group_is_described_as_aws_does(bench: LambdaBench) -> None:
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


def test_a_group_that_exists_is_not_made_again(bench: LambdaBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    code, status, _ = bench.refused("CreateLogGroup", logGroupName=GROUP)

    assert (code, status) == ("ResourceAlreadyExistsException", 400)


def test_groups_are_listed_by_prefix_a_page_at_a_time(bench: LambdaBench) -> None:
    for name in ("/aws/lambda/b", "/aws/lambda/a", "/aws/lambda/B", "/other"):
        bench.do("CreateLogGroup", logGroupName=name)

    first = bench.do("DescribeLogGroups", logGroupNamePrefix="/aws/lambda/", limit=2)
    token = first["nextToken"]
    second = bench.do(
        "DescribeLogGroups", logGroupNamePrefix="/aws/lambda/", limit=2, nextToken=token
    )
    exact = bench.do("DescribeLogGroups", logGroupNamePrefix="/aws/lambda/b")

    names = [[group["logGroupName"] for group in page["logGroups"]] for page in (first, second)]
    assert names == [["/aws/lambda/B", "/aws/lambda/a"], ["/aws/lambda/b"]]
    assert "nextToken" not in second
    assert [group["logGroupName"] for group in exact["logGroups"]] == ["/aws/lambda/b"]


def test_a_deleted_group_is_gone_with_all_that_was_in_it(bench: LambdaBench) -> None:
    log(bench, "one")

    bench.do("DeleteLogGroup", logGroupName=GROUP)

    assert bench.refused("DescribeLogStreams", logGroupName=GROUP) == NO_GROUP
    log(bench, "two")
    assert texts(search(bench)) == ["two"]


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("DeleteLogGroup", {}),
        ("DescribeLogStreams", {}),
        ("FilterLogEvents", {}),
        ("GetLogEvents", {"logStreamName": FIRST}),
    ],
)
def test_a_group_that_does_not_exist_is_not_found(
    bench: LambdaBench, operation: str, params: dict[str, str]
) -> None:
    assert bench.refused(operation, logGroupName=GROUP, **params) == NO_GROUP


def test_a_stream_that_does_not_exist_is_not_found(bench: LambdaBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    refused = bench.refused("GetLogEvents", logGroupName=GROUP, logStreamName=FIRST)

    text = "The specified log stream does not exist."
    assert refused == ("ResourceNotFoundException", 400, text)


def test_a_stream_is_described_with_its_first_and_last_event(bench: LambdaBench) -> None:
    began = log(bench, "one", "two", "three")

    [stream] = bench.do("DescribeLogStreams", logGroupName=GROUP)["logStreams"]

    assert stream["logStreamName"] == FIRST
    assert stream["arn"] == f"{GROUP_ARN}:log-stream:{FIRST}"
    assert stream["firstEventTimestamp"] == to_epoch_ms(began)
    assert stream["lastEventTimestamp"] == to_epoch_ms(began) + 2


def test_streams_are_listed_by_name_or_by_their_last_event(bench: LambdaBench) -> None:
    log(bench, "new", stream="a", later_ms=10)
    log(bench, "old", stream="b")

    def names(**params: object) -> list[str]:
        answer = bench.do("DescribeLogStreams", logGroupName=GROUP, **params)
        return [stream["logStreamName"] for stream in answer["logStreams"]]

    assert names() == ["a", "b"]
    assert names(descending=True) == ["b", "a"]
    assert names(orderBy="LastEventTime") == ["b", "a"]
    assert names(orderBy="LastEventTime", descending=True, limit=1) == ["a"]
    assert names(logStreamNamePrefix="b") == ["b"]


def test_streams_are_listed_a_page_at_a_time(bench: LambdaBench) -> None:
    for name in "abc":
        log(bench, "x", stream=name)

    first = bench.do("DescribeLogStreams", logGroupName=GROUP, limit=2)
    token = first["nextToken"]
    second = bench.do("DescribeLogStreams", logGroupName=GROUP, limit=2, nextToken=token)

    assert [stream["logStreamName"] for stream in first["logStreams"]] == ["a", "b"]
    assert [stream["logStreamName"] for stream in second["logStreams"]] == ["c"]
    assert "nextToken" not in second


def test_streams_by_time_have_no_prefix(bench: LambdaBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)
    params = {"orderBy": "LastEventTime", "logStreamNamePrefix": "a"}

    refused = bench.refused("DescribeLogStreams", logGroupName=GROUP, **params)

    assert refused[0] == "InvalidParameterException"


def test_a_stream_is_read_from_its_end_unless_from_its_head(bench: LambdaBench) -> None:
    log(bench, *"abcde")

    assert texts(read(bench, limit=2)) == ["d", "e"]
    assert texts(read(bench, limit=2, startFromHead=True)) == ["a", "b"]
    assert texts(read(bench)) == list("abcde")


def test_an_event_has_its_own_time_and_that_of_its_arrival(bench: LambdaBench) -> None:
    began = log(bench, "a")

    [event] = read(bench)["events"]

    assert event == {
        "message": "a",
        "timestamp": to_epoch_ms(began),
        "ingestionTime": to_epoch_ms(bench.clock.now()),
    }


def test_tokens_lead_forward_and_backward_and_end_at_themselves(bench: LambdaBench) -> None:
    log(bench, *"abcde")

    start = read(bench, limit=2, startFromHead=True)
    middle = read(bench, limit=2, nextToken=start["nextForwardToken"])
    end = read(bench, limit=2, nextToken=middle["nextForwardToken"])
    beyond = read(bench, limit=2, nextToken=end["nextForwardToken"])
    back = read(bench, limit=2, nextToken=middle["nextBackwardToken"])
    before = read(bench, limit=2, nextToken=back["nextBackwardToken"])

    assert [texts(page) for page in (start, middle, end)] == [["a", "b"], ["c", "d"], ["e"]]
    assert (texts(beyond), beyond["nextForwardToken"]) == ([], end["nextForwardToken"])
    assert texts(back) == ["a", "b"]
    assert (texts(before), before["nextBackwardToken"]) == ([], back["nextBackwardToken"])
    assert texts(read(bench, limit=2, nextToken=beyond["nextBackwardToken"])) == ["d", "e"]
    assert texts(read(bench, limit=2, nextToken=before["nextForwardToken"])) == ["a", "b"]


def test_a_reader_at_the_end_sees_what_comes(bench: LambdaBench) -> None:
    log(bench, "a")
    token = read(bench)["nextForwardToken"]

    log(bench, "b", later_ms=1)

    assert texts(read(bench, nextToken=token)) == ["b"]


@pytest.mark.parametrize("token", ["x", "f/1", "f/1/x", "g/1/2", "f/" + "9" * 30 + "/1"])
def test_a_token_that_we_did_not_give_is_refused(bench: LambdaBench, token: str) -> None:
    log(bench, "a")
    params = {"logGroupName": GROUP, "logStreamName": FIRST, "nextToken": token}

    code, _, text = bench.refused("GetLogEvents", **params)

    assert (code, text) == ("InvalidParameterException", "The specified nextToken is invalid.")


def test_a_search_goes_through_every_stream_in_the_order_of_time(bench: LambdaBench) -> None:
    log(bench, "a", stream=FIRST)
    log(bench, "c", stream=FIRST, later_ms=2)
    log(bench, "b", stream=SECOND, later_ms=1)

    found = search(bench)

    assert texts(found) == ["a", "b", "c"]
    assert [event["logStreamName"] for event in found["events"]] == [FIRST, SECOND, FIRST]
    assert len({event["eventId"] for event in found["events"]}) == 3


def test_a_search_may_be_bounded_by_stream_and_time_and_terms(bench: LambdaBench) -> None:
    began = to_epoch_ms(log(bench, "a ERROR", "b", "c ERROR", "d", stream=FIRST))
    log(bench, "e ERROR", stream=SECOND)

    assert texts(search(bench, logStreamNamePrefix=FIRST)) == ["a ERROR", "b", "c ERROR", "d"]
    assert texts(search(bench, logStreamNames=[SECOND])) == ["e ERROR"]
    assert texts(search(bench, startTime=began + 1, endTime=began + 3)) == ["b", "c ERROR"]
    assert sorted(texts(search(bench, filterPattern="ERROR -c"))) == ["a ERROR", "e ERROR"]


def test_a_search_goes_on_until_there_is_no_token(bench: LambdaBench) -> None:
    log(bench, *"abcde")
    page = search(bench, limit=2)
    found = [texts(page)]

    while "nextToken" in page:
        page = search(bench, limit=2, nextToken=page["nextToken"])
        found.append(texts(page))

    assert found == [["a", "b"], ["c", "d"], ["e"]]


def test_a_group_may_be_named_by_its_arn(bench: LambdaBench) -> None:
    log(bench, "a")

    by_arn = bench.do("FilterLogEvents", logGroupIdentifier=GROUP_ARN)

    assert texts(by_arn) == ["a"]


def test_a_policy_names_a_group_by_its_arn(bench: LambdaBench) -> None:
    log(bench, "a")
    log(bench, "b", group="/aws/lambda/other")
    reader = bench.somebody(policy("logs:FilterLogEvents", resource=f"{GROUP_ARN}:*"))

    assert texts(bench.call(reader, "FilterLogEvents", logGroupName=GROUP)) == ["a"]
    code, _, _ = bench.fault(reader, "FilterLogEvents", logGroupName="/aws/lambda/other")
    assert code == "AccessDeniedException"


def test_old_events_are_deleted_and_no_others(bench: LambdaBench) -> None:
    began = log(bench, *"abc")

    with bench.database.write() as connection:
        deleted = logs.delete_before(connection, began + timedelta(milliseconds=2), 1000)

    assert deleted == 2
    assert texts(search(bench)) == ["c"]
