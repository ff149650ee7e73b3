"""The job that moves a virtual clock, through every moment at which something is due.

    wait      until the engine is idle: what was due is done, and nobody is at a rotation
    jump      to the next moment at which something is due, or to the end of the journey
    arrive    tidy up, and say so

The next jump follows only when the engine is idle again, so no window and no later attempt is
skipped. A rotation that can't succeed holds nothing up: between its attempts the engine is idle,
and its window ends.

Whether the engine is idle is read from the store, at the clock's own time: right after a jump it
isn't, also while nobody has looked yet at what is due.
"""

from datetime import datetime
import threading
from typing import Final

import structlog

from keyturn.engine.housekeeping import Housekeeping
from keyturn.engine.loop import run_rounds
from keyturn.engine.virtual_clock import Journey, Outcomes, Progress, VirtualClock
from keyturn.model.rotation import State
from keyturn.rotation import due
from keyturn.store import rotation_outcomes
from keyturn.store.database import Connection, Database

_log = structlog.get_logger(__name__)

#: A tap that is lost costs this much.
LOOK_EVERY_SECONDS: Final = 1
_IDLE_POLL_SECONDS: Final = 0.01


class TimeTravel:
    """Goes on the journeys that are asked for, until it is stopped.

    Args:
        tapped: is set when somebody may have asked for one.
        wake: has the job that rotates look again.
    """

    def __init__(
        self,
        database: Database,
        clock: VirtualClock,
        tapped: threading.Event,
        wake: threading.Event,
        housekeeping: Housekeeping,
    ) -> None:
        self._database = database
        self._clock = clock
        self._tapped = tapped
        self._wake = wake
        self._housekeeping = housekeeping
        self._is_stopping = threading.Event()

    def run(self) -> None:
        """Travel until ``stop``."""
        run_rounds("time-travel", self.go_on, self._is_stopping)

    def stop(self) -> None:
        """Stay where the clock is; the next engine goes on."""
        self._is_stopping.set()
        self._tapped.set()

    def go_on(self) -> None:
        """Do what comes next: wait, jump or arrive."""
        journey = self._clock.journey()
        if journey is None:
            self._tapped.wait(LOOK_EVERY_SECONDS)
            self._tapped.clear()
        elif not self._is_idle():
            self._is_stopping.wait(_IDLE_POLL_SECONDS)
        elif self._clock.now() < journey.target_at:
            self._jump(journey)
        else:
            self._arrive(journey)

    def _is_idle(self) -> bool:
        with self._database.read() as connection:
            return due.is_idle(connection, self._clock.now())

    def _jump(self, journey: Journey) -> None:
        # Holding the write lock: a rotation that is claimed meanwhile would have a lease that is
        # over at once.
        with self._database.write() as connection:
            now = self._clock.now()
            if not due.is_idle(connection, now):
                return
            moment = due.next_moment(connection, now) or journey.target_at
            assert moment > now, "an idle engine has nothing due"
            progress = self._progress(connection, journey, now)
            self._clock.jump(min(moment, journey.target_at), progress)
        self._wake.set()

    def _arrive(self, journey: Journey) -> None:
        with self._database.read() as connection:
            progress = self._progress(connection, journey, self._clock.now())
            unfinished = rotation_outcomes.count_running(connection)
        # Counted before: with a secret its rotations are gone.
        self._housekeeping.tidy_up()
        self._clock.arrive(progress, unfinished)
        _log.info("the clock was moved", time=progress.until.isoformat())

    def _progress(self, connection: Connection, journey: Journey, now: datetime) -> Progress:
        # Counted with each jump: of a secret's rotations only so many are kept.
        so_far = self._clock.progress_of(journey)
        ended = rotation_outcomes.count_ended(connection, after=so_far.until, until=now)
        outcomes = Outcomes(
            succeeded=so_far.outcomes.succeeded + ended[State.SUCCEEDED],
            failed=so_far.outcomes.failed + ended[State.FAILED],
            abandoned=so_far.outcomes.abandoned + ended[State.ABANDONED],
        )
        return Progress(journey=journey, until=now, outcomes=outcomes)
