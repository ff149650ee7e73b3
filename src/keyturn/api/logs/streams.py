"""Log streams: made, listed and deleted.

AWS: CloudWatch Logs API reference, CreateLogStream, DeleteLogStream, DescribeLogStreams.
"""

from datetime import datetime
from typing import Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.logs.refusals import StreamExistsError
from keyturn.api.logs.resources import find_group, find_stream, group_arn, named_group
from keyturn.api.logs.tokens import stream_place, stream_token
from keyturn.api.operation import Output
from keyturn.functions.refusals import ParameterError
from keyturn.model.clock import to_epoch_ms
from keyturn.store import log_listing, log_removal, logs
from keyturn.store.database import Database
from keyturn.store.log_listing import StreamQuery
from keyturn.store.log_tables import Group, Stream

STREAMS_PAGE_MAX: Final = 50


class Streams:
    """The operations on log streams."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_log_stream(self, call: AuthorisedCall) -> Output:
        name = call.params["logStreamName"]
        with self._database.write() as connection:
            group = find_group(connection, named_group(call), call)
            if logs.find_stream(connection, group.id, name) is not None:
                raise StreamExistsError
            logs.insert_stream(connection, group.id, name, call.received_at)
        return {}

    def delete_log_stream(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            group = find_group(connection, named_group(call), call)
            stream = find_stream(connection, group, call.params["logStreamName"])
            log_removal.remove_stream(connection, group.id, stream.id)
        return {}

    def describe_log_streams(self, call: AuthorisedCall) -> Output:
        most = call.params.get("limit", STREAMS_PAGE_MAX)
        with self._database.read() as connection:
            group = find_group(connection, named_group(call), call)
            query = _query(group, call, most + 1)
            found = log_listing.streams_page(connection, query)
        is_last = len(found) <= most
        return {
            "logStreams": [_description(group, stream) for stream in found[:most]],
            "nextToken": (
                None if is_last else stream_token(found[most - 1], is_by_time=query.is_by_time)
            ),
        }


def _query(group: Group, call: AuthorisedCall, most: int) -> StreamQuery:
    params = call.params
    is_by_time = params.get("orderBy") == "LastEventTime"
    if is_by_time and "logStreamNamePrefix" in params:
        raise ParameterError("Cannot order by LastEventTime with a logStreamNamePrefix.")
    return StreamQuery(
        group_id=group.id,
        prefix=params.get("logStreamNamePrefix", ""),
        is_by_time=is_by_time,
        is_descending=params.get("descending", False),
        after=stream_place(params.get("nextToken"), is_by_time=is_by_time),
        most=most,
    )


def _description(group: Group, stream: Stream) -> Output:
    arn = group_arn(group.region, group.account, group.name)
    return {
        "logStreamName": stream.name,
        "creationTime": to_epoch_ms(stream.created_at),
        "firstEventTimestamp": _epoch_ms(stream.first_at),
        "lastEventTimestamp": _epoch_ms(stream.last_at),
        "lastIngestionTime": _epoch_ms(stream.ingested_at),
        "arn": f"{arn}:log-stream:{stream.name}",
        # AWS: "no longer supported for log streams, and is always reported as zero".
        "storedBytes": 0,
    }


def _epoch_ms(at: datetime | None) -> int | None:
    return None if at is None else to_epoch_ms(at)
