"""Reading events: those of one stream, and a search through a group.

* A page holds no more than ``PAGE_BYTES_MAX`` of events, as on AWS.
* A search looks at no more than ``SEARCHED_EVENTS_MAX`` events for a page, nor at more than
  ``PAGE_BYTES_MAX`` of them, whether they match or not: a page may be empty, and go on.

AWS: CloudWatch Logs API reference, GetLogEvents, FilterLogEvents.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.logs.refusals import StreamNotFoundError
from keyturn.api.logs.resources import find_group, find_stream, named_group
from keyturn.api.logs.tokens import BACKWARD, FORWARD, event_place, event_token, page_tokens
from keyturn.api.operation import Output
from keyturn.functions.output.log_pattern import read_pattern
from keyturn.functions.refusals import ParameterError
from keyturn.model.clock import to_epoch_ms
from keyturn.store import log_listing, logs
from keyturn.store.database import Connection, Database
from keyturn.store.log_listing import StreamQuery
from keyturn.store.log_tables import Group
from keyturn.store.logs import EventQuery, LogEvent

EVENTS_PAGE_MAX: Final = 10_000
PAGE_BYTES_MAX: Final = 1_048_576
SEARCHED_EVENTS_MAX: Final = 10_000
#: AWS takes as many names; a prefix that more streams have is looked for among all events.
STREAMS_MERGED_MAX: Final = 100

# AWS: FilterLogEvents, "startFromHead to false is supported only when startTime is on or after".
_LATEST_FIRST_SINCE_MS: Final = to_epoch_ms(datetime(2024, 1, 1, tzinfo=UTC))

# No event is from later: it is the store's last integer.
_TIME_MAX_MS: Final = 2**63 - 1

Wanted = Callable[[LogEvent], bool]


class Reading:
    """The operations that read events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_log_events(self, call: AuthorisedCall) -> Output:
        params = call.params
        place, is_backward = event_place(params.get("nextToken"))
        if place is None:
            is_backward = not params.get("startFromHead", False)
        most = params.get("limit", EVENTS_PAGE_MAX)
        with self._database.read() as connection:
            group = find_group(connection, named_group(call), call)
            stream = find_stream(connection, group, params["logStreamName"])
            query = EventQuery(
                group_id=group.id,
                stream_ids=[stream.id],
                start_ms=params.get("startTime"),
                end_ms=params.get("endTime"),
                place=place,
                is_backward=is_backward,
                most=most,
            )
            with closing(logs.scan(connection, query)) as events:
                found, _ = _page(events, most, lambda _: True)
        page = found[::-1] if is_backward else found
        return {
            "events": [_event_members(event) for event in page],
            **page_tokens(page, place, is_backward=is_backward),
        }

    def filter_log_events(self, call: AuthorisedCall) -> Output:
        params = call.params
        matches = read_pattern(params.get("filterPattern", ""))
        is_backward = _is_latest_first(params)
        with self._database.read() as connection:
            group = find_group(connection, named_group(call), call)
            stream_ids = _streams(connection, group, params)
            query = EventQuery(
                group_id=group.id,
                stream_ids=stream_ids,
                start_ms=params.get("startTime"),
                end_ms=_behind(params.get("endTime")),
                place=event_place(params.get("nextToken"))[0],
                is_backward=is_backward,
                most=SEARCHED_EVENTS_MAX + 1,
            )
            prefix = params.get("logStreamNamePrefix", "") if stream_ids is None else ""
            with closing(logs.scan(connection, query)) as events:
                found, last = _page(
                    events,
                    params.get("limit", EVENTS_PAGE_MAX),
                    lambda event: _is_in(event, prefix) and matches(event.message),
                )
        direction = BACKWARD if is_backward else FORWARD
        return {
            "events": [_filtered_members(event) for event in found],
            # AWS: no longer supported since 2020, and an empty list.
            "searchedLogStreams": [],
            "nextToken": None if last is None else event_token(direction, last),
        }


def _page(
    events: Iterator[LogEvent], most: int, is_wanted: Wanted
) -> tuple[list[LogEvent], LogEvent | None]:
    """Return a page of events, and the last that was looked at when there are more."""
    page: list[LogEvent] = []
    last: LogEvent | None = None
    searched, left_bytes = 0, PAGE_BYTES_MAX
    for event in events:
        is_full = len(page) == most or searched == SEARCHED_EVENTS_MAX
        if last is not None and (is_full or event.size_bytes > left_bytes):
            return page, last
        searched, left_bytes, last = searched + 1, left_bytes - event.size_bytes, event
        if is_wanted(event):
            page.append(event)
    return page, None


def _behind(end_ms: int | None) -> int | None:
    # AWS: "Events with a timestamp later than this time are not returned." In GetLogEvents those
    # of this very moment aren't either.
    return None if end_ms is None or end_ms >= _TIME_MAX_MS else end_ms + 1


def _is_latest_first(params: Mapping[str, Any]) -> bool:
    if "nextToken" in params:
        return event_place(params["nextToken"])[1]
    if params.get("startFromHead", True):
        return False
    if params.get("startTime", 0) < _LATEST_FIRST_SINCE_MS:
        raise ParameterError(
            "startFromHead can be false only if startTime is on or after Jan 1, 2024 00:00:00 UTC."
        )
    return True


def _streams(connection: Connection, group: Group, params: Mapping[str, Any]) -> list[int] | None:
    """Return our numbers for the streams to search; None to search the whole group."""
    names, prefix = params.get("logStreamNames"), params.get("logStreamNamePrefix")
    if names is not None and prefix is not None:
        raise ParameterError("logStreamNames and logStreamNamePrefix can't both be given.")
    if names is not None:
        found = log_listing.stream_ids(connection, group.id, names)
        if len(found) < len(set(names)):
            raise StreamNotFoundError
        return found
    if prefix is None:
        return None
    query = StreamQuery(group_id=group.id, prefix=prefix, most=STREAMS_MERGED_MAX + 1)
    streams = log_listing.streams_page(connection, query)
    return None if len(streams) > STREAMS_MERGED_MAX else [stream.id for stream in streams]


def _is_in(event: LogEvent, prefix: str) -> bool:
    # The name of a stream that is being deleted has a colon.
    return event.stream.startswith(prefix) and not event.stream.startswith(":")


def _event_members(event: LogEvent) -> Output:
    return {
        "timestamp": to_epoch_ms(event.at),
        "message": event.message,
        "ingestionTime": to_epoch_ms(event.ingested_at),
    }


def _filtered_members(event: LogEvent) -> Output:
    return {
        "logStreamName": event.stream,
        **_event_members(event),
        "eventId": f"{event.id:056d}",
    }
