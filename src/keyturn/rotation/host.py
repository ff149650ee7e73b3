"""A circuit breaker for each host that rotations touch: one that is dead doesn't hold up the rest.

After ``rotation_hosts.FAILURES_MAX`` steps in a row that didn't reach it, nobody tries a host
for a while, which doubles each time; then one rotation at a time tries, and the first that reaches
it opens the way for all. Rotations that are held up keep their place and their attempts.
"""

from datetime import datetime, timedelta
from typing import Final

from keyturn.model.rotation import Cause, Step, Target
from keyturn.store import rotation_hosts
from keyturn.store.database import Connection

PAUSE_SECONDS_MIN: Final = 60

#: The steps in which a function talks to the target.
_TOUCHING: Final = frozenset({Step.SET, Step.TEST})
_NOT_REACHED: Final = frozenset(
    {Cause.TARGET_UNREACHABLE, Cause.CONNECTION_LOST, Cause.FUNCTION_TIMED_OUT}
)
# These the target itself has answered with.
_ANSWERED: Final = frozenset(
    {
        None,
        Cause.TLS_REFUSED,
        Cause.LOGIN_REFUSED,
        Cause.RIGHT_MISSING,
        Cause.VALUE_REFUSED,
        Cause.TARGET_READ_ONLY,
        Cause.STATEMENT_FAILED,
    }
)


def note_outcome(
    connection: Connection, target: Target, step: Step, cause: Cause | None, now: datetime
) -> None:
    """Note what the outcome of a step says of the host. ``cause`` is None for a success."""
    if target.host is None or step not in _TOUCHING:
        return
    if cause in _NOT_REACHED:
        failures = rotation_hosts.failures_of(connection, target.host) + 1
        rotation_hosts.note_failure(
            connection, target.host, failures=failures, blocked_until=now + pause_after(failures)
        )
    elif cause in _ANSWERED:
        rotation_hosts.note_success(connection, target.host)


def pause_after(failures: int) -> timedelta:
    """Return how long nobody tries a host that wasn't reached so often in a row."""
    doublings = min(max(failures - rotation_hosts.FAILURES_MAX, 0), 16)
    seconds = min(PAUSE_SECONDS_MIN * 2**doublings, rotation_hosts.PAUSE_SECONDS_MAX)
    return timedelta(seconds=seconds)
