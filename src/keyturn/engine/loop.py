"""A job's loop: whatever goes wrong in one round is logged, and the next round comes all the same.

This is one of the outermost edges, where every exception is caught: a thread that ended silently
would leave rotations undone for ever.
"""

from collections.abc import Callable
import threading
from typing import Final

import structlog

_log = structlog.get_logger(__name__)

PAUSE_AFTER_ERROR_SECONDS: Final = 5


def run_rounds(job: str, one_round: Callable[[], None], is_stopping: threading.Event) -> None:
    """Do one round after another until ``is_stopping``."""
    while not is_stopping.is_set():
        try:
            one_round()
        except Exception:  # noqa: BLE001 - see above
            _log.exception("a round failed; the next one follows", job=job)
            is_stopping.wait(PAUSE_AFTER_ERROR_SECONDS)


def succeeds(job: str, piece: Callable[[], None]) -> bool:
    """Do one of a round's pieces; return whether it went well. The others follow in any case."""
    try:
        piece()
    except Exception:  # noqa: BLE001 - see above
        _log.exception("a piece of a round failed; the others follow", job=job)
        return False
    return True
