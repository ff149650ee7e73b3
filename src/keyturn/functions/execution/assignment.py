"""What a waiting sandbox is told to become a function's; ``inside/launcher.py`` reads it. Pure."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import json
from typing import Any, Final

from keyturn.functions.execution.runtime_dir import NODE_CLIENT
from keyturn.functions.execution.sandbox import OPEN_FILES_MAX, Interior, Places
from keyturn.functions.execution.sandboxes import SystemCalls
from keyturn.functions.runtimes import CLIENT_MODULE, Kind

#: What a process may have mapped beyond its function's memory: an interpreter, and the stacks of
#: threads, 8 MB each, of which little is ever used.
#: What it really has is bounded by ``keyturn.functions.execution.memory``.
_MAPPED_MB: Final[Mapping[Kind, int]] = {
    Kind.PYTHON: 512,
    Kind.NODE: 1024,
    Kind.PROVIDED: 1024,
}
#: Of a function's memory: Node.js collects garbage before there is too much of it.
_NODE_HEAP_SHARE: Final = 0.9
_HEAP_OPTION: Final = "--max-old-space-size"
_MB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A function, for the sandbox that will be its.

    Attributes:
        processes_max: see ``Isolation``.
        variables: every variable of its process.
    """

    handler: str
    memory_mb: int
    processes_max: int | None
    system_calls: SystemCalls | None
    variables: Mapping[str, str] = field(repr=False)


def encoded(assignment: Assignment, interior: Interior, places: Places) -> bytes:
    """Return an assignment as the launcher reads it."""
    message: dict[str, Any] = {
        "handler": assignment.handler,
        "variables": dict(assignment.variables),
        "task_root": str(places.task),
        "function_path": _function_path(interior, places),
        "program": _program(assignment, interior, places),
        "starts_anew": bool(interior.variables) or _brings_libraries(interior),
        "filter": _filter(assignment.system_calls),
        "limits": {
            "memory_bytes": (assignment.memory_mb + _MAPPED_MB[interior.runtime.kind]) * _MB,
            "file_bytes": interior.storage_mb * _MB,
            "open_files": OPEN_FILES_MAX,
            "processes": assignment.processes_max,
        },
    }
    return json.dumps(message).encode()


def _filter(system_calls: SystemCalls | None) -> dict[str, Any] | None:
    if system_calls is None:
        return None
    return {
        "program": base64.b64encode(system_calls.program).decode(),
        "hands_over": system_calls.answer is not None,
    }


def _brings_libraries(interior: Interior) -> bool:
    """Return whether there is something that the loader would find by LD_LIBRARY_PATH."""
    roots = [interior.task, interior.task / "lib"]
    if interior.layers is not None:
        roots.append(interior.layers / "lib")
    return any(True for root in roots for _ in root.glob("lib*.so*"))


def _function_path(interior: Interior, places: Places) -> Sequence[str]:
    """Return where Python looks for a function's own modules, before all others: as on AWS."""
    layers = places.layers / "python"
    packages = layers / "lib" / interior.runtime.name / "site-packages"
    return [str(places.task), str(packages), str(layers)]


def _program(
    assignment: Assignment, interior: Interior, places: Places
) -> Mapping[str, Sequence[str]] | None:
    """Return what a runtime that isn't Python's is: the first of these that exists, and more."""
    match interior.runtime.kind:
        case Kind.PYTHON:
            return None
        case Kind.NODE:
            return {
                "candidates": [str(interior.runtime.interpreter)],
                "arguments": _node_arguments(assignment, places),
            }
        case Kind.PROVIDED:
            # AWS: the function's own, else a layer's.
            folders = (places.task, places.layers)
            return {"candidates": [str(each / "bootstrap") for each in folders], "arguments": []}


def _node_arguments(assignment: Assignment, places: Places) -> Sequence[str]:
    own_options = assignment.variables.get("NODE_OPTIONS", "")
    heap_mb = int(assignment.memory_mb * _NODE_HEAP_SHARE)
    return [
        # What is said here would win over the function's own choice.
        *([] if _HEAP_OPTION in own_options else [f"{_HEAP_OPTION}={heap_mb}"]),
        str(places.launcher.parent / "node.mjs"),
        str(places.runtime / NODE_CLIENT / CLIENT_MODULE),
        assignment.handler,
    ]
