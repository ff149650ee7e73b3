"""How often is too often: the generic cell rate algorithm, on whole nanoseconds.

One number says all that has to be known of a caller: its *theoretical arrival time*, the instant
at which it would be even if each request it was admitted with took the same interval. A request
moves that number on by one interval; it is one too many if that carries it further ahead of now
than a burst takes.

* In any window of t seconds at most ``requests a second * t + burst`` are admitted. Intervals are
  rounded up to whole nanoseconds, so that this holds to the last request.
* The burst is one second's worth of requests, whole ones, and never less than one: 100 a second
  lets 100 pass at once, half a one a second lets one pass.
* What is refused isn't charged: whoever keeps asking is still admitted as often as the rate says.
* A number that lies in the past, zero for one, says the same as none: nothing has to be tidied up.

Pure: it reads no clock and keeps nothing. ``keyturn.api.rate_limit`` does both.

Source: ITU-T I.371, "Traffic control and congestion control in B-ISDN", the virtual scheduling
form.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Final

#: One in a thousand seconds. Slower than that is a mistake rather than a limit.
REQUESTS_PER_SECOND_MIN: Final = 0.001
#: One a microsecond, more than a process can answer: an interval then still has a thousand steps.
REQUESTS_PER_SECOND_MAX: Final = 1_000_000

_SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RequestRate:
    """How far apart requests are in the long run, and how many may come at once."""

    interval_ns: int
    burst_requests: int

    @classmethod
    def per_second(cls, requests: float) -> "RequestRate":
        """Return the rate of so many requests a second."""
        assert REQUESTS_PER_SECOND_MIN <= requests <= REQUESTS_PER_SECOND_MAX
        return cls(ceil(_SECOND_NS / Fraction(requests)), max(1, int(requests)))

    def charged(self, arrival_ns: int, now_ns: int) -> int | None:
        """Return the theoretical arrival time after one more request; None if it's too many."""
        charged_ns = max(arrival_ns, now_ns) + self.interval_ns
        is_too_many = charged_ns - now_ns > self.burst_requests * self.interval_ns
        return None if is_too_many else charged_ns
