"""Warm environments: each invocation has one to itself, and leaves it for the next.

The rules, which every caller may rely on:

* An environment is only used again for the same function, code and configuration, and as long as
  its credentials last.
* One that died, timed out or misbehaved is ended, never used again.
* There are at most ``ENVIRONMENTS_MAX`` at once. When all are busy a caller waits, for a bounded
  time; an idle one of another function makes room.
* Processes are started by one thread that lives as long as the pool: the kernel ends a process
  when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
import threading
import time
from typing import Final

from keyturn.functions.environment import Blueprint, Environment
from keyturn.functions.refusals import FunctionUnavailableError

ENVIRONMENTS_MAX: Final = 32
WAIT_SECONDS_MAX: Final = 60
IDLE_SECONDS_MAX: Final = 300
#: The session of an environment lasts an hour; it is ended well before.
_AGE_SECONDS_MAX: Final = 2400


@dataclass(slots=True)
class Slot:
    """An environment in the pool. ``is_spent`` keeps it from being used again."""

    key: str
    environment: Environment
    started_at: float
    used_at: float
    is_spent: bool = False

    def is_usable(self, now: float) -> bool:
        """Return whether another invocation may have it."""
        is_fresh = now - self.started_at < _AGE_SECONDS_MAX
        return not self.is_spent and is_fresh and self.environment.is_alive


class Pool:
    """Every environment of this engine."""

    def __init__(self) -> None:
        self._idle: list[Slot] = []
        self._count = 0
        self._changed = threading.Condition()
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="starter")

    @contextmanager
    def environment(self, key: str, blueprint: Callable[[], Blueprint]) -> Iterator[Slot]:
        """Yield an environment for ``key``, warm if there is one.

        Raises:
            FunctionUnavailableError: all stay busy for too long.
        """
        slot = self._taken(key) or self._started(key, blueprint)
        try:
            yield slot
        except BaseException:
            slot.is_spent = True
            raise
        finally:
            self._give_back(slot)

    def end_idle(self) -> None:
        """End the environments that nobody has used for a while."""
        now = time.monotonic()
        with self._changed:
            ended = [slot for slot in self._idle if now - slot.used_at > IDLE_SECONDS_MAX]
            self._idle = [slot for slot in self._idle if slot not in ended]
        for slot in ended:
            self._end(slot)

    def close(self) -> None:
        """End every idle environment. Busy ones end with this process."""
        with self._changed:
            ended, self._idle = self._idle, []
        for slot in ended:
            self._end(slot)

    def _taken(self, key: str) -> Slot | None:
        now = time.monotonic()
        with self._changed:
            for slot in reversed(self._idle):
                if slot.key == key:
                    self._idle.remove(slot)
                    break
            else:
                return None
        if slot.is_usable(now):
            return slot
        self._end(slot)
        return self._taken(key)

    def _started(self, key: str, blueprint: Callable[[], Blueprint]) -> Slot:
        self._reserve()
        try:
            prepared = blueprint()
            environment = self._starter.submit(Environment, prepared).result()
        except BaseException:
            self._release()
            raise
        now = time.monotonic()
        return Slot(key, environment, started_at=now, used_at=now)

    def _reserve(self) -> None:
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        with self._changed:
            while self._count >= ENVIRONMENTS_MAX:
                if self._idle:
                    self._idle.pop(0).environment.close()
                    self._count -= 1
                elif not self._changed.wait(deadline - time.monotonic()):
                    raise FunctionUnavailableError(
                        f"All {ENVIRONMENTS_MAX} execution environments have been busy for "
                        f"{WAIT_SECONDS_MAX} seconds. Try again later."
                    )
            self._count += 1

    def _release(self) -> None:
        with self._changed:
            self._count -= 1
            self._changed.notify()

    def _give_back(self, slot: Slot) -> None:
        slot.used_at = time.monotonic()
        if not slot.is_usable(slot.used_at):
            self._end(slot)
            return
        with self._changed:
            self._idle.append(slot)
            self._changed.notify()

    def _end(self, slot: Slot) -> None:
        slot.environment.close()
        self._release()
