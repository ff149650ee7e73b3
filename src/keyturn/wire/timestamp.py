"""Timestamps in the three formats of AWS's protocols, both ways.

* ``unixTimestamp``: seconds since the epoch; with three fraction digits on the way out.
* ``iso8601``: such as ``2018-04-11T20:05:45Z``; milliseconds only where there are any.
* ``rfc822``: the HTTP date, which has whole seconds.

Smithy: https://smithy.io/2.0/spec/protocol-traits.html#timestampformat-trait
"""

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
import re

from keyturn.wire.malformed import MalformedError

# Narrower than datetime.fromisoformat, which also reads weeks and leaves out the zone.
_ISO8601 = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII
)
# Narrower than email.utils, which takes much of what mail programs ever wrote.
_RFC822 = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,12}(\.\d{1,9})?", re.ASCII)


def from_epoch_seconds(seconds: float) -> datetime:
    """Return the instant that a number of seconds since the epoch stands for."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise MalformedError("The timestamp is out of range") from None


def to_epoch_seconds(at: datetime) -> str:
    """Return seconds since the epoch with exactly three fraction digits."""
    return f"{at.timestamp():.3f}"


def parse_timestamp(text: str, timestamp_format: str) -> datetime:
    """Return the instant that ``text`` spells in a format of the model.

    Raises:
        MalformedError: it spells none.
    """
    try:
        return _PARSERS[timestamp_format](text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise MalformedError(f"STRING_VALUE is not a timestamp as {timestamp_format}") from None


def format_timestamp(at: datetime, timestamp_format: str) -> str:
    """Return ``at`` as text in a format of the model."""
    return _FORMATTERS[timestamp_format](at)


def _from_decimal(text: str) -> datetime:
    if not _DECIMAL.fullmatch(text):
        raise ValueError
    return from_epoch_seconds(float(text))


def _from_iso8601(text: str) -> datetime:
    if not _ISO8601.fullmatch(text):
        raise ValueError
    return datetime.fromisoformat(text)


def _from_rfc822(text: str) -> datetime:
    if not _RFC822.fullmatch(text):
        raise ValueError
    return parsedate_to_datetime(text)


def _to_iso8601(at: datetime) -> str:
    at = at.astimezone(UTC)
    has_ms = at.microsecond >= 1000  # noqa: PLR2004  microseconds in a millisecond
    precision = "milliseconds" if has_ms else "seconds"
    return at.replace(tzinfo=None).isoformat(timespec=precision) + "Z"


def _to_rfc822(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


_PARSERS: dict[str, Callable[[str], datetime]] = {
    "unixTimestamp": _from_decimal,
    "iso8601": _from_iso8601,
    "rfc822": _from_rfc822,
}
_FORMATTERS: dict[str, Callable[[datetime], str]] = {
    "unixTimestamp": to_epoch_seconds,
    "iso8601": _to_iso8601,
    "rfc822": _to_rfc822,
}
