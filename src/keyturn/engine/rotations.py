"""The job that rotates: begin what is due, and keep the runners busy.

One thread looks; up to ``ROTATIONS_AT_ONCE`` others run. It looks when an API process taps, when a
runner is done, when the next window opens or the next attempt is due, and every few seconds in any
case, so that a clock that jumps or a tap that is lost does no harm.
"""

from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import partial
import threading
from typing import Final

import structlog

from keyturn.engine.loop import run_rounds, succeeds
from keyturn.engine.narrator import Narrator
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.rotation import clock_put_back, due, plan
from keyturn.rotation.run import LEASE, Runner
from keyturn.store import events, rotation_claims
from keyturn.store.database import Database

_log = structlog.get_logger(__name__)

ROTATIONS_AT_ONCE: Final = 8
_BEGUN_AT_ONCE: Final = 100
_LOOK_EVERY: Final = timedelta(seconds=5)


class RotationJob:
    """Begins due rotations and has them run, until it is stopped."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        runner: Runner,
        clock: Clock,
        wake: threading.Event,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._runner = runner
        self._clock = clock
        self._wake = wake
        self._narrator = Narrator(database, runner.claimant().owner)
        self._leases_kept_at = clock.now()
        # Unless something tells that it was later already, the time is what the clock says.
        with database.read() as connection:
            self._latest_at = events.latest_at(connection) or self._leases_kept_at
        self._is_stopping = threading.Event()
        self._threads = ThreadPoolExecutor(ROTATIONS_AT_ONCE, thread_name_prefix="rotation")
        self._running: set[Future[bool]] = set()

    def run(self) -> None:
        """Look and run until ``stop``."""
        run_rounds("rotations", self._look, self._is_stopping)

    def stop(self, seconds: float) -> bool:
        """Take up nothing more; return whether every runner was done within ``seconds``."""
        self._is_stopping.set()
        self._runner.stop()
        self._wake.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        return not wait(tuple(self._running), timeout=seconds).not_done

    def _look(self) -> None:
        self._wake.clear()
        self._keep_leases()
        now = self._clock.now()
        self._heal_if_put_back(now)
        self._begin_due(now)
        self._fill_runners(now)
        self._narrator.tell()
        self._wake.wait(self._pause_until_next(now).total_seconds())

    def _begin_due(self, now: datetime) -> None:
        with self._database.read() as connection:
            found = due.secret_ids(connection, now, _BEGUN_AT_ONCE)
        for secret_id in found:
            if not succeeds("rotations", partial(self._begin, secret_id, now)):
                # Or it would be the first of the due ones for ever, in front of all others.
                with self._database.write() as connection:
                    plan.look_again(connection, secret_id, now)

    def _begin(self, secret_id: int, now: datetime) -> None:
        with self._database.write() as connection:
            due.begin(connection, self._keyring, secret_id, now)

    def _keep_leases(self) -> None:
        now = self._clock.now()
        # A clock that was put back counts as one that has moved on.
        if abs(now - self._leases_kept_at) >= LEASE / 3:
            self._runner.keep_leases()
            self._leases_kept_at = now

    def _heal_if_put_back(self, now: datetime) -> None:
        if now < self._latest_at - clock_put_back.TOLERANCE:
            _log.warning("the clock was put back; waits that it made too long are shortened")
            with self._database.write() as connection:
                clock_put_back.heal(connection, now)
        self._latest_at = now

    def _fill_runners(self, now: datetime) -> None:
        self._running = {future for future in self._running if not future.done()}
        free = ROTATIONS_AT_ONCE - len(self._running)
        if free == 0:
            return
        with self._database.read() as connection:
            waiting = rotation_claims.count_claimable(
                connection, self._runner.claimant(), now=now, most=free
            )
        for _ in range(waiting):
            future = self._threads.submit(self._runner.run_next)
            future.add_done_callback(self._note_done)
            self._running.add(future)

    def _note_done(self, future: "Future[bool]") -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            _log.error("runner failed", exc_info=error)
        self._wake.set()

    def _pause_until_next(self, now: datetime) -> timedelta:
        with self._database.read() as connection:
            moment = due.next_moment(connection, now)
        if moment is None:
            return _LOOK_EVERY
        return max(min(moment - now, _LOOK_EVERY), timedelta(0))
