"""What comes back from a function whose code runs elsewhere.

Three things are told apart, and a rotation lives by it: the function *answered*, with its result
or its error; the event *surely didn't reach it* (``FunctionUnavailableError``); and nobody knows
whether it did its work: ``TimedOut`` and ``Lost``.

An answer that isn't JSON is no function's: with the wrong URL, a page that says 200 would
otherwise be a rotation step that succeeded.
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from keyturn.functions.execution.environment import INIT_SECONDS_MAX, TimedOut
from keyturn.functions.execution.runtime_api import Answered, Outcome
from keyturn.model.function_place import Place

#: For the connection alone; an address that doesn't answer is told from a function that doesn't.
CONNECT_SECONDS_MAX: Final = 10
#: Beyond a function's timeout: its process is started, as long as Lambda lets it take; and what
#: ends it there says so first.
GRACE_SECONDS: Final = INIT_SECONDS_MAX + 5


@dataclass(frozen=True, slots=True)
class Lost:
    """The request was sent, and what came back doesn't tell what the function did."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is sent. ``seconds`` is how long an answer is waited for."""

    request_id: str
    payload: bytes = field(repr=False)
    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """How it ended, and the last of what the function logged there, if that is told."""

    ending: Outcome | TimedOut | Lost
    log: tuple[str, ...] = field(default=(), repr=False)


def answered(place: Place, body: bytes) -> Answered | Lost:
    """Return what came back without an error as the function's answer, if it can be one."""
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return Lost(f"{place} answered with something that isn't JSON, as no function does")
    return Answered(body)
