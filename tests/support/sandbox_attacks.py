"""A function that does what a test tells it to, in a sandbox and without one.

with Attacker.open(tmp_path, Wanted.BUBBLEWRAP) as attacker:
    attacker.finds("found = os.listdir('/')")

What an attack finds in a sandbox says something only beside what it finds without: a bare process
(``Wanted.NONE``), or a program of the machine that runs the test (``outside``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
import json
from pathlib import Path
import subprocess
from typing import Any, Final

from keyturn.functions.execution.isolation import Wanted
from keyturn.functions.execution.processes import descendants_of
from keyturn.functions.runtimes import own_interpreter
from keyturn.model.function import Function
from support.function_bench import FunctionBench
from support.processes import is_running
from support.waiting import until

ECHO: Final = "def lambda_handler(event, context): return event"
SECONDS_MAX: Final = 60

# An attack says what it ``found``.
ATTACKED: Final = """
import ctypes, errno, json, os, signal, socket, struct, subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)

def outcome_of(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

def read(path):
    with open(path, "rb") as file:
        return file.read(1 << 16).decode(errors="replace")

def seen(path):
    try:
        return read(path)
    except OSError as error:
        return errno.errorcode[error.errno]

def system_call(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return "done"

def address_of_runtime_api():
    host, _, token = os.environ["AWS_LAMBDA_RUNTIME_API"].partition("/")
    name, _, port = host.partition(":")
    return (name, int(port)), f"/{token}/2018-06-01/runtime"

def attack(source, given):
    names = {**globals(), **given}
    exec(source, names)
    return names.get("found")

def lambda_handler(event, context):
    return attack(event["source"], event["given"])
"""
_OUTSIDE: Final = (
    ATTACKED + "\nprint(json.dumps(attack(sys.argv[1], json.loads(sys.argv[2]))), end='')"
)


class Attacker:
    """A function that attacks, and one beside it that is to be served all the same."""

    def __init__(self, bench: FunctionBench) -> None:
        self.bench = bench
        self.neighbour = bench.create(ECHO)
        self._function = self.another()

    @classmethod
    @contextmanager
    def open(cls, folder: Path, wanted: Wanted) -> Iterator["Attacker"]:
        """Yield one with an engine of its own, which must leave no process behind."""
        with FunctionBench.open(folder, wanted) as bench:
            yield cls(bench)
            own = processes_of(bench)
        until(lambda: not any(map(is_running, own)), "the end of every sandbox")

    def another(self, **params: object) -> Function:
        """Return a further function that attacks."""
        return self.bench.create(ATTACKED, **{"Timeout": SECONDS_MAX, **params})

    def finds(
        self,
        source: str,
        *,
        by: Function | None = None,
        **given: object,
    ) -> Any:  # noqa: ANN401 - whatever it found
        """Return what an attack finds."""
        return self.bench.answer(by or self._function, {"source": source, "given": given})

    def fails(
        self, source: str, *, by: Function | None = None, **given: object
    ) -> tuple[str, str]:
        """Return the type and the text of the error with which an attack ends."""
        error = self.bench.error(by or self._function, {"source": source, "given": given})
        return error["errorType"], error["errorMessage"]

    def neighbour_is_served(self) -> bool:
        """Return whether the engine still serves another function, with its environment."""
        return bool(self.bench.answer(self.neighbour, "served") == "served")


def outside(source: str, **given: object) -> Any:  # noqa: ANN401 - whatever it found
    """Return what an attack finds as a program of this machine, as the user of this test."""
    done = subprocess.run(
        [own_interpreter(), "-I", "-S", "-c", _OUTSIDE, source, json.dumps(given)],
        capture_output=True,
        check=True,
        timeout=SECONDS_MAX,
    )
    return json.loads(done.stdout)


def processes_of(bench: FunctionBench) -> set[int]:
    """Return every process that runs in an engine's sandboxes, or is one."""
    started = [process.pid for process in bench.workshop.sandboxes.processes._own]
    return {pid for each in started for pid in (each, *descendants_of(each))}
