"""The secret values that each function has seen, kept in memory to take them out of its output.

The rules, which every caller may rely on:

* A function has seen what it was given and what it gave, session credentials included. What one
  environment of it has seen is taken out of the output of all of them, and of no other function's.
* A value is kept for ``KEPT_SECONDS`` after it was last seen: whoever could print it, an
  environment whose session lasts no longer, is gone by then. A value that has changed may so be
  taken out of texts for a while in which it is no secret any more.
* What was told before ``redact`` is called is known to it: it takes in first what waits to be.
* A function that has seen more than is kept loses the text of its output, not the values in it:
  from then on, and until ``KEPT_SECONDS`` after the last value that found no room, each line reads
  ``WITHHELD``. No output is stored that values weren't looked for in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
import threading
from typing import Final

from keyturn.functions.output.leaves import leaves_of
from keyturn.functions.output.redaction import Redactor

#: As long as the session of an environment lasts, and what it printed may be held.
KEPT_SECONDS: Final = 3600 + 60
#: About 4,000 rotations in that time. A character takes up to 250 bytes of memory.
CHARACTERS_PER_FUNCTION_MAX: Final = 262_144
#: Of all functions of an engine together.
CHARACTERS_MAX: Final = 2_097_152
WITHHELD: Final = "[output withheld: the function has seen more secret values than are looked for]"
_FORGET_EVERY_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Sighting:
    """A value that a function has seen."""

    function_arn: str
    value: bytes = field(repr=False)


Receive = Callable[[], Iterable[Sighting]]
"""Returns what has been told and not been received, without waiting."""


class SeenValues:
    """What every function of this engine has seen. Used by many threads.

    Args:
        seconds: a clock that is never put back or forward, as ``time.monotonic`` is.
    """

    def __init__(self, seconds: Callable[[], float], receive: Receive = tuple) -> None:
        self._seconds = seconds
        self._receive = receive
        self._functions: dict[str, _Seen] = {}
        self._characters = 0
        self._forgot_at = seconds()
        self._lock = threading.Lock()

    def take_in(self) -> None:
        """Take in what waits to be."""
        with self._lock:
            for sighting in self._receive():
                self._note(sighting)

    def note(self, function_arn: str, *values: bytes) -> None:
        """Note that a function, by its unqualified ARN, has seen these values."""
        with self._lock:
            for value in values:
                self._note(Sighting(function_arn, value))

    def redact(self, function_arn: str, lines: Sequence[str]) -> list[str]:
        """Return what a function printed without the values that it has seen."""
        self.take_in()
        with self._lock:
            self._forget(self._seconds())
            seen = self._functions.get(function_arn)
        if seen is None:
            return list(lines)
        if seen.overflowed_at is not None:
            return [WITHHELD] * len(lines)
        return seen.redactor.redact_lines(lines)

    def _note(self, sighting: Sighting) -> None:
        now = self._seconds()
        seen = self._functions.setdefault(sighting.function_arn, _Seen())
        for leaf in leaves_of(sighting.value):
            self._characters += seen.note(leaf, now, self._room_for(seen))

    def _room_for(self, seen: "_Seen") -> int:
        left = CHARACTERS_MAX - self._characters
        return min(CHARACTERS_PER_FUNCTION_MAX - seen.characters, left)

    def _forget(self, now: float) -> None:
        if now - self._forgot_at < _FORGET_EVERY_SECONDS:
            return
        self._forgot_at = now
        kept = {arn: seen.since(now - KEPT_SECONDS) for arn, seen in self._functions.items()}
        self._functions = {arn: seen for arn, seen in kept.items() if not seen.is_empty}
        self._characters = sum(seen.characters for seen in self._functions.values())


class _Seen:
    """What one function has seen: each value, and when it last was.

    Attributes:
        characters: how many characters the values have.
        overflowed_at: when a value last found no room.
    """

    def __init__(self) -> None:
        self.redactor = Redactor()
        self.characters = 0
        self.overflowed_at: float | None = None
        self._values: dict[str, float] = {}

    @property
    def is_empty(self) -> bool:
        return not self._values and self.overflowed_at is None

    def note(self, value: str, now: float, room: int) -> int:
        """Note a value, if there is room; return how many characters were added."""
        before = self.characters
        if value in self._values:
            self._values[value] = now
        elif len(value) > room:
            self.overflowed_at = now
        else:
            self._add(value, now)
        return self.characters - before

    def since(self, moment: float) -> "_Seen":
        """Return what was seen since a moment: this, if all of it was."""
        kept = {value: at for value, at in self._values.items() if at >= moment}
        is_over = self.overflowed_at is not None and self.overflowed_at < moment
        if len(kept) == len(self._values) and not is_over:
            return self
        left = _Seen()
        left.overflowed_at = None if is_over else self.overflowed_at
        for value, at in kept.items():
            left._add(value, at)
        return left

    def _add(self, value: str, now: float) -> None:
        if self.redactor.add(value):
            self.characters += len(value)
            self._values[value] = now
