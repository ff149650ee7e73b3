"""What a function's process is kept from, and what it isn't.

Kept from it:

* everything of this process: its environment variables, its open files, its terminal, its modules;
* rights that it doesn't start with: programs like ``sudo`` give it none (PR_SET_NO_NEW_PRIVS);
* more memory than its own and ``ALLOWANCE_MB``, files longer than its storage, core files;
* outliving its environment, with everything that it started (``processes``), or a killed engine.

Not kept from it: it runs as the user that runs the server, in that user's files and on that user's
network. It can read the data directory, signal other processes, and see the code of other
functions; it can start as many processes as its user may, which end with it. Deploy only code that
you trust.

This is the one place where a function's process is confined; what it says here, the launcher does.
"""

from dataclasses import dataclass
import os
from pathlib import Path
from typing import Final

from keyturn.functions.execution import launcher

#: What a process may have mapped beyond its function's memory: Python itself, stacks of threads.
ALLOWANCE_MB: Final = 128
_MB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Confines:
    """What a function may use: AWS's MemorySize and EphemeralStorage."""

    memory_mb: int
    storage_mb: int


def command(
    interpreter: str, task_root: Path, runtime_dir: Path, handler: str, confines: Confines
) -> tuple[str, ...]:
    """Return the command of a function's process, to be run by this process."""
    memory_bytes = (confines.memory_mb + ALLOWANCE_MB) * _MB
    return (
        # Isolated: no site-packages and no PYTHON* variables.
        *(interpreter, "-I", "-S", launcher.__file__),
        *(str(os.getpid()), str(memory_bytes), str(confines.storage_mb * _MB)),
        *(str(task_root), str(runtime_dir), handler),
    )
