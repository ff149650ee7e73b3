"""Warm environments: each invocation has one to itself, and leaves it for the next.

The rules, which every caller may rely on:

* An environment is only used again for the same function, code and configuration, and as long as
  its credentials last. Those of an earlier configuration end when the function is next invoked.
* One that died, timed out or couldn't start is ended, never used again.
* There are at most ``ENVIRONMENTS_MAX`` at once, ``ENVIRONMENTS_PER_FUNCTION_MAX`` of them one
  function's. When there is none to be had a caller waits, for a bounded time; an idle one of
  another function makes room.
* Processes are started by one thread that lives as long as the pool: the kernel ends a process
  when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
import shutil
import threading
import time
from typing import Final

from keyturn.functions.execution.environment import Blueprint, Environment
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_api import RuntimeApi
from keyturn.functions.refusals import EnvironmentsBusyError, FunctionUnavailableError

ENVIRONMENTS_MAX: Final = 32
ENVIRONMENTS_PER_FUNCTION_MAX: Final = 16
WAIT_SECONDS_MAX: Final = 60
IDLE_SECONDS_MAX: Final = 300
#: The session of an environment lasts an hour; the environment is ended a longest timeout before.
AGE_SECONDS_MAX: Final = 3600 - 900 - 60


@dataclass(frozen=True, slots=True)
class Key:
    """What an environment can be used for."""

    function_arn: str
    revision_id: str


@dataclass(slots=True, eq=False)
class Slot:
    """An environment in the pool. ``is_warm`` when it has served an invocation."""

    key: Key
    environment: Environment
    used_at: float
    is_warm: bool = False

    def is_usable(self, now: float) -> bool:
        """Return whether another invocation may have it."""
        age_seconds = now - self.environment.started_at
        return age_seconds < AGE_SECONDS_MAX and self.environment.is_usable


class _Reserved:
    """A place for an environment that will be started."""


_RESERVED: Final = _Reserved()


class Pool:
    """Every environment of this engine.

    Attributes:
        processes: those of the environments.
    """

    def __init__(self) -> None:
        self.processes = Processes()
        self._idle: list[Slot] = []
        self._counts: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="starter")
        self._api = RuntimeApi()
        self._is_closed = False

    @contextmanager
    def environment(self, key: Key, blueprint: Callable[[], Blueprint]) -> Iterator[Slot]:
        """Yield an environment for ``key``, warm if there is one.

        Raises:
            EnvironmentsBusyError: none was to be had for ``WAIT_SECONDS_MAX``.
            FunctionUnavailableError: the process can't be started.
        """
        slot = self._taken(key) or self._started(key, blueprint)
        try:
            yield slot
        except BaseException:
            self._end(slot)
            raise
        self._give_back(slot)

    def end_idle(self) -> None:
        """End the environments that nobody has used for a while."""
        now = time.monotonic()
        self._end_all(lambda slot: now - slot.used_at > IDLE_SECONDS_MAX)

    def close(self) -> None:
        """End every idle environment, and take no callers. Busy ones end with this process."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._end_all(lambda _: True)
        self.processes.end_what_they_started()
        self._api.close()

    def _taken(self, key: Key) -> Slot | None:
        """Return an idle environment; None when a place is reserved for one to be started."""
        self._end_all(lambda slot: _is_outdated(slot, key))
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while (found := self._awaited(key, deadline)) is not _RESERVED:
            assert isinstance(found, Slot)
            if found.key == key and found.is_usable(time.monotonic()):
                return found
            self._end(found)
        return None

    def _awaited(self, key: Key, deadline: float) -> "Slot | _Reserved":
        with self._changed:
            while not self._is_closed:
                found = self._found(key)
                if found is not None:
                    return found
                if not self._changed.wait(deadline - time.monotonic()):
                    raise EnvironmentsBusyError(WAIT_SECONDS_MAX)
            raise FunctionUnavailableError("The engine is stopping. Try again shortly.")

    def _found(self, key: Key) -> "Slot | _Reserved | None":
        """Return one for ``key``, or a place reserved, or one that must make room for it."""
        for slot in reversed(self._idle):
            if slot.key == key:
                self._idle.remove(slot)
                return slot
        if self._counts[key.function_arn] >= ENVIRONMENTS_PER_FUNCTION_MAX:
            return None
        if self._counts.total() < ENVIRONMENTS_MAX:
            self._counts[key.function_arn] += 1
            return _RESERVED
        return self._idle.pop(0) if self._idle else None

    def _started(self, key: Key, blueprint: Callable[[], Blueprint]) -> Slot:
        try:
            environment = self._start(blueprint())
        except BaseException:
            self._release(key)
            raise
        return Slot(key, environment, used_at=environment.started_at)

    def _start(self, blueprint: Blueprint) -> Environment:
        try:
            return self._starter.submit(Environment, blueprint, self._api, self.processes).result()
        except OSError as error:
            shutil.rmtree(blueprint.temporary, ignore_errors=True)
            raise FunctionUnavailableError(
                f"The function's process can't be started on this machine: {error.strerror}."
            ) from error

    def _give_back(self, slot: Slot) -> None:
        slot.used_at, slot.is_warm = time.monotonic(), True
        is_kept = slot.is_usable(slot.used_at)
        with self._changed:
            if is_kept and not self._is_closed:
                self._idle.append(slot)
                self._changed.notify_all()
                return
        self._end(slot)

    def _end_all(self, is_meant: Callable[[Slot], bool]) -> None:
        with self._changed:
            ended = [slot for slot in self._idle if is_meant(slot)]
            self._idle = [slot for slot in self._idle if slot not in ended]
        for slot in ended:
            self._end(slot)

    def _end(self, slot: Slot) -> None:
        slot.environment.close()
        self._release(slot.key)

    def _release(self, key: Key) -> None:
        with self._changed:
            self._counts[key.function_arn] -= 1
            # Or every function that ever was would be counted for ever.
            self._counts += Counter()
            self._changed.notify_all()


def _is_outdated(slot: Slot, key: Key) -> bool:
    return slot.key.function_arn == key.function_arn and slot.key != key
