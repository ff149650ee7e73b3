"""Variables that programs read when they start: the function's programs, and no others."""

from pathlib import Path

import pytest

from support.function_bench import FunctionBench


def test_what_a_function_has_loaded_is_not_loaded_outside(
    bench: FunctionBench, tmp_path: Path
) -> None:
    if bench.workshop.weakness is not None:
        pytest.skip(bench.workshop.weakness)
    # The system's loader writes to a file of that name what it loads, in every program.
    variables = {"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(tmp_path / "loaded")}
    function = bench.create(
        "import os\ndef lambda_handler(event, context): return os.environ['LD_DEBUG']",
        Environment={"Variables": variables},
    )

    assert bench.answer(function) == "libs"
    assert list(tmp_path.iterdir()) == []


def test_variables_that_start_a_sandbox_are_in_no_list_of_processes(bench: FunctionBench) -> None:
    function = bench.create(
        "import os\ndef lambda_handler(event, context): return os.getppid()",
        Environment={"Variables": {"PYTHON_PASSWORD": "correct-horse"}},
    )

    bench.answer(function)

    assert not [line for line in _command_lines() if b"correct-horse" in line]


def _command_lines() -> list[bytes]:
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes())
        except OSError:
            # It ended a moment ago.
            continue
    return lines
