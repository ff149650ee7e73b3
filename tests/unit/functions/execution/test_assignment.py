"""What a waiting sandbox is told: by whom it is run, with what, and within which limits."""

import base64
from collections.abc import Mapping
from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import pytest

from keyturn.functions.execution.assignment import Assignment, encoded
from keyturn.functions.execution.bubblewrap import PLACES
from keyturn.functions.execution.sandbox import OPEN_FILES_MAX, Interior
from keyturn.functions.execution.sandboxes import SystemCalls
from keyturn.functions.runtimes import PROVIDED, Kind, Runtime

PYTHON = Runtime("python3.12", Kind.PYTHON, Path("/usr/bin/python3.12"), "3.12.1")
NODE = Runtime("nodejs22.x", Kind.NODE, Path("/usr/bin/node"), "22.1.0", Path("/client"))
SECRET = "hunter2"
MB = 1 << 20


@pytest.fixture
def interior(tmp_path: Path) -> Interior:
    (tmp_path / "task").mkdir()
    return Interior(runtime=PYTHON, task=tmp_path / "task", layers=None, storage_mb=512)


def told(interior: Interior, **members: Any) -> dict[str, Any]:  # noqa: ANN401 - as they are
    assignment = Assignment(
        **{
            "handler": "module.handler",
            "memory_mb": 128,
            "processes_max": None,
            "system_calls": None,
            "variables": {},
            **members,
        }
    )
    message: dict[str, Any] = json.loads(encoded(assignment, interior, PLACES))
    return message


def test_python_runs_the_handler_from_the_function_before_its_layers(interior: Interior) -> None:
    message = told(interior)

    assert message["handler"] == "module.handler"
    assert message["program"] is None
    assert message["task_root"] == "/var/task"
    assert message["function_path"] == [
        "/var/task",
        "/opt/python/lib/python3.12/site-packages",
        "/opt/python",
    ]


def test_a_function_that_is_its_own_program_comes_before_a_layers(interior: Interior) -> None:
    assert told(replace(interior, runtime=PROVIDED))["program"] == {
        "candidates": ["/var/task/bootstrap", "/opt/bootstrap"],
        "arguments": [],
    }


@pytest.mark.parametrize(
    ("variables", "heap"),
    [
        ({}, ["--max-old-space-size=115"]),
        ({"NODE_OPTIONS": "--no-warnings"}, ["--max-old-space-size=115"]),
        ({"NODE_OPTIONS": "--max-old-space-size=64"}, []),
    ],
    ids=["its own", "beside others", "chosen by the function"],
)
def test_node_collects_garbage_before_its_memory_is_full_unless_told_otherwise(
    interior: Interior, variables: Mapping[str, str], heap: list[str]
) -> None:
    program = told(replace(interior, runtime=NODE), variables=variables)["program"]

    assert program["candidates"] == ["/usr/bin/node"]
    assert program["arguments"] == [
        *heap,
        "/var/rapid/node.mjs",
        "/var/runtime/node_modules/aws-lambda-ric/dist/index.mjs",
        "module.handler",
    ]


@pytest.mark.parametrize(
    ("runtime", "mapped_mb"), [(PYTHON, 512), (NODE, 1024), (PROVIDED, 1024)], ids=str
)
def test_limits_are_the_functions_and_what_its_runtime_maps(
    interior: Interior, runtime: Runtime, mapped_mb: int
) -> None:
    limits = told(replace(interior, runtime=runtime), memory_mb=256, processes_max=7)["limits"]

    assert limits == {
        "memory_bytes": (256 + mapped_mb) * MB,
        "file_bytes": 512 * MB,
        "open_files": OPEN_FILES_MAX,
        "processes": 7,
    }


def test_where_nothing_counts_a_sandboxes_processes_there_is_no_limit(interior: Interior) -> None:
    assert told(interior)["limits"]["processes"] is None


def test_without_variables_that_are_read_at_the_start_an_interpreter_goes_on(
    interior: Interior,
) -> None:
    assert not told(interior, variables={"OTHER": "1"})["starts_anew"]
    assert told(replace(interior, variables={"PYTHONPATH": "/opt"}))["starts_anew"]


@pytest.mark.parametrize("place", ["task/libown.so", "task/lib/libown.so.1", "layers/lib/libx.so"])
def test_an_interpreter_is_started_anew_where_the_loader_is_to_find_libraries(
    interior: Interior, place: str
) -> None:
    root = interior.task.parent
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).touch()

    assert told(replace(interior, layers=root / "layers"))["starts_anew"]


@pytest.mark.parametrize("place", ["task/package/libown.so", "task/own.so", "layers/liba.so"])
def test_libraries_that_the_loader_would_not_find_start_nothing_anew(
    interior: Interior, place: str
) -> None:
    root = interior.task.parent
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (root / place).touch()

    assert not told(replace(interior, layers=root / "layers"))["starts_anew"]


def test_a_filter_is_sent_whole_with_whether_it_hands_calls_over(interior: Interior) -> None:
    program = bytes(range(256))

    alone = told(interior, system_calls=SystemCalls(program, None))["filter"]
    handing = told(interior, system_calls=SystemCalls(program, lambda *_: None))["filter"]

    assert base64.b64decode(alone["program"]) == program
    assert (alone["hands_over"], handing["hands_over"]) == (False, True)
    assert told(interior)["filter"] is None


def test_variables_are_told_and_are_in_no_repr() -> None:
    assignment = Assignment(
        handler="h", memory_mb=1, processes_max=1, system_calls=None, variables={"KEY": SECRET}
    )

    assert SECRET not in repr(assignment)
