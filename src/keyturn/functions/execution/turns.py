"""How many invocations of a function are under way elsewhere: the others wait for their turn.

A turn has a name that no other turn of the function has at the same time.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
import secrets
import threading
from typing import Final

from keyturn.functions.refusals import EnvironmentsBusyError

WAIT_SECONDS_MAX: Final = 60


class Turns:
    """The turns of every function. Used by many threads."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._names: defaultdict[int, list[str]] = defaultdict(list)
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, function_id: int, most: int) -> Iterator[str]:
        """Wait until fewer than ``most`` of a function's turns are taken, and yield one's name.

        Raises:
            EnvironmentsBusyError: there was none for ``WAIT_SECONDS_MAX``.
        """
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._counts[function_id] < most, WAIT_SECONDS_MAX
            ):
                raise EnvironmentsBusyError(WAIT_SECONDS_MAX)
            self._counts[function_id] += 1
            free = self._names[function_id]
            name = free.pop() if free else secrets.token_hex(16)
        try:
            yield name
        finally:
            with self._changed:
                self._counts[function_id] -= 1
                self._names[function_id].append(name)
                self._changed.notify_all()
