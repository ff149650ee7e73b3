"""Reading logs, and the groups that they are in.

AWS: CloudWatch Logs API reference, DescribeLogGroups, DescribeLogStreams, GetLogEvents,
FilterLogEvents, CreateLogGroup, DeleteLogGroup.
"""

from collections.abc import Mapping
from typing import Any, Final

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.logs.refusals import GroupExistsError, GroupNotFoundError, StreamNotFoundError
from keyturn.api.operation import Output
from keyturn.functions.output.log_pattern import read_pattern
from keyturn.functions.refusals import ParameterError
from keyturn.model.arn import Arn, partition_of
from keyturn.model.clock import to_epoch_ms
from keyturn.store import logs
from keyturn.store.database import Connection, Database
from keyturn.store.logs import EventQuery, Group, LogEvent, Stream, StreamQuery

EVENTS_PAGE_MAX: Final = 10_000
LIST_PAGE_MAX: Final = 50

_WRONG_TOKEN: Final = "The specified nextToken is invalid."
# Whatever a token of ours holds fits into the store's integers.
_DIGITS_MAX: Final = 18


class Reading:
    """The operations on logs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_log_group(self, call: AuthorisedCall) -> Output:
        name = call.params["logGroupName"]
        with self._database.write() as connection:
            if logs.find_group(connection, call.account, call.region, name) is not None:
                raise GroupExistsError
            logs.insert_group(connection, call.account, call.region, name, call.received_at)
        return {}

    def delete_log_group(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            logs.delete_group(connection, _group(connection, call).id)
        return {}

    def describe_log_groups(self, call: AuthorisedCall) -> Output:
        most = call.params.get("limit", LIST_PAGE_MAX)
        with self._database.read() as connection:
            found = logs.groups_page(
                connection,
                account=call.account,
                region=call.region,
                prefix=call.params.get("logGroupNamePrefix", ""),
                after=call.params.get("nextToken", ""),
                most=most + 1,
            )
        return {
            "logGroups": [_group_members(group) for group in found[:most]],
            "nextToken": found[most - 1].name if len(found) > most else None,
        }

    def describe_log_streams(self, call: AuthorisedCall) -> Output:
        most = call.params.get("limit", LIST_PAGE_MAX)
        with self._database.read() as connection:
            group = _group(connection, call)
            query = _stream_query(group, call.params, most)
            found = logs.streams_page(connection, query)
        return {
            "logStreams": [_stream_members(group, stream) for stream in found[:most]],
            "nextToken": str(query.skipped + most) if len(found) > most else None,
        }

    def get_log_events(self, call: AuthorisedCall) -> Output:
        params = call.params
        place, is_backward = _place(params.get("nextToken"))
        if place is None:
            is_backward = not params.get("startFromHead", False)
        with self._database.read() as connection:
            group = _group(connection, call)
            if logs.find_stream_id(connection, group.id, params["logStreamName"]) is None:
                raise StreamNotFoundError
            found = logs.read(
                connection,
                EventQuery(
                    group_id=group.id,
                    streams=[params["logStreamName"]],
                    start_ms=params.get("startTime"),
                    end_ms=params.get("endTime"),
                    place=place,
                    is_backward=is_backward,
                    most=params.get("limit", EVENTS_PAGE_MAX),
                ),
            )
        return {
            "events": [_event_members(event) for event in found],
            **_tokens(found, place, is_backward=is_backward),
        }

    def filter_log_events(self, call: AuthorisedCall) -> Output:
        params = call.params
        matches = read_pattern(params.get("filterPattern", ""))
        most = params.get("limit", EVENTS_PAGE_MAX)
        with self._database.read() as connection:
            group = _group(connection, call)
            found = logs.read(
                connection,
                EventQuery(
                    group_id=group.id,
                    streams=params.get("logStreamNames"),
                    prefix=params.get("logStreamNamePrefix"),
                    start_ms=params.get("startTime"),
                    end_ms=params.get("endTime"),
                    place=_place(params.get("nextToken"))[0],
                    most=most + 1,
                ),
            )
        page = found[:most]
        return {
            "events": [_filtered_members(event) for event in page if matches(event.message)],
            "searchedLogStreams": [],
            "nextToken": _token("f", page[-1]) if len(found) > most else None,
        }


def group_name(call: AuthenticatedCall) -> str:
    """Return the group that a call names, by its name or its ARN."""
    stated = call.params.get("logGroupName") or call.params.get("logGroupIdentifier")
    if not stated:
        raise ParameterError("Either logGroupName or logGroupIdentifier must be given.")
    arn = Arn.parse(stated)
    return (
        str(stated) if arn is None else arn.resource.removeprefix("log-group:").removesuffix(":*")
    )


def group_arn(region: str, account: str, name: str) -> str:
    """Return the ARN that policies name a group by."""
    return str(Arn(partition_of(region), "logs", region, account, f"log-group:{name}:*"))


def _group(connection: Connection, call: AuthorisedCall) -> Group:
    group = logs.find_group(connection, call.account, call.region, group_name(call))
    if group is None:
        raise GroupNotFoundError
    return group


def _stream_query(group: Group, params: Mapping[str, Any], most: int) -> StreamQuery:
    is_by_time = params.get("orderBy") == "LastEventTime"
    if is_by_time and "logStreamNamePrefix" in params:
        raise ParameterError("Cannot order by LastEventTime with a logStreamNamePrefix.")
    return StreamQuery(
        group_id=group.id,
        prefix=params.get("logStreamNamePrefix", ""),
        is_by_time=is_by_time,
        is_descending=params.get("descending", False),
        skipped=_number(params.get("nextToken", "0")),
        most=most + 1,
    )


def _place(token: str | None) -> tuple[tuple[int, int] | None, bool]:
    """Return the place that a token names, and whether it leads backward from there."""
    if token is None:
        return None, False
    direction, _, rest = token.partition("/")
    at, _, number = rest.partition("/")
    if direction not in ("f", "b"):
        raise ParameterError(_WRONG_TOKEN)
    return (_number(at), _number(number)), direction == "b"


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX):
        raise ParameterError(_WRONG_TOKEN)
    return int(text)


def _token(direction: str, event: LogEvent) -> str:
    return f"{direction}/{to_epoch_ms(event.at)}/{event.id}"


def _tokens(found: list[LogEvent], place: tuple[int, int] | None, *, is_backward: bool) -> Output:
    if not found:
        # AWS: at either end the same token comes back. The other leads back over what was seen,
        # the event at this place with it.
        at, number = place or (0, 1)
        return {
            "nextForwardToken": f"f/{at}/{number - is_backward}",
            "nextBackwardToken": f"b/{at}/{number + (not is_backward)}",
        }
    return {
        "nextForwardToken": _token("f", found[-1]),
        "nextBackwardToken": _token("b", found[0]),
    }


def _group_members(group: Group) -> Output:
    arn = group_arn(group.region, group.account, group.name)
    return {
        "logGroupName": group.name,
        "creationTime": to_epoch_ms(group.created_at),
        "metricFilterCount": 0,
        "arn": arn,
        "logGroupArn": arn.removesuffix(":*"),
        "storedBytes": 0,
        "logGroupClass": "STANDARD",
    }


def _stream_members(group: Group, stream: Stream) -> Output:
    arn = group_arn(group.region, group.account, group.name)
    return {
        "logStreamName": stream.name,
        "creationTime": to_epoch_ms(stream.created_at),
        "firstEventTimestamp": None if stream.first_at is None else to_epoch_ms(stream.first_at),
        "lastEventTimestamp": None if stream.last_at is None else to_epoch_ms(stream.last_at),
        "lastIngestionTime": (
            None if stream.ingested_at is None else to_epoch_ms(stream.ingested_at)
        ),
        "arn": f"{arn.removesuffix(':*')}:log-stream:{stream.name}",
        "storedBytes": 0,
    }


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
