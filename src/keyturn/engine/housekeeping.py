"""The job that tidies up: secrets past their recovery window, idle functions, what is too old.

Log events keep the machine's time, also where secrets live in another.
"""

from datetime import timedelta
import threading
from typing import Final

import structlog

from keyturn.engine.loop import run_rounds
from keyturn.functions.execution.pool import Pool
from keyturn.model.clock import Clock
from keyturn.model.limits import EVENT_DAYS_KEPT
from keyturn.secrets import lifecycle
from keyturn.store import events, logs, rotation_hosts, secrets
from keyturn.store.database import Database

_log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 60
#: AWS keeps logs for ever by default; a server of one's own has a disk of its own.
LOG_RETENTION: Final = timedelta(days=90)
_PURGED_AT_ONCE: Final = 100
_EVENTS_AT_ONCE: Final = 10_000


class Housekeeping:
    """Tidies up every minute, until it is stopped."""

    def __init__(
        self, database: Database, pool: Pool, *, clock: Clock, secrets_clock: Clock
    ) -> None:
        self._database = database
        self._pool = pool
        self._clock = clock
        self._secrets_clock = secrets_clock
        self._is_stopping = threading.Event()

    def run(self) -> None:
        """Tidy up until ``stop``."""
        run_rounds("housekeeping", self._wait_and_tidy_up, self._is_stopping)

    def stop(self) -> None:
        """Stop after what is being done."""
        self._is_stopping.set()

    def _wait_and_tidy_up(self) -> None:
        if not self._is_stopping.wait(EVERY_SECONDS):
            self.tidy_up()

    def tidy_up(self) -> None:
        """Do one round of everything. Any thread may."""
        self._pool.end_idle()
        while self._purge_some():
            continue
        with self._database.write() as connection:
            logs.delete_before(connection, self._clock.now() - LOG_RETENTION, _EVENTS_AT_ONCE)
            oldest_at = self._secrets_clock.now() - timedelta(days=EVENT_DAYS_KEPT)
            events.delete_before(connection, oldest_at, _EVENTS_AT_ONCE)
            rotation_hosts.forget_before(connection, oldest_at)

    def _purge_some(self) -> bool:
        """Return whether there may be more."""
        now = self._secrets_clock.now()
        with self._database.read() as connection:
            purgeable = secrets.purgeable_ids(connection, now, _PURGED_AT_ONCE)
        for secret_id in purgeable:
            with self._database.write() as connection:
                lifecycle.purge(connection, secret_id, now)
        return len(purgeable) == _PURGED_AT_ONCE and not self._is_stopping.is_set()
