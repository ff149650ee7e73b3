"""Which kind of sandbox this machine can have: tried out, not guessed.

The strongest is tried by running something in it, filter of system calls and all. Where that
fails, the reason is kept for the operator: what is missing, and what that means.
"""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
import os
from pathlib import Path
import secrets
import shutil
import subprocess
from typing import Final

from keyturn.functions.execution.assignment import Assignment, encoded
from keyturn.functions.execution.bare import Bare
from keyturn.functions.execution.bubblewrap import (
    GROUP_ID,
    ROOTS_USER_IDS,
    USER_ID,
    Bubblewrap,
)
from keyturn.functions.execution.etc import Etc
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_dir import RuntimeDirs
from keyturn.functions.execution.sandbox import Interior, Isolation
from keyturn.functions.execution.sandboxes import SystemCalls
from keyturn.functions.runtimes import PROVIDED
from keyturn.model.errors import ServiceError

_PROBE_SECONDS_MAX: Final = 30
_PROBE_STORAGE_MB: Final = 1
_PROBE_MEMORY_MB: Final = 128
_REASON_LETTERS_MAX: Final = 500
_RAN: Final = "it ran to its end"


class Wanted(StrEnum):
    """What the operator asks for."""

    #: Bubblewrap where it works, else a bare process.
    AUTO = "auto"
    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


class NoSandboxError(ServiceError):
    """The sandbox that was asked for doesn't work here; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """Where sandboxes keep what they need on this machine.

    Attributes:
        runtime_dirs: what Lambda brings.
        folder: an empty folder of this engine's.
    """

    runtime_dirs: RuntimeDirs
    folder: Path


def choose(
    wanted: Wanted, processes: Processes, workplace: Workplace, system_calls: SystemCalls
) -> tuple[Isolation, str | None]:
    """Return how sandboxes are made here, and why not by bubblewrap.

    Raises:
        NoSandboxError: bubblewrap is wanted, and doesn't work.
    """
    bare = Bare(processes, workplace.runtime_dirs, workplace.folder / "temporary")
    if wanted is Wanted.NONE:
        return bare, "it was switched off with --sandbox none"
    found = _bubblewrap(processes, workplace)
    reason = _why_not(found, processes, workplace, system_calls) if found else _NOT_INSTALLED
    if found is not None and reason is None:
        return found, None
    if wanted is Wanted.BUBBLEWRAP:
        raise NoSandboxError(f"Functions can't be run in a sandbox here: {reason}")
    return bare, reason


_NOT_INSTALLED: Final = "bubblewrap isn't installed: apt-get install bubblewrap"


def _bubblewrap(processes: Processes, workplace: Workplace) -> Bubblewrap | None:
    program = shutil.which("bwrap")
    if program is None:
        return None
    users = {USER_ID: GROUP_ID}
    if os.geteuid() == 0:
        users = {user_id: user_id for user_id in ROOTS_USER_IDS}
    etc = Etc(workplace.folder / "etc", users)
    return Bubblewrap(program, processes, workplace.runtime_dirs, etc)


def _why_not(
    isolation: Isolation, processes: Processes, workplace: Workplace, system_calls: SystemCalls
) -> str | None:
    """Return why a sandbox can't be used; None if a program ran in one to its end."""
    folder = workplace.folder / f"probe-{secrets.token_hex(4)}"
    folder.mkdir(mode=0o755, parents=True)
    folder.chmod(0o755)
    try:
        return _tried(isolation, processes, folder, system_calls)
    except OSError as error:
        return f"bubblewrap can't be started: {error.strerror}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tried(
    isolation: Isolation, processes: Processes, folder: Path, system_calls: SystemCalls
) -> str | None:
    bootstrap = folder / "bootstrap"
    bootstrap.write_text(f"#!/bin/sh\necho {_RAN}\n")
    bootstrap.chmod(0o555)
    interior = Interior(
        runtime=PROVIDED,
        task=folder,
        layers=None,
        storage_mb=_PROBE_STORAGE_MB,
        preloads=True,
    )
    sandbox = isolation.start(interior)
    try:
        assignment = Assignment(
            handler="",
            memory_mb=_PROBE_MEMORY_MB,
            processes_max=isolation.processes_max,
            system_calls=system_calls,
            variables={},
        )
        # One that died already says why.
        with suppress(ConnectionError):
            sandbox.control.send(encoded(assignment, interior, sandbox.places))
        output, _ = sandbox.process.communicate(timeout=_PROBE_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        output = b"it didn't answer"
    finally:
        processes.end(sandbox.process)
        assert sandbox.process.stdout is not None
        sandbox.process.stdout.close()
        sandbox.close()
    said = output.decode(errors="replace").strip()
    if sandbox.process.returncode == 0 and said.endswith(_RAN):
        return None
    return said[-_REASON_LETTERS_MAX:] or "it failed silently"
