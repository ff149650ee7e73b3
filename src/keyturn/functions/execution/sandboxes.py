"""Makes sandboxes and ends them, and keeps one ready for each runtime that is in use.

The rules, which every caller may rely on:

* A ready one has an interpreter that has imported boto3. It is given to a function whose code can
  be shown in it as it stands: one that brings nothing in place of what is imported already, and
  sets nothing that had to be known earlier.
* It has seen no function before, and is never given to a second one.
* Processes are started by one thread that lives as long as this object: the kernel ends a process
  when the thread that started it ends (prctl(2), PR_SET_PDEATHSIG).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
import secrets
import shutil
import sys
import threading
from typing import Final

import structlog

from keyturn.functions.execution.folders import link_tree
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.sandbox import Interior, Isolation, Sandbox
from keyturn.functions.registry import STORAGE_MB_DEFAULT
from keyturn.functions.runtimes import Kind, Runtime

_log = structlog.get_logger(__name__)

READY_PER_RUNTIME: Final = 1
#: More files than that take longer to show than an interpreter to start.
SHOWN_FILES_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class SystemCalls:
    """How the system calls of sandboxes are decided.

    Attributes:
        program: the filter, as seccomp(2) takes it.
        answer: takes the descriptor at which calls arrive that the filter hands over, and what
            the function is called; None when it hands over none.
    """

    program: bytes
    answer: Callable[[int, str], None] | None


class Sandboxes:
    """Every sandbox of this engine. Threads may share it.

    Attributes:
        isolation: how they are made.
        processes: theirs.
        system_calls: what decides on their system calls; None for the kernel alone.
    """

    def __init__(
        self,
        isolation: Isolation,
        processes: Processes,
        runtime_dir: Path,
        folder: Path,
        system_calls: SystemCalls | None = None,
    ) -> None:
        """Make sandboxes, and folders to show code in below ``folder``."""
        self.isolation = isolation
        self.processes = processes
        self.system_calls = system_calls
        self._folder = folder
        self._imported = _names_in(runtime_dir) | sys.stdlib_module_names
        self._ready: dict[str, list[tuple[Sandbox, Path]]] = {}
        self._lock = threading.Lock()
        self._is_closed = False
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="starter")

    def take(self, interior: Interior) -> Sandbox:
        """Return a sandbox of this interior, a ready one if that will do.

        Raises:
            OSError: it can't be started on this machine.
        """
        found = self._ready_for(interior) if self._may_wait_ready(interior) else None
        if found is None:
            return self._starter.submit(self.isolation.start, interior).result()
        sandbox, shown = found
        try:
            link_tree(interior.task, shown)
        except BaseException:
            self.end(sandbox)
            raise
        return sandbox

    def keep_ready(self, runtime: Runtime) -> None:
        """Have sandboxes of a runtime ready soon, in the background."""
        if runtime.kind is Kind.PYTHON:
            self._starter.submit(self._make_ready, runtime)

    def answer(self, listener: int, label: str) -> None:
        """Have the system calls answered that a sandbox hands over at this descriptor."""
        assert self.system_calls is not None
        assert self.system_calls.answer is not None
        self.system_calls.answer(listener, label)

    def end(self, sandbox: Sandbox) -> None:
        """End a sandbox, with everything that runs in it."""
        assert sandbox.process.stdout is not None
        with ExitStack() as parts:
            parts.callback(sandbox.close)
            parts.callback(sandbox.process.stdout.close)
            self.processes.end(sandbox.process)

    def close(self) -> None:
        """End those that are ready, and make no more. What is in use ends with this process.

        Not before: a step that is cut off must not look as if its function had failed. So the
        thread that started it lives on.
        """
        with self._lock:
            self._is_closed = True
            left = [found for each in self._ready.values() for found in each]
            self._ready.clear()
        with ExitStack() as ended:
            for sandbox, _ in left:
                ended.callback(self.end, sandbox)

    def _make_ready(self, runtime: Runtime) -> None:
        with self._lock:
            if self._is_closed or len(self._ready.get(runtime.name, ())) >= READY_PER_RUNTIME:
                return
        shown = self._folder / secrets.token_hex(8)
        shown.mkdir(mode=0o755, parents=True)
        # The mask of this process takes from the mode.
        shown.chmod(0o755)
        interior = Interior(
            runtime=runtime,
            task=shown,
            layers=None,
            storage_mb=STORAGE_MB_DEFAULT,
            preloads=True,
        )
        try:
            sandbox = self.isolation.start(interior)
        except OSError as error:
            _log.warning("no sandbox can be kept ready", reason=error.strerror)
            shutil.rmtree(shown, ignore_errors=True)
            return
        self._keep(runtime, sandbox, shown)

    def _keep(self, runtime: Runtime, sandbox: Sandbox, shown: Path) -> None:
        def free() -> None:
            sandbox.free()
            shutil.rmtree(shown, ignore_errors=True)

        owned = replace(sandbox, free=free)
        with self._lock:
            if not self._is_closed:
                self._ready.setdefault(runtime.name, []).append((owned, shown))
                return
        self.end(owned)

    def _ready_for(self, interior: Interior) -> tuple[Sandbox, Path] | None:
        while True:
            with self._lock:
                ready = self._ready.get(interior.runtime.name)
                found = ready.pop() if ready else None
            if found is None or found[0].process.poll() is None:
                return found
            self.end(found[0])

    def _may_wait_ready(self, interior: Interior) -> bool:
        return (
            interior.runtime.kind is Kind.PYTHON
            and interior.layers is None
            and interior.storage_mb == STORAGE_MB_DEFAULT
            and not interior.variables
            and self._imported.isdisjoint(_names_in(interior.task))
            and _has_few_files(interior.task)
        )


def _names_in(folder: Path) -> set[str]:
    """Return the names under which what lies in a folder could be imported."""
    return {path.name.partition(".")[0] for path in folder.iterdir()}


def _has_few_files(folder: Path) -> bool:
    return len(list(islice(folder.rglob("*"), SHOWN_FILES_MAX + 1))) <= SHOWN_FILES_MAX
