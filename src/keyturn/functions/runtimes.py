"""The runtimes that a function may ask for, and the interpreters that this machine has for them.

A runtime is served when its interpreter is there: found by its name on the path, or named by the
operator. Which version it is, it says itself; a wrapper that picks another (pyenv's shims) is
followed to the interpreter that it starts.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
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
    """

    name: str
    kind: Kind
    interpreter: Path | None


#: This process's own.
OWN_PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
_PYTHONS: Final = frozenset(f"python3.{minor}" for minor in range(10, 15))
_NODES: Final = frozenset(f"nodejs{major}.x" for major in (20, 22, 24))
_PROVIDED: Final = frozenset({"provided.al2023"})
RUNTIMES: Final = tuple(sorted(_PYTHONS | _NODES | _PROVIDED))

_ANSWER_SECONDS_MAX: Final = 10
_PYTHON_SAYS: Final = (
    "import sys; print('python%d.%d' % sys.version_info[:2]); "
    "print(getattr(sys, '_base_executable', None) or sys.executable)"
)
_NODE_SAYS: Final = (
    "console.log('nodejs' + process.versions.node.split('.')[0] + '.x'); "
    "console.log(process.execPath)"
)


class Runtimes:
    """The runtimes of this machine. What is found once is remembered; threads may share it."""

    def __init__(self, interpreters: Mapping[str, Path] | None = None) -> None:
        """Know these interpreters, by the name of their runtime, beside those on the path."""
        self._named = dict(interpreters or {})
        self._found: dict[str, Runtime] = {}

    def find(self, name: str) -> Runtime:
        """Return a runtime by AWS's name for it.

        Raises:
            UnknownRuntimeError: there is none of that name, or its interpreter isn't here.
        """
        runtime = self._found.get(name) or self._look_for(name)
        if runtime is None:
            raise UnknownRuntimeError(name, tuple(self.available()), is_known=name in RUNTIMES)
        self._found[name] = runtime
        return runtime

    def available(self) -> list[str]:
        """Return the names of the runtimes that can be used here."""
        return [name for name in RUNTIMES if self._found.get(name) or self._look_for(name)]

    def _look_for(self, name: str) -> Runtime | None:
        if name in _PYTHONS:
            return self._interpreted(name, Kind.PYTHON, name, _python_says)
        if name in _NODES:
            return self._interpreted(name, Kind.NODE, "node", _node_says)
        return Runtime(name, Kind.PROVIDED, None) if name in _PROVIDED else None

    def _interpreted(
        self, name: str, kind: Kind, program: str, ask: "Callable[[str], tuple[str, Path] | None]"
    ) -> Runtime | None:
        if name == OWN_PYTHON and name not in self._named:
            return Runtime(name, kind, own_interpreter())
        candidate = str(self._named.get(name) or shutil.which(program) or "")
        said = ask(candidate) if candidate else None
        if said is None or said[0] != name:
            return None
        return Runtime(name, kind, said[1])


def own_interpreter() -> Path:
    """Return Python itself, outside the virtual environment that Keyturn runs in."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _python_says(program: str) -> tuple[str, Path] | None:
    return _said((program, "-I", "-S", "-c", _PYTHON_SAYS))


def _node_says(program: str) -> tuple[str, Path] | None:
    return _said((program, "-e", _NODE_SAYS))


def _said(command: tuple[str, ...]) -> tuple[str, Path] | None:
    """Return what an interpreter says: which runtime it is, and where it really lies."""
    try:
        # S603: the program is the operator's, or one on the server's own path.
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_ANSWER_SECONDS_MAX, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    name, path = done.stdout.split("\n")[:2]
    return name, Path(path).resolve()
