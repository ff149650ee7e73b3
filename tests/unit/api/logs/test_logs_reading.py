"""Reading events: those of one stream, and a search through a group."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from keyturn.api.logs import reading
from keyturn.api.logs.reading import PAGE_BYTES_MAX, SEARCHED_EVENTS_MAX
from keyturn.model.clock import to_epoch_ms
from support.logs_bench import GROUP, GROUP_ARN, STREAM, LogsBench

SECOND = "2026/01/02/[$LATEST]bbbb"
INVALID = "InvalidParameterException"


def texts(answer: dict[str, Any]) -> list[str]:
    """Return the messages of an answer."""
    return [event["message"] for event in answer["events"]]


def read(bench: LogsBench, **params: object) -> dict[str, Any]:
    """Read the first stream."""
    return bench.do("GetLogEvents", logGroupName=GROUP, logStreamName=STREAM, **params)


def search(bench: LogsBench, **params: object) -> dict[str, Any]:
    """Search the group."""
    return bench.do("FilterLogEvents", logGroupName=GROUP, **params)


def pages(bench: LogsBench, **params: object) -> list[list[str]]:
    """Return the messages that a search finds, page by page."""
    page = search(bench, **params)
    found = [texts(page)]
    while "nextToken" in page:
        page = search(bench, **{**params, "nextToken": page["nextToken"]})
        found.append(texts(page))
    return found


def test_a_stream_that_does_not_exist_is_not_found(bench: LogsBench) -> None:
    bench.do("CreateLogGroup", logGroupName=GROUP)

    refused = bench.refused("GetLogEvents", logGroupName=GROUP, logStreamName=STREAM)

    text = "The specified log stream does not exist."
    assert refused == ("ResourceNotFoundException", 400, text)


def test_a_stream_is_read_from_its_end_unless_from_its_head(bench: LogsBench) -> None:
    bench.log(*"abcde")

    assert texts(read(bench, limit=2)) == ["d", "e"]
    assert texts(read(bench, limit=2, startFromHead=True)) == ["a", "b"]
    assert texts(read(bench)) == list("abcde")


def test_a_stream_is_read_from_a_moment_up_to_another(bench: LogsBench) -> None:
    began = to_epoch_ms(bench.log(*"abcde"))

    assert texts(read(bench, startTime=began + 1, endTime=began + 3)) == ["b", "c"]


def test_an_event_has_its_own_time_and_that_of_its_arrival(bench: LogsBench) -> None:
    began = bench.log("a")

    [event] = read(bench)["events"]

    assert event == {
        "message": "a",
        "timestamp": to_epoch_ms(began),
        "ingestionTime": to_epoch_ms(bench.clock.now()),
    }


def test_tokens_lead_forward_and_backward_and_end_at_themselves(bench: LogsBench) -> None:
    bench.log(*"abcde")

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


def test_tokens_go_on_within_the_times_that_are_asked_for(bench: LogsBench) -> None:
    began = to_epoch_ms(bench.log(*"abcde"))
    wanted = {"startTime": began + 1, "endTime": began + 4, "limit": 2}

    start = read(bench, startFromHead=True, **wanted)
    end = read(bench, nextToken=start["nextForwardToken"], **wanted)
    first = read(bench, nextToken=end["nextBackwardToken"], **wanted)

    assert [texts(page) for page in (start, end, first)] == [["b", "c"], ["d"], ["b", "c"]]
    assert texts(read(bench, nextToken=start["nextForwardToken"], startTime=began + 4)) == ["e"]


def test_a_reader_at_the_end_sees_what_comes(bench: LogsBench) -> None:
    bench.log("a")
    token = read(bench)["nextForwardToken"]

    bench.log("b", later_ms=1)

    assert texts(read(bench, nextToken=token)) == ["b"]


def test_a_page_has_a_megabyte_of_events_or_one(bench: LogsBench) -> None:
    half, whole = "h" * (PAGE_BYTES_MAX // 2 - 26), "w" * (PAGE_BYTES_MAX + 1)
    bench.log(half, half, "c", whole, "e")

    first = read(bench, startFromHead=True)
    second = read(bench, nextToken=first["nextForwardToken"])
    third = read(bench, nextToken=second["nextForwardToken"])

    assert [texts(page) for page in (first, second, third)] == [[half, half], ["c"], [whole]]
    assert texts(read(bench)) == ["e"]
    assert pages(bench) == [[half, half], ["c"], [whole], ["e"]]


@pytest.mark.parametrize("operation", ["GetLogEvents", "FilterLogEvents"])
@pytest.mark.parametrize("token", ["x", "f/1", "f/1/x", "g/1/2", "f/" + "9" * 30 + "/1"])
def test_a_token_that_we_did_not_give_is_refused(
    bench: LogsBench, operation: str, token: str
) -> None:
    bench.log("a")
    stream = {"logStreamName": STREAM} if operation == "GetLogEvents" else {}

    refused = bench.refused(operation, logGroupName=GROUP, nextToken=token, **stream)

    assert refused == (INVALID, 400, "The specified nextToken is invalid.")


def test_a_search_goes_through_every_stream_in_the_order_of_time(bench: LogsBench) -> None:
    bench.log("a")
    bench.log("c", later_ms=2)
    bench.log("b", stream=SECOND, later_ms=1)

    found = search(bench)

    assert texts(found) == ["a", "b", "c"]
    assert [event["logStreamName"] for event in found["events"]] == [STREAM, SECOND, STREAM]
    assert len({event["eventId"] for event in found["events"]}) == 3
    assert found["searchedLogStreams"] == []


def test_a_search_may_be_bounded_by_streams(bench: LogsBench) -> None:
    bench.log("a", "d", stream="a1")
    bench.log("b", stream="a2", later_ms=1)
    bench.log("c", stream="b1")

    assert texts(search(bench, logStreamNamePrefix="a")) == ["a", "d", "b"]
    assert texts(search(bench, logStreamNames=["b1", "a2"])) == ["c", "b"]
    assert texts(search(bench, logStreamNamePrefix="c")) == []


def test_the_end_of_a_search_is_the_last_moment_that_is_wanted(bench: LogsBench) -> None:
    began = to_epoch_ms(bench.log(*"abcde"))

    assert texts(search(bench, startTime=began + 1, endTime=began + 3)) == ["b", "c", "d"]


@pytest.mark.parametrize("end_ms", [2**63 - 2, 2**63 - 1])
def test_the_end_of_a_search_may_be_the_end_of_time(bench: LogsBench, end_ms: int) -> None:
    bench.log("a")

    assert texts(search(bench, endTime=end_ms)) == ["a"]
    assert texts(search(bench, startTime=end_ms)) == []


def test_a_search_may_look_for_a_pattern_of_any_kind(bench: LogsBench) -> None:
    bench.log("a ERROR", '{"level": "ERROR"}', "ERROR 1 c", "none")

    assert texts(search(bench, filterPattern="ERROR -c")) == ["a ERROR", '{"level": "ERROR"}']
    assert texts(search(bench, filterPattern="{ $.level = ERROR }")) == ['{"level": "ERROR"}']
    assert texts(search(bench, filterPattern="[w1 = ERROR, n > 0, w3]")) == ["ERROR 1 c"]
    assert texts(search(bench, filterPattern="%^[an]%")) == ["a ERROR", "none"]


def test_a_pattern_that_means_nothing_is_refused_as_aws_does(bench: LogsBench) -> None:
    bench.log("a")

    refused = bench.refused("FilterLogEvents", logGroupName=GROUP, filterPattern="a@b")

    text = "Invalid filter pattern: Invalid character(s) in term 'a@b'"
    assert refused == (INVALID, 400, text)


def test_streams_that_do_not_exist_are_not_found(bench: LogsBench) -> None:
    bench.log("a")
    params = {"logGroupName": GROUP, "logStreamNames": [STREAM, "other"]}

    assert bench.refused("FilterLogEvents", **params)[0] == "ResourceNotFoundException"


def test_streams_are_named_or_have_a_prefix(bench: LogsBench) -> None:
    bench.log("a")
    params = {"logStreamNames": [STREAM], "logStreamNamePrefix": "a"}

    assert bench.refused("FilterLogEvents", logGroupName=GROUP, **params)[0] == INVALID


@pytest.mark.parametrize("streams", [{}, {"logStreamNames": [STREAM, SECOND]}])
def test_a_search_goes_on_until_there_is_no_token(
    bench: LogsBench, streams: dict[str, object]
) -> None:
    bench.log(*"ace")
    bench.log(*"bdf", stream=SECOND)

    assert pages(bench, limit=4, **streams) == [list("abcd"), list("ef")]
    assert pages(bench, limit=3, **streams) == [list("abc"), list("def")]


def test_a_search_may_begin_with_the_latest(bench: LogsBench) -> None:
    bench.log(*"abcde")
    wanted = {"startTime": to_epoch_ms(datetime(2024, 1, 1, tzinfo=UTC)), "limit": 2}

    assert pages(bench, startFromHead=False, **wanted) == [["e", "d"], ["c", "b"], ["a"]]
    assert pages(bench, startFromHead=True, **wanted) == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("start", [{}, {"startTime": 1}])
def test_a_search_for_the_latest_needs_a_start_since_2024(
    bench: LogsBench, start: dict[str, int]
) -> None:
    bench.log("a")

    refused = bench.refused("FilterLogEvents", logGroupName=GROUP, startFromHead=False, **start)

    assert refused[0] == INVALID


def test_a_search_that_finds_nothing_stops_and_goes_on_with_a_token(bench: LogsBench) -> None:
    bench.log(*["no"] * SEARCHED_EVENTS_MAX, "no", "needle")

    first = search(bench, filterPattern="needle")
    second = search(bench, filterPattern="needle", nextToken=first["nextToken"])

    assert texts(first) == []
    assert texts(second) == ["needle"]
    assert "nextToken" not in second


def test_a_search_looks_at_a_megabyte_for_a_page(bench: LogsBench) -> None:
    large = "x" * (PAGE_BYTES_MAX - 26)
    bench.log(large, large, "needle")

    assert pages(bench, filterPattern="needle") == [[], [], ["needle"]]


def test_a_prefix_of_many_streams_is_looked_for_among_all_events(
    bench: LogsBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "STREAMS_MERGED_MAX", 1)
    for name in ("a1", "a2", "b1"):
        bench.log(name, stream=name)

    assert pages(bench, logStreamNamePrefix="a", limit=1) == [["a1"], ["a2"], []]


@settings(max_examples=30, deadline=None)
@given(
    moments=st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=8),
    limit=st.integers(1, 4),
)
def test_pages_of_any_size_hold_every_event_once_in_both_directions(
    shared: LogsBench, moments: list[tuple[int, str]], limit: int
) -> None:
    bench = shared.fresh()
    bench.do("CreateLogGroup", logGroupName=GROUP)
    for number, (later_ms, stream) in enumerate(moments):
        bench.log(str(number), stream=stream, later_ms=later_ms)
    # Events of the same moment are in the order in which they came.
    order = [str(at) for at in sorted(range(len(moments)), key=lambda at: (moments[at][0], at))]
    start = {"startTime": to_epoch_ms(bench.clock.now()), "limit": limit}

    forward, backward = pages(bench, limit=limit), pages(bench, startFromHead=False, **start)

    assert [text for page in forward for text in page] == order
    assert [text for page in backward for text in page] == order[::-1]
    assert all(len(page) <= limit for page in forward + backward)


def test_a_group_may_be_named_by_its_arn(bench: LogsBench) -> None:
    bench.log("a")

    assert texts(bench.do("FilterLogEvents", logGroupIdentifier=GROUP_ARN)) == ["a"]
