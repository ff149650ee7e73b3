"""A killed engine leaves no function running."""

import os
from pathlib import Path
import signal
import subprocess
import sys

from support.waiting import until

PARENT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from support.function_bench import FunctionBench

folder = Path(sys.argv[1])
bench = FunctionBench(folder)
source = '''
import os, pathlib, time
def lambda_handler(event, context):
    pathlib.Path(event).write_text(str(os.getpid()))
    if event.endswith("busy"):
        time.sleep(600)
'''
function = bench.create(source, Timeout=900)
# From threads that end, as those of a server do: the process must not end with them.
with ThreadPoolExecutor(1) as threads:
    threads.submit(bench.invoke, function, str(folder / "idle")).result()
other = bench.create(source, Timeout=900)
bench.invoke(other, str(folder / "busy"))
"""


def test_a_killed_parent_leaves_no_function_process(tmp_path: Path) -> None:
    # What this process can import, so can that one.
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], env=environment
    ) as parent:
        busy = until(lambda: _pid(tmp_path / "busy"), "the busy function's beginning")
        idle = until(lambda: _pid(tmp_path / "idle"), "the idle function's beginning")
        both_ran = _runs(busy) and _runs(idle)

        parent.send_signal(signal.SIGKILL)

    assert both_ran
    until(lambda: not _runs(busy) and not _runs(idle), "the functions' end")


def _pid(file: Path) -> int | None:
    text = file.read_text() if file.exists() else ""
    return int(text) if text else None


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
