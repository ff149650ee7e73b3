"""Log streams: made, listed and deleted."""

import pytest

from keyturn.api.logs.streams import STREAMS_PAGE_MAX
from keyturn.model.clock import to_epoch_ms
from support.logs_bench import GROUP, GROUP_ARN, STREAM, LogsBench

NO_STREAM = ("ResourceNotFoundException", 400, "The specified log stream does not exist.")
INVALID = "InvalidParameterException"


def names(bench: LogsBench, **params: object) -> list[str]:
    """The names of the listed streams."""
    streams = bench.do("DescribeLogStreams", logGroupName=GROUP, **params)["logStreams"]
    return [stream["logStreamName"] for stream in streams]


def pages(bench: LogsBench, **params: object) -> list[list[str]]:
    """The names of the listed streams, page by page."""
    page = bench.do("DescribeLogStreams", logGroupName=GROUP, **params)
    found = [page]
    while "nextToken" in page:
        token = page["nextToken"]
        page = bench.do("DescribeLogStreams", logGroupName=GROUP, nextToken=token, **params)
        found.append(page)
    return [[stream["logStreamName"] for stream in page["logStreams"]] for page in found]


def test_a_new_stream_is_described_without_events(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    bench.do("CreateLogStream", logGroupName=GROUP, logStreamName=STREAM)

    [stream] = bench.do("DescribeLogStreams", logGroupName=GROUP)["logStreams"]
    assert stream == {
        "logStreamName": STREAM,
        "creationTime": to_epoch_ms(bench.clock.now()),
        "arn": f"{GROUP_ARN}:log-stream:{STREAM}",
        "storedBytes": 0,
    }


def test_a_stream_is_described_with_its_first_and_last_event(bench: LogsBench) -> None:
    began = bench.log("one", "two", "three")
    bench.log("before", later_ms=-5)

    [stream] = bench.do("DescribeLogStreams", logGroupName=GROUP)["logStreams"]

    assert stream["firstEventTimestamp"] == to_epoch_ms(began) - 5
    assert stream["lastEventTimestamp"] == to_epoch_ms(began) + 2
    assert stream["lastIngestionTime"] == to_epoch_ms(bench.clock.now())


def test_a_stream_that_exists_is_not_made_again(bench: LogsBench) -> None:
    bench.log("one")

    refused = bench.refused("CreateLogStream", logGroupName=GROUP, logStreamName=STREAM)

    text = "The specified log stream already exists"
    assert refused == ("ResourceAlreadyExistsException", 400, text)


def test_streams_are_listed_by_name_or_by_their_last_event(bench: LogsBench) -> None:
    bench.log("new", stream="a", later_ms=10)
    bench.log("old", stream="b")
    bench.do("CreateLogStream", logGroupName=GROUP, logStreamName="c")

    assert names(bench) == ["a", "b", "c"]
    assert names(bench, descending=True) == ["c", "b", "a"]
    assert names(bench, orderBy="LastEventTime") == ["c", "b", "a"]
    assert names(bench, orderBy="LastEventTime", descending=True, limit=1) == ["a"]
    assert names(bench, logStreamNamePrefix="b") == ["b"]


@pytest.mark.parametrize("order", ["LogStreamName", "LastEventTime"])
@pytest.mark.parametrize("descending", [True, False])
def test_streams_are_listed_a_page_at_a_time(
    bench: LogsBench, order: str, *, descending: bool
) -> None:
    for name in "abcde":
        bench.log("at the same time", stream=name)

    found = pages(bench, limit=2, orderBy=order, descending=descending)

    whole = list("edcba" if descending else "abcde")
    assert found == [whole[:2], whole[2:4], whole[4:]]


def test_a_page_has_fifty_streams_unless_fewer_are_asked_for(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)
    for number in range(STREAMS_PAGE_MAX + 1):
        bench.do("CreateLogStream", logGroupName=GROUP, logStreamName=f"s{number}")

    assert [len(page) for page in pages(bench)] == [STREAMS_PAGE_MAX, 1]


def test_streams_by_time_have_no_prefix(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)
    params = {"orderBy": "LastEventTime", "logStreamNamePrefix": "a"}

    refused = bench.refused("DescribeLogStreams", logGroupName=GROUP, **params)

    assert refused[0] == INVALID


@pytest.mark.parametrize("token", ["n/a", "t/1", "t/x/1", "x"])
def test_a_token_of_another_order_or_none_of_ours_is_refused(bench: LogsBench, token: str) -> None:
    bench.log("a")
    params = {"logGroupName": GROUP, "orderBy": "LastEventTime", "nextToken": token}

    refused = bench.refused("DescribeLogStreams", **params)

    assert refused == (INVALID, 400, "The specified nextToken is invalid.")


def test_a_deleted_stream_is_gone_and_the_others_stay(bench: LogsBench) -> None:
    bench.log("gone", stream="a")
    bench.log("stays", stream="b")

    bench.do("DeleteLogStream", logGroupName=GROUP, logStreamName="a")

    gone = {"logGroupName": GROUP, "logStreamName": "a"}
    assert names(bench) == ["b"]
    assert bench.refused("GetLogEvents", **gone) == NO_STREAM
    assert bench.refused("DeleteLogStream", **gone) == NO_STREAM
    events = bench.do("FilterLogEvents", logGroupName=GROUP)["events"]
    assert [event["message"] for event in events] == ["stays"]


def test_a_stream_may_be_made_again_without_what_it_had(bench: LogsBench) -> None:
    for _ in range(2):
        bench.log("old")
        bench.do("DeleteLogStream", logGroupName=GROUP, logStreamName=STREAM)

    bench.log("new")

    events = bench.do("GetLogEvents", logGroupName=GROUP, logStreamName=STREAM)["events"]
    assert [event["message"] for event in events] == ["new"]
