"""Warm environments: each invocation has one to itself, and leaves it for the next.

The rules, which every caller may rely on:

* An environment is only used again for the same function, code and configuration, and as long as
  its credentials last. Those of an earlier configuration end when the function is next invoked.
* One that died, timed out or couldn't start is ended, never used again.
* There are at most ``ENVIRONMENTS_MAX`` at once. A function has as many of them as are reserved
  for it, and no more; without a reservation at most ``ENVIRONMENTS_PER_FUNCTION_MAX``, and none
  that is reserved for another.
* Between invocations an environment is frozen, as on AWS: it takes no time, and no more memory.
  One that can't be is ended.
* When there is none to be had a caller waits, for a bounded time; an idle one makes room.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
import threading
import time
from typing import Final

import structlog

from keyturn.functions.execution.environment import Blueprint, Environment
from keyturn.functions.execution.runtime_api import RuntimeApi
from keyturn.functions.execution.sandboxes import Sandboxes
from keyturn.functions.refusals import EnvironmentsBusyError, FunctionUnavailableError

ENVIRONMENTS_MAX: Final = 32
ENVIRONMENTS_PER_FUNCTION_MAX: Final = 16
WAIT_SECONDS_MAX: Final = 60
IDLE_SECONDS_MAX: Final = 300
#: A function that is called again at once needn't be frozen in between: that takes longer.
FROZEN_AFTER_SECONDS: Final = 0.5
#: The session of an environment lasts an hour; the environment is ended a longest timeout before.
AGE_SECONDS_MAX: Final = 3600 - 900 - 60

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """What an environment can be used for."""

    function_id: int
    version: str
    revision_id: str


@dataclass(slots=True, eq=False)
class Slot:
    """An environment in the pool.

    Attributes:
        is_warm: whether it has served an invocation.
        is_unfit: whether it may not rest in the pool.
    """

    key: Key
    environment: Environment
    used_at: float
    is_warm: bool = False
    is_frozen: bool = False
    is_unfit: bool = False
    _freezing: threading.Lock = field(default_factory=threading.Lock)

    def freeze_if(self, is_idle: Callable[[], bool]) -> None:
        """Stop everything in it, if nobody has taken it by then; whoever does waits."""
        with self._freezing:
            if is_idle():
                # As long as nothing says otherwise. It may be stopped in part from here on.
                self.is_frozen = self.is_unfit = True
                self.environment.freeze()
                # What took too much between its answer and now.
                self.is_unfit = self.environment.has_too_much

    def thaw(self) -> None:
        """Have it run."""
        with self._freezing:
            if self.is_frozen:
                self.environment.thaw()
                self.is_frozen = self.is_unfit = False

    def is_usable(self, now: float) -> bool:
        """Return whether another invocation may have it."""
        age_seconds = now - self.environment.started_at
        return age_seconds < AGE_SECONDS_MAX and self.environment.is_usable


class _Place:
    """A place for an environment that will be started."""


_PLACE: Final = _Place()

#: How many environments functions have reserved, by their ids.
Reservations = Mapping[int, int]


class Pool:
    """Every environment of this engine."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes
        self._idle: list[Slot] = []
        self._counts: Counter[int] = Counter()
        self._changed = threading.Condition()
        self._api = RuntimeApi()
        self._is_closed = False
        self._pausing = threading.Event()
        threading.Thread(target=self._freeze_idle, name="freezer", daemon=True).start()

    @contextmanager
    def environment(
        self,
        key: Key,
        blueprint: Callable[[], Blueprint],
        reservations: Callable[[], Reservations],
    ) -> Iterator[Slot]:
        """Yield an environment for ``key``, warm if there is one.

        Args:
            blueprint: what a new one is made from; asked for one only.
            reservations: asked for when none is warm.

        Raises:
            EnvironmentsBusyError: none was to be had for ``WAIT_SECONDS_MAX``.
            FunctionUnavailableError: the process can't be started.
        """
        slot = self._warm(key) or self._taken(key, reservations()) or self._started(key, blueprint)
        is_given_back = False
        try:
            slot.thaw()
            yield slot
            is_given_back = self._is_given_back(slot)
        finally:
            if not is_given_back:
                self._end(slot)

    def end_idle(self) -> None:
        """End the environments that nobody has used for a while."""
        now = time.monotonic()
        self._end_all(lambda slot: now - slot.used_at > IDLE_SECONDS_MAX)

    def close(self) -> None:
        """End every idle environment, and take no callers. Busy ones end with this process."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._pausing.set()
        with ExitStack() as parts:
            parts.callback(self._api.close)
            parts.callback(self._sandboxes.processes.end_what_they_started)
            parts.callback(self._sandboxes.close)
            self._end_all(lambda _: True)

    def _freeze_idle(self) -> None:
        while not self._is_closed:
            before = time.monotonic() - FROZEN_AFTER_SECONDS
            for slot in self._unfrozen():
                if slot.used_at <= before:
                    # Not under the pool's lock: among many processes it takes a while.
                    self._survives(partial(slot.freeze_if, partial(self._is_idle, slot)))
            self._survives(partial(self._end_all, lambda slot: slot.is_unfit))
            self._pausing.wait(FROZEN_AFTER_SECONDS / 2)

    def _survives(self, piece: Callable[[], None]) -> None:
        """Do a piece of the freezer's round. Whatever goes wrong, it must freeze all others."""
        try:
            piece()
        except Exception:  # noqa: BLE001 - this thread is an outermost edge
            _log.exception("an environment couldn't be frozen, or ended")

    def _unfrozen(self) -> list[Slot]:
        """Wait until there are idle environments that run, or the pool is closed."""
        with self._changed:
            while True:
                found = [slot for slot in self._idle if not slot.is_frozen]
                if found or self._is_closed:
                    return found
                self._changed.wait()

    def _is_idle(self, slot: Slot) -> bool:
        with self._changed:
            return slot in self._idle

    def _warm(self, key: Key) -> Slot | None:
        """Return an idle environment of the function, if there is one."""
        while True:
            with self._changed:
                slot = None if self._is_closed else self._idle_of(key)
            if slot is None or self._is_usable(slot):
                return slot

    def _taken(self, key: Key, reservations: Reservations) -> Slot | None:
        """Return an idle environment; None when a place is kept for one to be started."""
        self._end_all(lambda slot: _is_outdated(slot, key))
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        while (found := self._awaited(key, reservations, deadline)) is not _PLACE:
            assert isinstance(found, Slot)
            if found.key != key:
                self._end(found)
            elif self._is_usable(found):
                return found
        return None

    def _is_usable(self, slot: Slot) -> bool:
        """Return whether one that was idle can be used again; else it is ended."""
        is_usable = False
        try:
            is_usable = slot.is_usable(time.monotonic())
        finally:
            if not is_usable:
                self._end(slot)
        return is_usable

    def _awaited(self, key: Key, reservations: Reservations, deadline: float) -> "Slot | _Place":
        with self._changed:
            while not self._is_closed:
                found = self._found(key, reservations)
                if found is not None:
                    return found
                if not self._changed.wait(deadline - time.monotonic()):
                    raise EnvironmentsBusyError(WAIT_SECONDS_MAX)
            raise FunctionUnavailableError("The engine is stopping. Try again shortly.")

    def _found(self, key: Key, reservations: Reservations) -> "Slot | _Place | None":
        """Return one for ``key``, or a place kept, or one that must make room for it."""
        slot = self._idle_of(key)
        if slot is not None:
            return slot
        most = reservations.get(key.function_id, ENVIRONMENTS_PER_FUNCTION_MAX)
        if self._counts[key.function_id] >= most:
            # One of another version may be idle.
            return self._idle_where(lambda other: other.key.function_id == key.function_id)
        if self._has_room(key, reservations):
            self._counts[key.function_id] += 1
            return _PLACE
        return self._idle_where(lambda other: self._may_make_room(other, reservations))

    def _idle_of(self, key: Key) -> Slot | None:
        for slot in reversed(self._idle):
            if slot.key == key:
                self._idle.remove(slot)
                return slot
        return None

    def _idle_where(self, is_meant: Callable[[Slot], bool]) -> Slot | None:
        slot = next(filter(is_meant, self._idle), None)
        if slot is not None:
            self._idle.remove(slot)
        return slot

    def _has_room(self, key: Key, reservations: Reservations) -> bool:
        kept = sum(
            max(reserved - self._counts[function_id], 0)
            for function_id, reserved in reservations.items()
            if function_id != key.function_id
        )
        return self._counts.total() + kept < ENVIRONMENTS_MAX

    def _may_make_room(self, slot: Slot, reservations: Reservations) -> bool:
        function_id = slot.key.function_id
        return self._counts[function_id] > reservations.get(function_id, 0)

    def _started(self, key: Key, blueprint: Callable[[], Blueprint]) -> Slot:
        try:
            environment = self._start(blueprint())
        except BaseException:
            self._release(key)
            raise
        return Slot(key, environment, used_at=environment.started_at)

    def _start(self, blueprint: Blueprint) -> Environment:
        try:
            return Environment(blueprint, self._api, self._sandboxes)
        except OSError as error:
            raise FunctionUnavailableError(
                f"The function's process can't be started on this machine: {error.strerror}."
            ) from error

    def _is_given_back(self, slot: Slot) -> bool:
        """Have one wait for the next invocation; return False if it can't."""
        slot.used_at, slot.is_warm = time.monotonic(), True
        self._sandboxes.keep_ready(slot.environment.blueprint.interior.runtime)
        is_kept = slot.is_usable(slot.used_at)
        with self._changed:
            if is_kept and not self._is_closed:
                self._idle.append(slot)
                self._changed.notify_all()
                return True
        return False

    def _end_all(self, is_meant: Callable[[Slot], bool]) -> None:
        with self._changed:
            ended = [slot for slot in self._idle if is_meant(slot)]
            self._idle = [slot for slot in self._idle if slot not in ended]
        with ExitStack() as each:
            for slot in ended:
                each.callback(self._end, slot)

    def _end(self, slot: Slot) -> None:
        try:
            slot.environment.close()
        finally:
            self._release(slot.key)

    def _release(self, key: Key) -> None:
        with self._changed:
            self._counts[key.function_id] -= 1
            # Or every function that ever was would be counted for ever.
            self._counts += Counter()
            self._changed.notify_all()


def _is_outdated(slot: Slot, key: Key) -> bool:
    is_same = (slot.key.function_id, slot.key.version) == (key.function_id, key.version)
    return is_same and slot.key != key
