"""The engine process: run functions, take invocations, rotate what is due, move a virtual clock.

It stops in the order in which its parts depend on each other: first nothing new is begun, then
what is under way gets a while to finish, then functions end. A rotation step that is cut off all
the same is recorded as begun, and the next engine repeats it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
import resource
import signal
import threading
from types import FrameType
from typing import Final

import structlog

from keyturn.engine.async_invocations import AsynchronousInvocations
from keyturn.engine.housekeeping import Housekeeping
from keyturn.engine.invocations import InvocationServer
from keyturn.engine.rotations import RotationJob
from keyturn.engine.time_travel import TimeTravel
from keyturn.engine.virtual_clock import VirtualClock
from keyturn.engine.wake import WakeListener
from keyturn.functions.execution.code_cache import CodeCache
from keyturn.functions.execution.local import LocalInvoker
from keyturn.functions.execution.pool import Pool
from keyturn.functions.execution.workshop import Workshop
from keyturn.functions.output.log_writer import LogWriter
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.rotation.run import Runner
from keyturn.store import asynchronous_invocations, rotation_claims
from keyturn.store.database import Database

_log = structlog.get_logger(__name__)

#: How long steps under way may take to finish when the engine is told to stop.
GRACE_SECONDS: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineParts:
    """What the engine is made of.

    Attributes:
        clock: the machine's time.
        secrets_clock: the time that secrets and rotations live in.
        virtual_clock: the same, where it can be moved.
        owner: the name that the engine's leases are under.
    """

    database: Database
    keyring: Keyring
    clock: Clock
    secrets_clock: Clock
    virtual_clock: VirtualClock | None
    workshop: Workshop
    code: CodeCache
    pool: Pool
    invoker: LocalInvoker
    logs: LogWriter
    runner: Runner
    owner: str
    wake_socket: Path
    invocation_socket: Path


def run_engine(parts: EngineParts) -> None:
    """Run until SIGTERM or SIGINT."""
    stopping = _stop_on_signals()
    open_as_many_files_as_may_be()
    # Whoever had this name before is gone: the data directory is locked to one server.
    with parts.database.write() as connection:
        rotation_claims.release_leases_of(connection, parts.owner)
        asynchronous_invocations.release_all(connection)
    parts.workshop.sandboxes.processes.adopt_strays()
    _tell_isolation(parts.workshop)
    wake, tapped, event_waits = threading.Event(), threading.Event(), threading.Event()
    WakeListener(parts.wake_socket, wake, tapped, event_waits)
    invocations = InvocationServer(parts.invocation_socket, parts.invoker)
    job = RotationJob(parts.database, parts.keyring, parts.runner, parts.secrets_clock, wake)
    asynchronous = AsynchronousInvocations(
        parts.database, parts.keyring, parts.invoker, parts.clock, event_waits
    )
    housekeeping = Housekeeping(
        parts.database,
        parts.pool.end_idle,
        parts.code.remove_unused,
        clock=parts.clock,
        secrets_clock=parts.secrets_clock,
    )
    _start("rotations", job.run)
    _start("asynchronous-invocations", asynchronous.run)
    _start("housekeeping", housekeeping.run)
    travel = None
    if parts.virtual_clock is not None:
        travel = TimeTravel(parts.database, parts.virtual_clock, tapped, wake, housekeeping)
        _start("time-travel", travel.run)
    stopping.wait()
    if travel is not None:
        travel.stop()
    housekeeping.stop()
    invocations.close()
    asynchronous.stop()
    if not job.stop(GRACE_SECONDS):
        _log.warning("a rotation step didn't finish in time; the next start repeats it")
    parts.pool.close()
    parts.logs.close()


def open_as_many_files_as_may_be() -> None:
    """Raise this process's limit of open files as far as it can raise it itself.

    The usual one is for programs that use select(2) (systemd.exec(5), LimitNOFILE). An environment
    takes a few files, and one for each connection that it has to the runtime API.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # A machine's limit may have become lower than that of its processes: it stays as it is then.
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _tell_isolation(workshop: Workshop) -> None:
    if workshop.weakness is None:
        _log.info("functions run in sandboxes of bubblewrap")
    else:
        _log.warning(
            "FUNCTIONS AREN'T ISOLATED: they run under this user and can read its files, the "
            "master key included. Deploy only code that you trust (docs/operate/sandbox.md)",
            reason=workshop.weakness,
        )


def _start(job: str, run: Callable[[], None]) -> None:
    threading.Thread(target=run, name=job, daemon=True).start()


def _stop_on_signals() -> threading.Event:
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return stopping
