"""Tells in the log what happened to rotations: a reader of the stream of events.

It reads what is committed, so nothing is told that was undone, and a log that nobody reads holds
up nobody's transaction.
"""

from typing import Final

import structlog

from keyturn.model.event import EventName, ServiceEvent
from keyturn.store import events
from keyturn.store.database import Database

_log = structlog.get_logger(__name__)

_TOLD_AT_ONCE: Final = 1000
_BAD_NEWS: Final = frozenset(
    {EventName.ROTATION_FAILED, EventName.ROTATION_ABANDONED, EventName.TEST_ROTATION_FAILED}
)


class Narrator:
    """Tells of each event, also of those that an engine of its name left untold as it died."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self._reader = f"the log of {owner}"
        with database.write() as connection:
            self._last_told = events.last_read(connection, self._reader)
            events.note_read(connection, self._reader, self._last_told)

    def tell(self) -> None:
        """Tell of what happened since the last time."""
        with self._database.read() as connection:
            found = events.read_after(connection, self._last_told, _TOLD_AT_ONCE)
        for each in found:
            _tell(each.event)
            self._last_told = each.number
        if found:
            self._note()

    def _note(self) -> None:
        # It holds up nobody: what isn't noted now is noted with the next events.
        with self._database.write_if_free() as connection:
            if connection is not None:
                events.note_read(connection, self._reader, self._last_told)


def _tell(event: ServiceEvent) -> None:
    write = _log.error if event.name in _BAD_NEWS else _log.info
    why = {"cause": event.cause, "reason": event.reason} if event.cause else {}
    write(event.name.value, secret=event.secret_arn, version=event.token, **why)
