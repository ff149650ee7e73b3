"""Time comes in from outside: whoever needs it takes a ``Clock``.

Instants are aware datetimes in UTC. The store keeps them as whole milliseconds since the
epoch, which is also the precision that AWS's timestamps have.
"""

from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Return the current instant, aware and in UTC, to the millisecond."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return truncated_to_ms(datetime.now(UTC))


def truncated_to_ms(at: datetime) -> datetime:
    """Return ``at`` without its microseconds below the millisecond."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def to_epoch_ms(at: datetime) -> int:
    """Return whole milliseconds since the epoch, as the store keeps them."""
    return (at - _EPOCH) // _MILLISECOND


def from_epoch_ms(epoch_ms: int) -> datetime:
    """Return the instant that ``to_epoch_ms`` made ``epoch_ms`` from."""
    return _EPOCH + timedelta(milliseconds=epoch_ms)
