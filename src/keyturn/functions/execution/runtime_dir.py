"""What Lambda brings for a runtime: for Python boto3, what it needs, and AWS's runtime client.

The rules, which every caller may rely on:

* A function sees these and nothing else of ours: a module that it only finds here by accident
  would be missing on AWS. So they are linked, one by one, into a folder of their own.
* They are installed for the Python that runs this engine. Another one gets a copy with bytecode
  of its own, made when it is first needed: no function could write any, and each would compile
  all of boto3 when it starts.
* Node.js gets AWS's runtime client. A function that is its own program finds nothing that it
  would know of.
"""

from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path
import secrets
import shutil
import subprocess
import threading
from typing import Final

import structlog

from keyturn.functions.execution.folders import link_or_copy
from keyturn.functions.execution.processes import Processes
from keyturn.functions.runtimes import CLIENT, OWN_PYTHON, Kind, Runtime

_DISTRIBUTIONS: Final = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
_LEFT_OUT: Final = {"..", "__pycache__"}
#: Where Node.js finds AWS's client, below the folder.
NODE_CLIENT: Final = Path("node_modules", CLIENT)
_COMPILE_SECONDS_MAX: Final = 60

_log = structlog.get_logger(__name__)


class RuntimeDirs:
    """A folder for each runtime, made when it is first asked for. Threads may share it.

    Attributes:
        own: the folder of the Python that runs this engine.
    """

    def __init__(self, folder: Path, processes: Processes) -> None:
        """Make folders below one of this engine's alone.

        What an earlier engine left there is removed, as far as it can be while something that
        outlived that engine writes to it: modules may have been upgraded.
        """
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder / secrets.token_hex(8)
        self._processes = processes
        self._lock = threading.Lock()
        self.own = self._folder / OWN_PYTHON
        self.own.mkdir(mode=0o700, parents=True)
        for name in _DISTRIBUTIONS:
            _link(name, self.own)

    def of(self, runtime: Runtime) -> Path:
        """Return the folder of a runtime.

        Raises:
            OSError: it can't be made.
        """
        if runtime.kind is Kind.PROVIDED or runtime.name == OWN_PYTHON:
            return self.own
        make = self._make_node if runtime.kind is Kind.NODE else self._make_python
        with self._lock:
            return self._made(runtime, make)

    def parts(self, runtime: Runtime) -> Iterator[tuple[Path, Path]]:
        """Yield what lies in the folder of a runtime: its name there, and what that really is.

        Raises:
            OSError: the folder can't be made.
        """
        folder = self.of(runtime)
        parts = [folder / NODE_CLIENT] if runtime.kind is Kind.NODE else folder.iterdir()
        for part in parts:
            yield part.relative_to(folder), part.resolve()

    def _made(self, runtime: Runtime, make: Callable[[Runtime, Path], None]) -> Path:
        folder = self._folder / runtime.name
        if not folder.is_dir():
            draft = folder.with_name(secrets.token_hex(8))
            try:
                make(runtime, draft)
                draft.rename(folder)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return folder

    def _make_node(self, runtime: Runtime, folder: Path) -> None:
        assert runtime.client is not None
        link = folder / NODE_CLIENT
        link.parent.mkdir(mode=0o700, parents=True)
        link.symlink_to(runtime.client)

    def _make_python(self, runtime: Runtime, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        for part in self.own.iterdir():
            _copy(part.resolve(), folder / part.name)
        self._compile(runtime, folder)

    def _compile(self, runtime: Runtime, folder: Path) -> None:
        command = [
            *(str(runtime.interpreter), "-I", "-S", "-m", "compileall", "-q"),
            # Not by time: nobody changes what is compiled here.
            *("--invalidation-mode", "unchecked-hash", str(folder)),
        ]
        process = self._processes.start(command, {})
        try:
            output, _ = process.communicate(timeout=_COMPILE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            output = b"it took too long"
        finally:
            self._processes.end(process)
        if process.returncode != 0:
            # Functions run all the same, and start more slowly.
            reason = output.decode(errors="replace")
            _log.warning("boto3 can't be compiled", runtime=runtime.name, reason=reason)


def _link(name: str, folder: Path) -> None:
    installed = distribution(name)
    assert installed.files, f"{name} isn't installed from a wheel"
    tops = {file.parts[0] for file in installed.files} - _LEFT_OUT
    for top in tops:
        (folder / top).symlink_to(Path(str(installed.locate_file(top))).resolve())


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        # What is compiled already is for the engine's own Python.
        compiled = shutil.ignore_patterns("__pycache__", "*.so")
        shutil.copytree(source, target, ignore=compiled, copy_function=link_or_copy)
    elif source.suffix != ".so":
        link_or_copy(source, target)
