"""Between invocations an environment is stopped, and none is lost by that."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import platform
import signal

import pytest

from keyturn.functions.execution import pool as pools, processes
from keyturn.functions.execution.isolation import NoSandboxError, Wanted
from keyturn.functions.execution.processes import descendants_of, is_stopped
from support.function_bench import FunctionBench
from support.processes import is_running
from support.waiting import until

# It and a child that works all the time, also between invocations.
BUSY = """
import os, subprocess
child = subprocess.Popen(["sh", "-c", "while :; do :; done"])

def lambda_handler(event, context):
    return [os.getpid(), child.pid]
"""
PID = "import os\ndef lambda_handler(event, context): return os.getpid()"
COUNTED = """
import itertools
counted = itertools.count()

def lambda_handler(event, context):
    return next(counted)
"""
# How often it was let go on.
THAWED = """
import signal
count = 0

def thawed(number, frame):
    global count
    count += 1

signal.signal(signal.SIGCONT, thawed)

def lambda_handler(event, context):
    return count
"""
HELD = """
import os, pathlib, time

def lambda_handler(event, context):
    folder = pathlib.Path(event)
    (folder / "begun").write_text(str(os.getpid()))
    (folder / "begun").rename(folder / "held")
    while not (folder / "go").exists():
        time.sleep(0.005)
    return os.getpid()
"""
# A child that waits in the kernel, uninterruptibly, for one that shares nothing with it.
VFORKS = f"""
import ctypes, os, time
clone = {{"x86_64": 56, "aarch64": 220}}["{platform.machine()}"]
CLONE_VFORK, SIGCHLD = 0x4000, 17

def lambda_handler(event, context):
    if event is not None and os.fork() == 0:
        if ctypes.CDLL(None).syscall(clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0) == 0:
            os.rename(event, event + "-begun")
        time.sleep(600)
    return os.getpid()
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FunctionBench]:
    """A bench of the test's own. In a bare process, process ids are this machine's."""
    monkeypatch.setattr(pools, "FROZEN_AFTER_SECONDS", 0.1)
    with FunctionBench.open(_folder(tmp_path), Wanted.NONE) as bench:
        yield bench


@pytest.fixture(params=[Wanted.BUBBLEWRAP, Wanted.NONE])
def each(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FunctionBench]:
    """A bench of the test's own, of each kind of sandbox."""
    monkeypatch.setattr(pools, "FROZEN_AFTER_SECONDS", 0.1)
    try:
        with FunctionBench.open(_folder(tmp_path), request.param) as bench:
            yield bench
    except NoSandboxError as error:
        pytest.skip(str(error))


def test_all_processes_of_an_idle_environment_are_stopped(own: FunctionBench) -> None:
    pids = own.answer(own.create(BUSY))

    until(lambda: all(map(is_stopped, pids)), "their stop")


def test_a_frozen_environment_answers_again_with_all_its_processes(own: FunctionBench) -> None:
    function = own.create(BUSY)
    pids = own.answer(function)
    until(lambda: all(map(is_stopped, pids)), "their stop")

    again = own.answer(function)

    assert again == pids
    until(lambda: all(map(is_stopped, pids)), "their next stop")


def test_an_environment_of_each_kind_of_sandbox_answers_after_it_was_frozen(
    each: FunctionBench,
) -> None:
    function = each.create(COUNTED)

    answers = []
    for _ in range(3):
        answers.append(each.answer(function))
        _await_frozen(each)

    assert answers == [0, 1, 2]


def test_one_that_is_at_work_is_not_frozen(own: FunctionBench, tmp_path: Path) -> None:
    function = own.create(HELD, Timeout=60)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(own.answer, function, str(tmp_path))
        until((tmp_path / "held").exists, "its beginning")
        held = int((tmp_path / "held").read_text())
        # Idle for as long as the other is at work.
        idle = own.answer(own.create(PID))
        until(lambda: is_stopped(idle), "the stop of the idle one")
        was_stopped = is_stopped(held)
        (tmp_path / "go").touch()

        assert running.result() == held
    assert not was_stopped


def test_one_that_is_invoked_again_and_again_is_not_disturbed(own: FunctionBench) -> None:
    function = own.create(THAWED)
    idle = own.answer(own.create(PID))
    own.answer(function)

    while not is_stopped(idle):
        own.answer(function)

    assert own.answer(function) == 0


def test_frozen_environments_end_when_the_pool_is_closed(own: FunctionBench) -> None:
    pids = own.answer(own.create(BUSY))
    until(lambda: all(map(is_stopped, pids)), "their stop")

    own.pool.close()

    assert not any(map(is_running, pids))


def test_a_frozen_environment_makes_room(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_MAX", 1)
    pids = own.answer(own.create(BUSY))
    until(lambda: all(map(is_stopped, pids)), "their stop")

    own.answer(own.create(PID))

    assert not any(map(is_running, pids))


@pytest.mark.parametrize("which", [0, -1], ids=["its sandbox", "its own process"])
def test_one_that_was_killed_while_it_was_frozen_costs_no_invocation(
    each: FunctionBench, which: int
) -> None:
    function = each.create(PID)
    each.answer(function)
    _await_frozen(each)

    victim = _processes_of_idle(each)[which]
    os.kill(victim, signal.SIGKILL)

    until(lambda: not is_running(victim), "its end")
    each.answer(function)


def test_of_one_that_was_killed_while_it_was_frozen_nothing_is_left(each: FunctionBench) -> None:
    function = each.create(PID)
    each.answer(function)
    _await_frozen(each)
    before = _processes_of_idle(each)
    os.kill(before[-1], signal.SIGKILL)
    until(lambda: not is_running(before[-1]), "its end")

    each.answer(function)

    assert not any(map(is_running, before))


def test_one_with_a_process_that_waits_in_the_kernel_is_kept(
    own: FunctionBench, tmp_path: Path
) -> None:
    function = own.create(VFORKS)
    event = tmp_path / "event"
    event.touch()
    pid = own.answer(function, str(event))
    until((tmp_path / "event-begun").exists, "the wait")
    until(lambda: is_stopped(pid) and own.pool._idle[0].is_frozen, "its stop")

    assert own.answer(function) == pid


def test_one_that_can_not_be_stopped_is_ended_and_the_next_is_stopped(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as slow:
        slow.setattr(processes, "FREEZE_SECONDS_MAX", -1)
        pid = own.answer(own.create(PID))
        until(lambda: not is_running(pid), "its end")
    until(lambda: not own.pool._counts, "its place")

    following = own.answer(own.create(PID))

    until(lambda: is_stopped(following), "its stop")


def _folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bench"
    folder.mkdir()
    return folder


def _await_frozen(bench: FunctionBench) -> None:
    until(lambda: all(map(is_stopped, _processes_of_idle(bench))), "the stop of all")


def _processes_of_idle(bench: FunctionBench) -> list[int]:
    """Return the processes of the one environment that is idle, from the top."""
    (slot,) = bench.pool._idle
    top = slot.environment._process.pid
    return [top, *descendants_of(top)]
