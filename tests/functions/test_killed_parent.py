"""A killed engine leaves no function running, whatever it runs in."""

import os
from pathlib import Path
import signal
import subprocess
import sys

import pytest

from keyturn.functions.execution.isolation import Wanted
from support.waiting import until

# It writes down which processes there are once one function is idle and another is busy.
PARENT = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from keyturn.functions.execution.isolation import Wanted
from keyturn.functions.execution.processes import descendants_of
from support.function_bench import FunctionBench
from support.waiting import until

folder, wanted = Path(sys.argv[1]), Wanted(sys.argv[2])
bench = FunctionBench(folder, wanted)
source = '''
import time
def lambda_handler(event, context):
    print("begun")
    if event == "busy":
        time.sleep(600)
'''
idle = bench.create(source, Timeout=900)
# From threads that end, as those of a server do: the process must not end with them.
with ThreadPoolExecutor(1) as threads:
    threads.submit(bench.invoke, idle, "idle").result()
busy = bench.create(source, Timeout=900)
threading.Thread(target=bench.invoke, args=(busy, "busy")).start()
until(lambda: any("begun" in line.message for line in bench.logged(busy)), "its beginning")
draft = folder / "draft"
draft.write_text(" ".join(map(str, descendants_of(os.getpid()))))
draft.rename(folder / "below")
threading.Event().wait()
"""
# One idle, one busy.
BELOW_MIN = 2


@pytest.mark.parametrize("wanted", [Wanted.BUBBLEWRAP, Wanted.NONE])
def test_a_killed_parent_leaves_no_function_process(tmp_path: Path, wanted: Wanted) -> None:
    # What this process can import, so can that one.
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath}
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), wanted], env=environment
    ) as parent:
        file = tmp_path / "below"
        until(file.exists, "both functions' beginning")
        below = [int(pid) for pid in file.read_text().split()]
        running = [pid for pid in below if _runs(pid)]

        parent.send_signal(signal.SIGKILL)

    assert len(running) >= BELOW_MIN
    until(lambda: not any(map(_runs, running)), "the functions' end")


def _runs(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
