"""The runtimes that a function may ask for, and the interpreters that this machine has for them.

A runtime is served when its interpreter is there: found by its name on the path, or named by the
operator. Which version it is, it says itself; a wrapper that picks another (pyenv's shims) is
followed to the interpreter that it starts. Node.js needs AWS's runtime client beside it, an npm
package; a function that is its own program needs nothing.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
import platform
import shutil
import subprocess
import sys
from typing import Final

from keyturn.functions.refusals import UnknownRuntimeError


class Kind(StrEnum):
    """What a runtime's code is written for."""

    PYTHON = "python"
    NODE = "nodejs"
    PROVIDED = "provided"


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime as it is found here.

    Attributes:
        name: AWS's, such as ``python3.12``.
        interpreter: what runs the function's code; None for its own ``bootstrap``.
        version: the interpreter's, whole.
        client: the folder of AWS's runtime client, where the engine doesn't bring it.
    """

    name: str
    kind: Kind
    interpreter: Path | None
    version: str
    client: Path | None = None


#: This process's own.
OWN_PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
#: Needs no interpreter.
PROVIDED: Final = Runtime("provided.al2023", Kind.PROVIDED, None, "al2023")
_PYTHONS: Final = frozenset(f"python3.{minor}" for minor in range(10, 15))
_NODES: Final = frozenset(f"nodejs{major}.x" for major in (20, 22, 24))
RUNTIMES: Final = tuple(sorted({*_PYTHONS, *_NODES, PROVIDED.name}))
# What somebody may still ask for, since AWS had it until lately.
_ENDED: Final[Mapping[str, str]] = {
    "python3.9": "AWS ended it in December 2025, and boto3 needs Python 3.10 or newer."
}

#: AWS's runtime client for Node.js. Version 4 takes no handlers with callbacks, which AWS takes
#: up to Node.js 22.
CLIENT: Final = "aws-lambda-ric"
CLIENT_MODULE: Final = Path("dist", "index.mjs")
CLIENT_VERSION: Final = "3.3.0"
# Where npm puts what is installed for the whole machine, beside the folder of node itself.
_NODE_FOLDERS: Final = (Path("/usr/local"), Path("/usr"))

_ANSWER_SECONDS_MAX: Final = 10
# One may be killed by chance: an engine ends what it takes for a function's leavings.
_ATTEMPTS_MAX: Final = 3
_ANSWER_LINES: Final = 3
_PYTHON_SAYS: Final = (
    "import sys; print('python%d.%d' % sys.version_info[:2]); "
    "print('%d.%d.%d' % sys.version_info[:3]); "
    "print(getattr(sys, '_base_executable', None) or sys.executable)"
)
_NODE_SAYS: Final = (
    "console.log('nodejs' + process.versions.node.split('.')[0] + '.x'); "
    "console.log(process.versions.node); console.log(process.execPath)"
)


class _MissingError(Exception):
    """A runtime can't be had; the message says what is missing, and what to do."""


class Runtimes:
    """The runtimes of this machine. What is found once is remembered; threads may share it."""

    def __init__(
        self, interpreters: Mapping[str, Path] | None = None, node_client: Path | None = None
    ) -> None:
        """Know these beside what the machine has.

        Args:
            interpreters: by the name of their runtime.
            node_client: the folder of AWS's runtime client for Node.js.
        """
        self._named = dict(interpreters or {})
        self._node_client = node_client
        self._found: dict[str, Runtime] = {}

    def find(self, name: str) -> Runtime:
        """Return a runtime by AWS's name for it.

        Raises:
            UnknownRuntimeError: there is none of that name, or something that it needs isn't here.
        """
        try:
            return self._find(name)
        except _MissingError as missing:
            reason = str(missing)
        raise UnknownRuntimeError(name, tuple(self.available()), reason or None)

    def available(self) -> list[str]:
        """Return the names of the runtimes that can be used here."""
        return [name for name in RUNTIMES if self._is_here(name)]

    def _is_here(self, name: str) -> bool:
        try:
            self._find(name)
        except _MissingError:
            return False
        return True

    def _find(self, name: str) -> Runtime:
        if name not in self._found:
            self._found[name] = self._look_for(name)
        return self._found[name]

    def _look_for(self, name: str) -> Runtime:
        if name in _PYTHONS:
            return self._python(name)
        if name in _NODES:
            return self._node(name)
        if name == PROVIDED.name:
            return PROVIDED
        raise _MissingError(_ENDED.get(name, ""))

    def _python(self, name: str) -> Runtime:
        if name == OWN_PYTHON and name not in self._named:
            return Runtime(name, Kind.PYTHON, own_interpreter(), platform.python_version())
        command = ("-I", "-S", "-c", _PYTHON_SAYS)
        interpreter, version = self._interpreter(name, name, command)
        return Runtime(name, Kind.PYTHON, interpreter, version)

    def _node(self, name: str) -> Runtime:
        interpreter, version = self._interpreter(name, "node", ("-e", _NODE_SAYS))
        for client in self._node_clients(interpreter):
            if (client / CLIENT_MODULE).is_file():
                return Runtime(name, Kind.NODE, interpreter, version, client.resolve())
        raise _MissingError(
            f"Node.js {version} is here, but not AWS's runtime client for it. Install that with "
            f"npm install --global --ignore-scripts {CLIENT}@{CLIENT_VERSION}, or name its "
            "folder with keyturn serve --node-client FOLDER"
        )

    def _node_clients(self, interpreter: Path) -> Iterator[Path]:
        if self._node_client is not None:
            yield self._node_client
            return
        for folder in (interpreter.parent.parent, *_NODE_FOLDERS):
            yield folder / "lib" / "node_modules" / CLIENT

    def _interpreter(self, name: str, program: str, question: tuple[str, ...]) -> tuple[Path, str]:
        """Return where the interpreter of a runtime is, and its version."""
        named = self._named.get(name)
        path = shutil.which(program) if named is None else str(named)
        remedy = f"Install it, or name it with keyturn serve --interpreter {name}=PATH"
        if path is None:
            raise _MissingError(f"There is no {program} on the server's path. {remedy}")
        said = _said((path, *question))
        if said is None:
            raise _MissingError(f"{path} doesn't run. {remedy}")
        runtime, version, interpreter = said
        if runtime != name:
            raise _MissingError(f"{path} is of version {version}: it runs {runtime}. {remedy}")
        return Path(interpreter).resolve(), version


def own_interpreter() -> Path:
    """Return Python itself, outside the virtual environment that Keyturn runs in."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _said(command: tuple[str, ...]) -> tuple[str, str, str] | None:
    """Return what an interpreter says: its runtime, its version, and where it really lies."""
    for _ in range(_ATTEMPTS_MAX):
        try:
            # S603: the program is the operator's, or one on the server's own path.
            done = subprocess.run(  # noqa: S603
                command, capture_output=True, text=True, timeout=_ANSWER_SECONDS_MAX, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return None
        lines = done.stdout.splitlines()
        if len(lines) == _ANSWER_LINES:
            return lines[0], lines[1], lines[2]
    return None
