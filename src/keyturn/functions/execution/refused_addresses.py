"""Tells the operator which addresses functions were kept from, in only so many lines.

The rules, which every caller may rely on:

* An address and port is told once a minute for each function, and of one function ``TOLD_MAX``.
* What isn't told is counted; the number is told once a function is refused something later on.
* Nobody waits for another's line to be written but where it is written.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
import threading
from typing import Final

import structlog

from keyturn.functions.execution.egress import IPAddress

MINUTE_SECONDS: Final = 60
#: Addresses and ports of one function that are told in a minute.
TOLD_MAX: Final = 10

_log = structlog.get_logger(__name__)


class RefusedAddresses:
    """What was told in this minute. Used by many threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._began_at = monotonic()
        self._told: defaultdict[str, set[tuple[IPAddress, int]]] = defaultdict(set)
        self._untold: Counter[str] = Counter()
        self._lock = threading.Lock()

    def tell(self, function: str, address: IPAddress, port: int) -> None:
        """Log that a function was kept from an address, unless there was enough of that."""
        with self._lock:
            earlier = self._of_last_minute()
            is_told = self._is_to_be_told(function, address, port)
        for other, times in earlier.items():
            _log.warning("a function was kept from addresses again", function=other, times=times)
        if is_told:
            _log.warning(
                "a function was kept from an address",
                function=function,
                address=str(address),
                port=port,
            )

    def _of_last_minute(self) -> Counter[str]:
        """Return what wasn't told in a minute that is over, and begin another; else nothing."""
        now = self._monotonic()
        if now - self._began_at < MINUTE_SECONDS:
            return Counter()
        earlier = self._untold
        self._began_at, self._untold = now, Counter()
        self._told.clear()
        return earlier

    def _is_to_be_told(self, function: str, address: IPAddress, port: int) -> bool:
        told = self._told[function]
        if (address, port) in told or len(told) >= TOLD_MAX:
            self._untold[function] += 1
            return False
        told.add((address, port))
        return True
