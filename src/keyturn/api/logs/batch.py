"""A batch of events that a writer brings: what AWS takes of it. Pure.

* A batch that is too large, out of order or too long a span is refused as a whole.
* Of any other, events that are too old or too new are left out, and the answer says which.

AWS: CloudWatch Logs API reference, PutLogEvents and RejectedLogEventsInfo.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from keyturn.functions.refusals import ParameterError
from keyturn.model.clock import from_epoch_ms, to_epoch_ms
from keyturn.store.logs import size_bytes

BATCH_BYTES_MAX: Final = 1_048_576
EVENT_BYTES_MAX: Final = 1_048_576
BATCH_SPAN_MS: Final = 24 * 60 * 60 * 1000
PAST: Final = timedelta(days=14)
FUTURE: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Batch:
    """What is stored of a batch.

    Attributes:
        rejected: what isn't, as RejectedLogEventsInfo has it.
    """

    events: Sequence[tuple[datetime, str]] = field(repr=False)
    rejected: Mapping[str, int]


def check_size(events: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a batch that is too large.

    Raises:
        ParameterError: it is, or an event of it.
    """
    sizes = [size_bytes(event["message"]) for event in events]
    if max(sizes) > EVENT_BYTES_MAX:
        raise ParameterError(
            f"Log event too large: {max(sizes)} bytes exceeds limit of {EVENT_BYTES_MAX}"
        )
    if sum(sizes) > BATCH_BYTES_MAX:
        raise ParameterError(
            f"Upload too large: {sum(sizes)} bytes exceeds limit of {BATCH_BYTES_MAX}"
        )


def read_batch(
    events: Sequence[Mapping[str, Any]], *, now: datetime, retention_days: int | None
) -> Batch:
    """Return what is stored of a batch.

    Raises:
        ParameterError: it is out of order, or spans too much time.
    """
    times = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise ParameterError(
            "Log events in a single PutLogEvents request must be in chronological order."
        )
    too_old = bisect_left(times, to_epoch_ms(now - PAST))
    expired = 0
    if retention_days is not None:
        expired = bisect_left(times, to_epoch_ms(now - timedelta(days=retention_days)))
    first, end = max(too_old, expired), bisect_right(times, to_epoch_ms(now + FUTURE))
    kept = events[first:end]
    if kept and kept[-1]["timestamp"] - kept[0]["timestamp"] > BATCH_SPAN_MS:
        raise ParameterError(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 "
            "hours."
        )
    return Batch(
        [(from_epoch_ms(event["timestamp"]), event["message"]) for event in kept],
        _rejected(len(times), too_old=too_old, expired=expired, end=end),
    )


def _rejected(count: int, *, too_old: int, expired: int, end: int) -> dict[str, int]:
    rejected = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired > too_old:
        rejected["expiredLogEventEndIndex"] = expired
    if end < count:
        rejected["tooNewLogEventStartIndex"] = end
    return rejected
