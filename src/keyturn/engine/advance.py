"""What ``keyturn clock advance`` does: ask the engine for a journey, and wait until it is over.

It doesn't wait for a server that is gone. However it ends before the clock has arrived, also by
Ctrl-C, it takes the journey back: the engine finishes what is due at that moment and leaves the
clock there.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
import threading
from typing import Final

from keyturn.engine.virtual_clock import Arrival, Journey, VirtualClock
from keyturn.model.errors import ConflictError

WATCH_EVERY_SECONDS: Final = 0.05


class ServerGoneError(ConflictError):
    """The server stopped before the clock had arrived."""

    def __init__(self, at: datetime) -> None:
        super().__init__(
            f"The server stopped while its clock was being moved: at {at:%Y-%m-%dT%H:%M:%SZ}. "
            "Start it again, and advance the clock by what is left."
        )


def advance(
    clock: VirtualClock,
    by: timedelta,
    *,
    tap: Callable[[], None],
    is_served: Callable[[], bool],
    watch: Callable[[Journey, datetime], None],
) -> Arrival:
    """Move a running server's clock, and return how the journey ended.

    Args:
        tap: tells the engine that there is something to do.
        is_served: says whether the server is still there.
        watch: is given the time, again and again until the clock has arrived.

    Raises:
        ClockLimitError: the journey would end too late.
        ServerGoneError: the server stopped meanwhile.
    """
    journey, arrival, pause = clock.set_out(by), None, threading.Event()
    try:
        tap()
        while arrival is None and is_served():
            watch(journey, clock.now())
            pause.wait(WATCH_EVERY_SECONDS)
            arrival = clock.arrival_of(journey)
    finally:
        if arrival is None:
            clock.give_up(journey)
    if arrival is None:
        raise ServerGoneError(clock.now())
    return arrival
