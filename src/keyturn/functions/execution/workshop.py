"""Puts together what an engine runs functions with, as far as this machine can have it."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
import platform
import shutil
from time import monotonic
from typing import Final

from keyturn.functions.execution import egress, isolation
from keyturn.functions.execution.connector import Connector
from keyturn.functions.execution.isolation import Wanted, Workplace
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.refused_addresses import RefusedAddresses
from keyturn.functions.execution.runtime_dir import RuntimeDirs
from keyturn.functions.execution.sandboxes import Sandboxes, SystemCalls
from keyturn.functions.execution.syscall_filter import program

_RUNTIMES: Final = "runtimes"
_SANDBOXES: Final = "sandboxes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """Where functions are run.

    Attributes:
        weakness: why they aren't isolated by bubblewrap; None when they are.
    """

    sandboxes: Sandboxes
    weakness: str | None


def open_workshop(folder: Path, wanted: Wanted) -> Workshop:
    """Return a workshop that keeps its files in a folder of this engine's.

    What an earlier engine left there is removed, as far as it can be while something that outlived
    that engine writes to it.

    Raises:
        NoSandboxError: a sandbox is wanted that doesn't work here.
    """
    shutil.rmtree(folder / _SANDBOXES, ignore_errors=True)
    processes = Processes()
    workplace = Workplace(
        runtime_dirs=RuntimeDirs(folder / _RUNTIMES, processes), folder=folder / _SANDBOXES
    )
    connector = Connector(RefusedAddresses(monotonic).tell)
    brokered = SystemCalls(_filter(hands_over_connect=True), partial(_connect_for, connector))
    made, weakness = isolation.choose(wanted, processes, workplace, brokered)
    system_calls = (
        brokered if made.is_complete else SystemCalls(_filter(hands_over_connect=False), None)
    )
    return Workshop(
        sandboxes=Sandboxes(
            made, processes, workplace.runtime_dirs.own, workplace.folder / "shown", system_calls
        ),
        weakness=weakness,
    )


def _connect_for(connector: Connector, listener: int, function: str) -> None:
    connector.add(listener, label=function, allows=egress.is_allowed)


def _filter(*, hands_over_connect: bool) -> bytes:
    return program(platform.machine(), hands_over_connect=hands_over_connect)
