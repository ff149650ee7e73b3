"""Events from whoever may write them: a function's own client, or a program beside it.

AWS: CloudWatch Logs API reference, PutLogEvents. "The sequence token is now ignored in
PutLogEvents actions."
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.api.logs.batch import check_size, read_batch
from keyturn.api.logs.resources import find_group, find_stream, named_group
from keyturn.api.operation import Output
from keyturn.store import logs
from keyturn.store.database import Database


class Writing:
    """The operation that writes events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_log_events(self, call: AuthorisedCall) -> Output:
        brought, now = call.params["logEvents"], call.received_at
        check_size(brought)
        with self._database.write() as connection:
            group = find_group(connection, named_group(call), call)
            stream = find_stream(connection, group, call.params["logStreamName"])
            batch = read_batch(brought, now=now, retention_days=group.retention_days)
            logs.append(connection, stream, batch.events, now)
        return {
            # Older clients send it with the next batch, and stumble where there is none.
            "nextSequenceToken": f"{stream.id:056d}",
            "rejectedLogEventsInfo": batch.rejected or None,
        }
