"""A sandbox that is a process of this server's own user, for machines without bubblewrap.

Kept from a function: everything of this process (its variables, open files, terminal, modules);
rights that it doesn't start with; more memory than its own and an allowance, long files, core
files; outliving its environment or a killed engine.

Not kept from it: it runs as the user that runs the server, in that user's files and on that user's
network. It can read the data directory, signal other processes, see the code of other functions,
reach every address, and start as many processes as its user may. Deploy only code that you trust.
"""

from contextlib import ExitStack
from functools import partial
import os
from pathlib import Path
import secrets
import shutil
from typing import Final

from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_dir import RuntimeDirs
from keyturn.functions.execution.sandbox import (
    INSIDE,
    LAUNCHER,
    Interior,
    Places,
    Sandbox,
    control_pair,
    launch_command,
    launch_variables,
)


class Bare:
    """Starts processes with limits."""

    is_complete: Final = False
    #: A limit would count every process of the server's user, on this machine.
    processes_max: Final = None

    def __init__(self, processes: Processes, runtime_dirs: RuntimeDirs, folder: Path) -> None:
        """Start processes whose temporary folders are made in ``folder``."""
        self._processes = processes
        self._runtime_dirs = runtime_dirs
        self._folder = folder

    def start(self, interior: Interior) -> Sandbox:
        """Start a process; see ``keyturn.functions.execution.sandbox.Isolation``."""
        places = self._places(interior)
        free = partial(shutil.rmtree, places.temporary, ignore_errors=True)
        with ExitStack() as taken:
            taken.callback(free)
            ours, theirs = control_pair()
            taken.callback(ours.close)
            with theirs:
                control = theirs.fileno()
                process = self._processes.start(
                    launch_command(interior, places, control, parent_pid=os.getpid(), user_id=0),
                    launch_variables(places),
                    pass_fds=(control,),
                )
            # They are the sandbox's now.
            taken.pop_all()
        return Sandbox(process=process, control=ours, places=places, free=free)

    def _places(self, interior: Interior) -> Places:
        runtime = self._runtime_dirs.of(interior.runtime)
        temporary = self._folder / secrets.token_hex(8)
        temporary.mkdir(mode=0o700, parents=True)
        return Places(
            task=interior.task,
            layers=interior.layers or temporary / "layers",
            runtime=runtime,
            launcher=INSIDE / LAUNCHER,
            temporary=temporary,
        )
