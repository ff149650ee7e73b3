"""The job that tidies up: secrets past their recovery window, functions, what is too old.

Of functions it ends idle environments, and removes code that nothing runs any more.

Log events keep the machine's time, also where secrets live in another.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
import threading
from typing import Final

import structlog

from keyturn.engine.loop import run_rounds
from keyturn.model.clock import Clock
from keyturn.model.limits import EVENT_DAYS_KEPT
from keyturn.secrets import lifecycle
from keyturn.store import events, log_removal, rotation_hosts, secrets
from keyturn.store.database import Database

_log = structlog.get_logger(__name__)

EVERY_SECONDS: Final = 60
#: Of groups that don't say how long. AWS keeps their events for ever; a server of one's own has a
#: disk of its own.
LOG_RETENTION: Final = timedelta(days=90)
_PURGED_AT_ONCE: Final = 100
_EVENTS_AT_ONCE: Final = 10_000


class Housekeeping:
    """Tidies up every minute, until it is stopped."""

    def __init__(
        self,
        database: Database,
        end_idle_environments: Callable[[], None],
        remove_unused_code: Callable[[], None],
        *,
        clock: Clock,
        secrets_clock: Clock,
    ) -> None:
        self._database = database
        self._end_idle_environments = end_idle_environments
        self._remove_unused_code = remove_unused_code
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
        self._end_idle_environments()
        while self._purge_some():
            continue
        self._expire_logs()
        while self._sweep_logs():
            continue
        with self._database.write() as connection:
            oldest_at = self._secrets_clock.now() - timedelta(days=EVENT_DAYS_KEPT)
            events.delete_before(connection, oldest_at, _EVENTS_AT_ONCE)
            rotation_hosts.forget_before(connection, oldest_at)
        self._remove_unused_code()

    def _purge_some(self) -> bool:
        """Return whether there may be more."""
        now = self._secrets_clock.now()
        with self._database.read() as connection:
            purgeable = secrets.purgeable_ids(connection, now, _PURGED_AT_ONCE)
        for secret_id in purgeable:
            with self._database.write() as connection:
                lifecycle.purge(connection, secret_id, now)
        return len(purgeable) == _PURGED_AT_ONCE and not self._is_stopping.is_set()

    def _expire_logs(self) -> None:
        with self._database.read() as connection:
            groups = log_removal.groups_with_events_to_expire(
                connection, self._clock.now(), LOG_RETENTION
            )
        for group_id, oldest in groups:
            while self._expire_some(group_id, oldest):
                continue
            if self._is_stopping.is_set():
                return

    def _expire_some(self, group_id: int, oldest: datetime) -> bool:
        """Return whether there may be more."""
        with self._database.write() as connection:
            deleted = log_removal.expire(connection, group_id, oldest, _EVENTS_AT_ONCE)
        return deleted == _EVENTS_AT_ONCE and not self._is_stopping.is_set()

    def _sweep_logs(self) -> bool:
        """Return whether there may be more."""
        with self._database.write() as connection:
            has_swept = log_removal.sweep(connection, _EVENTS_AT_ONCE)
        return has_swept and not self._is_stopping.is_set()
