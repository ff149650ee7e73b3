"""How much output may wait in memory to be stored: of each function, and of all together. Pure.

A function that prints faster than the store can be written has its own share, and leaves the rest
to the others.
"""

from collections import Counter
import sys
from typing import Final

#: As much as sixteen environments print at once in long lines, or five in empty ones.
WAITING_BYTES_PER_FUNCTION_MAX: Final = 64 << 20
WAITING_BYTES_MAX: Final = 256 << 20
#: What a line takes beside its text: itself, its time, and its places in lists.
_LINE_BYTES: Final = 256


class Room:
    """Counts what waits. Whoever uses it from several threads holds a lock."""

    def __init__(self) -> None:
        self._taken_bytes: Counter[str] = Counter()
        self._all_bytes = 0

    def take(self, function_arn: str, length_bytes: int) -> bool:
        """Take room for a line of a function, if there is; return whether there was."""
        of_function = self._taken_bytes[function_arn] + length_bytes
        of_all = self._all_bytes + length_bytes
        if of_function > WAITING_BYTES_PER_FUNCTION_MAX or of_all > WAITING_BYTES_MAX:
            return False
        self._taken_bytes[function_arn] = of_function
        self._all_bytes = of_all
        return True

    def give_back(self, function_arn: str, length_bytes: int) -> None:
        """Give back what was taken for a line."""
        self._all_bytes -= length_bytes
        self._taken_bytes[function_arn] -= length_bytes
        if not self._taken_bytes[function_arn]:
            # Or every function that ever was would be counted for ever.
            del self._taken_bytes[function_arn]


def memory_bytes(message: str) -> int:
    """Return how much memory a line takes."""
    return sys.getsizeof(message) + _LINE_BYTES
