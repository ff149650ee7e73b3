"""What a function's sandbox is made of, however strongly it isolates.

A sandbox is started for a runtime, not for a function: inside waits ``inside/launcher.py``, and
becomes a function's when it is told which. So one can be started before it is needed.

Two kinds are made: ``bubblewrap``, which keeps a function from everything but what it is given,
and ``bare``, which is a process of this user with limits. What each keeps from a function, and
what it doesn't, is in docs/operate/sandbox.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
import socket
from typing import Final, Protocol

from keyturn.functions.execution import inside
from keyturn.functions.execution.processes import Process
from keyturn.functions.runtimes import Kind, Runtime, own_interpreter

# AWS: "Lambda quotas", of an execution environment.
OPEN_FILES_MAX: Final = 1024
PROCESSES_MAX: Final = 1024
#: The code that runs inside, in front of the function's.
INSIDE: Final = Path(next(iter(inside.__path__)))
LAUNCHER: Final = "launcher.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interior:
    """What a sandbox is made with, before it has a function.

    Attributes:
        task: where its code lies on this machine.
        layers: the same of its layers, put together; None for none.
        storage_mb: how much it may write to its temporary folder.
        variables: those of its own that are read when an interpreter starts.
        preloads: whether it waits with what most functions import.
    """

    runtime: Runtime
    task: Path
    layers: Path | None
    storage_mb: int
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    preloads: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a function sees its code, its layers, what its runtime brings, and room to write."""

    task: Path
    layers: Path
    runtime: Path
    launcher: Path
    temporary: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """One that has been started. Whoever has it ends its process, then calls ``close``.

    Attributes:
        control: the engine's end of what the launcher waits at.
        free: gives back what it took of this machine.
    """

    process: Process
    control: socket.socket
    places: Places
    free: Callable[[], None]

    def close(self) -> None:
        """Free what belongs to it. Its process must be gone."""
        self.control.close()
        self.free()


class Isolation(Protocol):
    """A way to make sandboxes.

    Attributes:
        is_complete: whether a function is kept from everything that it isn't given, and has no
            network but what it is connected to.
        processes_max: how many processes and threads each sandbox may have; None for no limit.
    """

    @property
    def is_complete(self) -> bool: ...

    @property
    def processes_max(self) -> int | None: ...

    def start(self, interior: Interior) -> Sandbox:
        """Start a sandbox in which a launcher waits. Call it on a thread that lives on.

        Raises:
            OSError: it can't be started on this machine.
        """
        ...


def launcher_interpreter(runtime: Runtime) -> Path:
    """Return the Python that runs the launcher: the function's own, if it is for Python."""
    if runtime.kind is Kind.PYTHON and runtime.interpreter is not None:
        return runtime.interpreter
    return own_interpreter()


def launch_command(
    interior: Interior, places: Places, control: int, *, parent_pid: int, user_id: int
) -> list[str]:
    """Return the command that starts the launcher, as it is run inside."""
    return [
        # No site-packages, nothing of the user's.
        *(str(launcher_interpreter(interior.runtime)), "-S", "-s", str(places.launcher)),
        *(str(control), str(parent_pid), str(user_id), str(int(interior.preloads))),
    ]


def launch_variables(places: Places) -> dict[str, str]:
    """Return the variables that a sandbox starts with.

    None is the function's own: the launcher, and bubblewrap itself, would load what those say.
    """
    # AWS has en_US.UTF-8, which not every machine has; this one means the same.
    return {"LAMBDA_RUNTIME_DIR": str(places.runtime), "LANG": "C.UTF-8"}


def control_pair() -> tuple[socket.socket, socket.socket]:
    """Return the engine's end of a control socket, and the launcher's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
