"""PutLogEvents: what is taken, what is left out, and what is refused."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
import threading
from typing import Any

import pytest

from keyturn.api.logs.batch import BATCH_BYTES_MAX, EVENT_BYTES_MAX, FUTURE, PAST
from keyturn.model.clock import to_epoch_ms
from keyturn.store.logs import EVENT_OVERHEAD_BYTES
from support.logs_bench import GROUP, STREAM, LogsBench

INVALID = "InvalidParameterException"
PLACE = {"logGroupName": GROUP, "logStreamName": STREAM}
EVENTS_MAX = 10_000
MILLISECOND = timedelta(milliseconds=1)
THREADS = 8


@pytest.fixture
def bench(shared: LogsBench) -> LogsBench:
    fresh = shared.fresh()
    fresh.do("CreateLogGroup", logGroupName=GROUP)
    fresh.do("CreateLogStream", **PLACE)
    return fresh


def events(bench: LogsBench, messages: Iterable[str], *ages: timedelta) -> list[dict[str, Any]]:
    """Return events, each of its age; without ages all of this moment."""
    now = bench.clock.now()
    aged = ages or [timedelta(0)] * len(list(messages))
    return [
        {"timestamp": to_epoch_ms(now - age), "message": message}
        for message, age in zip(messages, aged, strict=True)
    ]


def put(bench: LogsBench, messages: Iterable[str], *ages: timedelta) -> dict[str, Any]:
    return bench.do("PutLogEvents", logEvents=events(bench, messages, *ages), **PLACE)


def refusal(bench: LogsBench, messages: Iterable[str], *ages: timedelta) -> tuple[str, int, str]:
    sent = events(bench, messages, *ages)
    return bench.refused("PutLogEvents", logEvents=sent, **PLACE)


def stored(bench: LogsBench) -> list[str]:
    found = bench.do("GetLogEvents", startFromHead=True, **PLACE)["events"]
    return [event["message"] for event in found]


def test_events_that_are_put_are_read_in_their_order(bench: LogsBench) -> None:
    answer = put(bench, "abc", 2 * MILLISECOND, MILLISECOND, MILLISECOND)

    assert stored(bench) == ["a", "b", "c"]
    assert "rejectedLogEventsInfo" not in answer
    assert answer["nextSequenceToken"]


def test_a_sequence_token_is_ignored(bench: LogsBench) -> None:
    bench.do("PutLogEvents", logEvents=events(bench, "a"), sequenceToken="wrong", **PLACE)

    assert stored(bench) == ["a"]


def test_a_stream_must_exist(bench: LogsBench) -> None:
    sent = events(bench, "a")
    params = {"logGroupName": GROUP, "logStreamName": "other", "logEvents": sent}

    code, _, text = bench.refused("PutLogEvents", **params)

    assert (code, text) == (
        "ResourceNotFoundException",
        "The specified log stream does not exist.",
    )


def test_events_out_of_order_are_refused(bench: LogsBench) -> None:
    refused = refusal(bench, "ab", timedelta(0), MILLISECOND)

    text = "Log events in a single PutLogEvents request must be in chronological order."
    assert refused == (INVALID, 400, text)
    assert stored(bench) == []


def test_events_that_are_too_old_or_too_new_are_left_out_and_told(bench: LogsBench) -> None:
    ages = (PAST + 2 * MILLISECOND, PAST + MILLISECOND, PAST)
    old = put(bench, "abc", *ages)
    new = put(bench, "defg", timedelta(0), -FUTURE, -FUTURE - MILLISECOND, -2 * FUTURE)

    assert old["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 2}
    assert new["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 2}
    assert stored(bench) == ["c", "d", "e"]


def test_a_batch_of_nothing_but_what_is_left_out_stores_nothing(bench: LogsBench) -> None:
    answer = put(bench, "ab", 2 * PAST, -2 * FUTURE)

    assert answer["rejectedLogEventsInfo"] == {
        "tooOldLogEventEndIndex": 1,
        "tooNewLogEventStartIndex": 1,
    }
    assert stored(bench) == []


def test_a_batch_that_is_all_too_new_begins_at_its_first_event(bench: LogsBench) -> None:
    answer = put(bench, "a", -2 * FUTURE)

    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}


def test_events_older_than_the_group_keeps_are_expired(bench: LogsBench) -> None:
    bench.do("PutRetentionPolicy", logGroupName=GROUP, retentionInDays=1)
    day = timedelta(days=1)

    answer = put(bench, "abc", 2 * PAST, day + MILLISECOND, day)

    assert answer["rejectedLogEventsInfo"] == {
        "tooOldLogEventEndIndex": 1,
        "expiredLogEventEndIndex": 2,
    }
    assert stored(bench) == ["c"]


def test_a_batch_spans_a_day_and_no_more(bench: LogsBench) -> None:
    day = timedelta(hours=24)
    put(bench, "ab", day, timedelta(0))

    refused = refusal(bench, "cd", day + MILLISECOND, timedelta(0))

    text = (
        "The batch of log events in a single PutLogEvents request cannot span more than 24 hours."
    )
    assert refused == (INVALID, 400, text)
    assert stored(bench) == ["a", "b"]


def test_what_is_left_out_does_not_count_for_the_span(bench: LogsBench) -> None:
    put(bench, "abc", 2 * PAST, timedelta(0), -2 * FUTURE)

    assert stored(bench) == ["b"]


def test_a_batch_has_a_megabyte_with_26_bytes_an_event_and_no_more(bench: LogsBench) -> None:
    half = BATCH_BYTES_MAX // 2 - EVENT_OVERHEAD_BYTES
    put(bench, ["a" * half, "b" * half])

    code, _, text = refusal(bench, ["c" * half, "d" * (half + 1)])

    assert code == INVALID
    assert text == "Upload too large: 1048577 bytes exceeds limit of 1048576"
    described = bench.do("DescribeLogGroups")["logGroups"][0]
    assert described["storedBytes"] == BATCH_BYTES_MAX


def test_an_event_has_a_megabyte_and_no_more(bench: LogsBench) -> None:
    most = EVENT_BYTES_MAX - EVENT_OVERHEAD_BYTES
    put(bench, ["a" * most])

    # A character of three bytes.
    code, _, text = refusal(bench, ["\N{EURO SIGN}" + "a" * (most - 2)])

    assert (code, text) == (
        INVALID,
        "Log event too large: 1048577 bytes exceeds limit of 1048576",
    )


def test_a_batch_has_ten_thousand_events_and_no_more(bench: LogsBench) -> None:
    put(bench, ["a"] * EVENTS_MAX)

    assert refusal(bench, ["a"] * (EVENTS_MAX + 1))[0] == INVALID
    assert len(stored(bench)) == EVENTS_MAX


@pytest.mark.parametrize("message", ["a\0b", "line\nline\r\n", "\N{SNOWMAN}\U0001f600", " "])
def test_any_text_is_kept_as_it_is(bench: LogsBench, message: str) -> None:
    put(bench, [message])

    assert stored(bench) == [message]


def test_writers_that_make_the_same_stream_at_once_make_one(bench: LogsBench) -> None:
    bench.do("DeleteLogGroup", logGroupName=GROUP)
    together = threading.Barrier(THREADS)

    def write(number: int) -> None:
        together.wait()
        bench.log(str(number))

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(write, range(THREADS)))

    assert sorted(stored(bench)) == sorted(map(str, range(THREADS)))
    assert len(bench.do("DescribeLogGroups")["logGroups"]) == 1
    assert len(bench.do("DescribeLogStreams", logGroupName=GROUP)["logStreams"]) == 1


def test_whoever_makes_a_group_at_once_with_others_made_it_or_is_told(bench: LogsBench) -> None:
    together = threading.Barrier(THREADS)

    def create(_: int) -> bool:
        together.wait()
        try:
            bench.do("CreateLogGroup", logGroupName="new")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            return type(error).__name__ != "GroupExistsError"
        return True

    with ThreadPoolExecutor(THREADS) as threads:
        made = list(threads.map(create, range(THREADS)))

    assert made.count(True) == 1
