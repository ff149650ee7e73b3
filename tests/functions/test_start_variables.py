"""Variables that programs read when they start: the function's programs, and no others."""

import io
from pathlib import Path
from typing import Final
import zipfile

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


def test_modules_of_a_function_are_imported_in_its_confines(bench: FunctionBench) -> None:
    if bench.workshop.weakness is not None:
        pytest.skip(bench.workshop.weakness)
    # The launcher imports a module of that name, from where PYTHONPATH says.
    files = {"lambda_function.py": "", "json.py": STATUS}
    function = bench.create(files, Environment={"Variables": {"PYTHONPATH": "/var/task"}})

    tail = bench.invoke(function).log_tail.decode()

    assert "Seccomp:\t2\n" in tail
    assert "CapEff:\t0000000000000000\n" in tail


STATUS: Final = """
import os
os.write(1, open("/proc/self/status").read().encode())
os._exit(0)
"""


def test_variables_that_python_reads_when_it_starts_are_heeded(bench: FunctionBench) -> None:
    function = bench.create(
        "import sys\ndef lambda_handler(event, context): return sys.flags.optimize",
        Environment={"Variables": {"PYTHONOPTIMIZE": "2"}},
    )

    assert bench.answer(function) == 2


def test_a_library_in_the_package_is_found(bench: FunctionBench) -> None:
    library = next(line.split()[-1] for line in MAPS.read_text().splitlines() if "libm.so" in line)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(library, "lib/libown.so.1")
        archive.writestr("lambda_function.py", LOAD)

    function = bench.create("", Code={"ZipFile": buffer.getvalue()})

    assert bench.answer(function) is True


MAPS: Final = Path("/proc/self/maps")
LOAD: Final = """
import ctypes

def lambda_handler(event, context):
    return bool(ctypes.CDLL("libown.so.1").sqrt)
"""
