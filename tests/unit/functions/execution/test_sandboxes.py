"""Sandboxes that wait ready: for whom, how often, and that they have seen no other function."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from structlog.testing import capture_logs

from keyturn.functions.execution import sandboxes as module
from keyturn.functions.execution.bare import Bare
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_dir import RuntimeDirs
from keyturn.functions.execution.sandbox import Interior, Sandbox
from keyturn.functions.execution.sandboxes import READY_PER_RUNTIME, Sandboxes
from keyturn.functions.registry import STORAGE_MB_DEFAULT
from keyturn.functions.runtimes import OWN_PYTHON, PROVIDED, Kind, Runtime, Runtimes
from support.function_bench import FunctionBench
from support.waiting import until

PYTHON: Final = Runtimes().find(OWN_PYTHON)


@dataclass(frozen=True)
class Stand:
    """Sandboxes that are bare processes: the rules are the same for every kind."""

    folder: Path
    sandboxes: Sandboxes

    def interior(self, *files: str, **members: Any) -> Interior:  # noqa: ANN401 - as they are
        """Return the interior of a function that has such files."""
        task = self.folder / "task"
        for file in files or ("lambda_function.py",):
            (task / file).parent.mkdir(parents=True, exist_ok=True)
            (task / file).write_text(file)
        usual = Interior(runtime=PYTHON, task=task, layers=None, storage_mb=STORAGE_MB_DEFAULT)
        return replace(usual, **members)

    def make_ready(self, runtime: Runtime = PYTHON) -> Sandbox:
        """Have one ready, and return it."""
        self.sandboxes.keep_ready(runtime)
        self.settle()
        (found,) = self.sandboxes._ready[runtime.name]
        return found[0]

    def settle(self) -> None:
        """Wait until what was begun in the background is done."""
        self.sandboxes._starter.submit(lambda: None).result()

    def shown(self) -> list[Path]:
        """Return the folders in which code is, or will be, shown."""
        return list((self.folder / "shown").glob("*"))


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    processes = Processes()
    dirs = RuntimeDirs(tmp_path / "runtimes", processes)
    bare = Bare(processes, dirs, tmp_path / "temporary")
    sandboxes = Sandboxes(bare, processes, dirs.own, tmp_path / "shown")
    yield Stand(tmp_path, sandboxes)
    sandboxes.close()
    for process in list(processes._own):
        processes.end(process)
        assert process.stdout is not None
        process.stdout.close()


def test_a_ready_one_is_given_with_the_functions_code_in_it(stand: Stand) -> None:
    ready = stand.make_ready()

    taken = stand.sandboxes.take(stand.interior("lambda_function.py", "package/own.py"))

    assert taken.process is ready.process
    shown = taken.places.task
    assert {str(path.relative_to(shown)) for path in shown.rglob("*.py")} == {
        *("lambda_function.py", "package/own.py")
    }
    stand.sandboxes.end(taken)


def test_a_ready_one_is_given_once_and_ended_with_what_it_showed(stand: Stand) -> None:
    ready = stand.make_ready()
    interior = stand.interior()
    stand.sandboxes.end(stand.sandboxes.take(interior))

    second = stand.sandboxes.take(interior)

    assert ready.process.poll() is not None
    assert second.process is not ready.process
    assert second.places.task == interior.task
    assert stand.shown() == []
    stand.sandboxes.end(second)


def test_no_more_are_ready_than_one_for_a_runtime(stand: Stand) -> None:
    for _ in range(READY_PER_RUNTIME + 2):
        stand.make_ready()

    assert len(stand.shown()) == READY_PER_RUNTIME


@pytest.mark.parametrize(
    "file",
    ["json.py", "boto3/__init__.py", "six.py", "urllib3.so", "urllib3.cpython-311.so"],
)
def test_a_function_that_brings_what_is_imported_already_has_a_new_one(
    stand: Stand, file: str
) -> None:
    ready = stand.make_ready()

    taken = stand.sandboxes.take(stand.interior("lambda_function.py", file))

    assert taken.process is not ready.process
    assert ready.process.poll() is None
    stand.sandboxes.end(taken)


@pytest.mark.parametrize(
    "members",
    [
        {"variables": {"PYTHONHASHSEED": "1"}},
        {"storage_mb": STORAGE_MB_DEFAULT + 1},
        {"layers": Path("/")},
        {"runtime": PROVIDED},
    ],
    ids=lambda members: next(iter(members)),
)
def test_a_function_that_had_to_be_known_earlier_has_a_new_one(
    stand: Stand, members: dict[str, Any]
) -> None:
    ready = stand.make_ready()

    taken = stand.sandboxes.take(stand.interior(**members))

    assert taken.process is not ready.process
    assert ready.process.poll() is None
    stand.sandboxes.end(taken)


@pytest.mark.parametrize(("count", "waits"), [(3, True), (4, False)])
def test_a_function_of_too_many_files_has_a_new_one(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, count: int, waits: bool
) -> None:
    monkeypatch.setattr(module, "SHOWN_FILES_MAX", 3)
    ready = stand.make_ready()

    taken = stand.sandboxes.take(stand.interior(*(f"file{number}" for number in range(count))))

    assert (taken.process is ready.process) == waits
    stand.sandboxes.end(taken)


def test_a_ready_one_that_died_is_replaced(stand: Stand) -> None:
    ready = stand.make_ready()
    ready.process.kill()
    ready.process.wait()

    taken = stand.sandboxes.take(stand.interior())

    assert taken.process is not ready.process
    assert taken.process.poll() is None
    assert stand.shown() == []
    assert stand.make_ready().process.poll() is None
    stand.sandboxes.end(taken)


def test_a_ready_one_that_the_code_can_not_be_shown_in_is_ended(stand: Stand) -> None:
    ready = stand.make_ready()
    (ready.places.task / "lambda_function.py").mkdir()

    with pytest.raises(IsADirectoryError):
        stand.sandboxes.take(stand.interior())

    assert ready.process.poll() is not None
    assert stand.shown() == []


def test_only_pythons_wait_ready(stand: Stand) -> None:
    stand.sandboxes.keep_ready(PROVIDED)
    stand.settle()

    assert stand.shown() == []


def test_one_that_can_not_be_started_is_told_of_and_leaves_nothing(stand: Stand) -> None:
    missing = Runtime("python3.99", Kind.PYTHON, stand.folder / "no-python", "3.99.0")

    with capture_logs() as logs:
        stand.sandboxes.keep_ready(missing)
        stand.settle()

    assert [(line["event"], line["reason"]) for line in logs] == [
        ("no sandbox can be kept ready", "No such file or directory")
    ]
    assert stand.shown() == []


def test_those_that_wait_end_when_all_is_closed_and_no_more_are_made(stand: Stand) -> None:
    ready = stand.make_ready()

    stand.sandboxes.close()
    stand.sandboxes.keep_ready(PYTHON)
    stand.settle()

    assert ready.process.poll() is not None
    assert stand.shown() == []


def test_code_of_a_function_is_not_in_the_sandbox_of_the_next(tmp_path: Path) -> None:
    source = """
import os, sys
def lambda_handler(event, context):
    return [sorted(os.listdir()), sorted({"first", "second"} & sys.modules.keys())]
"""
    with FunctionBench.open(tmp_path) as bench:
        functions = [
            bench.create({"lambda_function.py": f"import {name}\n{source}", f"{name}.py": ""})
            for name in ("first", "second")
        ]
        # The first has a sandbox of its own; each that follows has one that waited.
        bench.answer(bench.create(source))
        seen = []
        for function in functions:
            until(lambda: bench.workshop.sandboxes._ready.get(OWN_PYTHON), "one that waits")
            seen.append(bench.answer(function))

    assert seen == [
        [["first.py", "lambda_function.py"], ["first"]],
        [["lambda_function.py", "second.py"], ["second"]],
    ]
