"""Processes with all that they start are found, stopped and ended, whatever they do to hide."""

from collections.abc import Iterator, Sequence
import errno
import json
import os
from pathlib import Path
import platform
import shutil
import signal
import subprocess
import sys
from typing import Final

import pytest

from keyturn.functions.execution import processes as module
from keyturn.functions.execution.processes import (
    Process,
    Processes,
    children_of,
    descendants_of,
    is_stopped,
    is_there,
)
from support.processes import is_running
from support.waiting import until

PYTHON: Final = (sys.executable, "-S", "-c")
DEPTH: Final = 100
#: Adopts what its own leave behind, as the launcher does.
ADOPTS: Final = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
#: Starts another below itself until there are so many, says so, and waits.
CHAIN: Final = (
    ADOPTS
    + """
left = int(sys.argv[1])
while left and os.fork() == 0:
    left -= 1
if not left:
    os.write(1, b".")
os.read(os.eventfd(0), 8)
"""
)
WAITS: Final = "os.write(1, b'.'); os.read(os.eventfd(0), 8)"
WAITS_ALONE: Final = "import os\n" + WAITS
LEAVES_BEHIND: Final = (
    ADOPTS
    + f"""
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        {WAITS}
    os._exit(0)
os.wait()
{WAITS}
"""
)
#: One process at a time, each of which starts the next and ends, for 20 seconds at most.
RELAY: Final = r"""
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    time_t end = time(0) + 20;
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    signal(SIGCHLD, SIG_IGN);
    if (fork()) {
        write(1, ".", 1);
        for (;;) pause();
    }
    while (time(0) < end)
        if (fork()) _exit(0);
    return 0;
}
"""
#: Has a child that has this name.
NAMED: Final = (
    ADOPTS
    + f"""
if os.fork() == 0:
    ctypes.CDLL(None).prctl(15, bytes.fromhex(sys.argv[1]), 0, 0, 0)
    {WAITS}
{WAITS}
"""
)
#: Waits in the kernel, uninterruptibly, for a child that it doesn't share its memory with.
VFORKS: Final = (
    ADOPTS
    + f"""
clone = {{"x86_64": 56, "aarch64": 220}}["{platform.machine()}"]
CLONE_VFORK, SIGCHLD = 0x4000, 17
if ctypes.CDLL(None).syscall(clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0) == 0:
    {WAITS}
"""
)
#: An engine that has a profile's credentials fetched, ends a function's process meanwhile, and
#: says what was fetched, and of what the process left behind whether it is there.
ENGINE: Final = """
import json, os, sys, threading
from botocore.credentials import ProcessProvider
from keyturn.functions.execution.processes import Processes, children_of, is_there

pipe, leaves_behind = sys.argv[1:]
os.mkfifo(pipe)
processes = Processes()
processes.adopt_strays()
profile = {"profiles": {"p": {"credential_process": f"cat {pipe}"}}}
fetched = []
provider = ProcessProvider("p", lambda: profile)
fetching = threading.Thread(target=lambda: fetched.append(provider.load().access_key))
fetching.start()
while not (fetchers := list(children_of(os.getpid()))):
    pass
process = processes.start([sys.executable, "-S", "-c", leaves_behind], {})
process.stdout.read(2)
process.kill()
process.wait()
left = set(children_of(os.getpid())).difference(fetchers)

processes.end(process)

if all(map(is_there, fetchers)):
    with open(pipe, "w") as file:
        json.dump({"Version": 1, "AccessKeyId": "a key", "SecretAccessKey": "s"}, file)
fetching.join()
print(json.dumps([fetched, [is_there(pid) for pid in left]]))
"""
#: Often enough that one that could slip through would.
CATCHES: Final = 20


@pytest.fixture
def processes() -> Iterator[Processes]:
    made = Processes()
    yield made
    for process in list(made._own):
        made.end(process)


def fails_for_files(_folder: Path) -> Iterator[Path]:
    """Fail as a folder does that is looked into when this process has too many files open."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def started(processes: Processes, command: Sequence[str], count: int = 1) -> Process:
    """Start a program; return it once so many processes of it have said that they are ready."""
    process = processes.start(command, {})
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.read(count) == b"." * count
    return process


@pytest.fixture
def relay(tmp_path: Path) -> str:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, program = tmp_path / "relay.c", tmp_path / "relay"
    source.write_text(RELAY)
    subprocess.run([compiler, "-w", "-o", program, source], check=True)
    return str(program)


def test_a_process_has_the_variables_that_it_is_given_and_no_others(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_ENGINE", "secret")

    process = processes.start(["/usr/bin/env"], {"GIVEN": "1"})

    output, _ = process.communicate()
    assert output == b"GIVEN=1\n"


def test_what_can_not_be_started_is_not_counted(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        processes.start([str(tmp_path / "missing")], {})

    assert not processes._own


def test_descendants_are_found_from_the_top_however_deep(processes: Processes) -> None:
    process = started(processes, [*PYTHON, CHAIN, str(DEPTH)])

    found = list(descendants_of(process.pid))

    assert len(found) == DEPTH
    above = [process.pid, *found]
    assert all(list(children_of(pid)) == [below] for pid, below in zip(above, found, strict=False))


def test_one_that_is_gone_has_nothing_below_it(processes: Processes) -> None:
    process = processes.start([*PYTHON, ""], {})
    process.communicate()

    assert list(descendants_of(process.pid)) == []


def test_all_end_with_the_one_that_started_them_however_deep(processes: Processes) -> None:
    process = started(processes, [*PYTHON, CHAIN, str(DEPTH)])
    every = [process.pid, *descendants_of(process.pid)]

    processes.end(process)

    assert not any(map(is_running, every))


def test_one_in_a_session_of_its_own_that_was_left_behind_ends_too(processes: Processes) -> None:
    process = started(processes, [*PYTHON, LEAVES_BEHIND], 2)
    (left,) = descendants_of(process.pid)

    processes.end(process)

    assert not is_running(left)


def test_one_that_ended_by_itself_can_be_ended(processes: Processes) -> None:
    process = processes.start([*PYTHON, ""], {})
    process.communicate()

    processes.end(process)

    assert not processes._own


@pytest.mark.parametrize(
    ("program", "ready", "below"),
    [([CHAIN, str(DEPTH)], 1, DEPTH), ([LEAVES_BEHIND], 2, 1)],
    ids=["deep", "left behind"],
)
def test_all_stop_when_frozen_and_go_on_when_thawed(
    processes: Processes, program: list[str], ready: int, below: int
) -> None:
    process = started(processes, [*PYTHON, *program], ready)
    every = [process.pid, *descendants_of(process.pid)]

    frozen = processes.freeze(process)
    were_stopped = all(map(is_stopped, every))
    processes.thaw(process)

    assert sorted(frozen) == sorted(every)
    assert len(every) == 1 + below
    assert were_stopped
    until(lambda: not any(map(is_stopped, every)), "their going on")


def test_frozen_ones_end_as_others_do(processes: Processes) -> None:
    process = started(processes, [*PYTHON, CHAIN, "3"])
    every = processes.freeze(process)

    processes.end(process)

    assert not any(map(is_running, every))


def test_one_that_was_killed_while_frozen_is_not_stopped_any_more(processes: Processes) -> None:
    process = started(processes, [*PYTHON, CHAIN, "1"])
    first, second = process.pid, *descendants_of(process.pid)
    processes.freeze(process)

    os.kill(second, signal.SIGKILL)

    until(lambda: not is_stopped(second), "its end")
    assert is_stopped(first)


def test_one_that_is_gone_is_frozen_without_ado(processes: Processes) -> None:
    process = processes.start([*PYTHON, ""], {})
    process.communicate()

    assert processes.freeze(process) == set()


def test_one_that_always_starts_another_and_ends_is_frozen_all_the_same(
    processes: Processes, relay: str
) -> None:
    for _ in range(CATCHES):
        process = started(processes, [relay])
        processes.freeze(process)

        first, second = (
            {pid for pid in descendants_of(process.pid) if is_running(pid)} for _ in range(2)
        )

        assert first
        assert all(map(is_stopped, first))
        assert first == second
        processes.end(process)


def test_one_that_always_starts_another_and_ends_is_ended_all_the_same(
    processes: Processes, relay: str
) -> None:
    for _ in range(CATCHES):
        processes.end(started(processes, [relay]))

    assert not any(_is_of(relay, Path(folder)) for folder in Path("/proc").glob("[0-9]*"))


@pytest.mark.parametrize("name", [b"\xc3\xc3", b") Z 1", b"\r\n"], ids=repr)
def test_a_process_is_stopped_and_ended_whatever_it_calls_itself(
    processes: Processes, name: bytes
) -> None:
    process = started(processes, [*PYTHON, NAMED, name.hex()], 2)
    every = [process.pid, *descendants_of(process.pid)]

    frozen = processes.freeze(process)
    were_stopped = list(map(is_stopped, every))
    processes.end(process)

    assert (sorted(frozen), were_stopped) == (sorted(every), [True, True])
    assert not any(map(is_running, every))


def test_one_that_waits_in_the_kernel_is_frozen_and_stops_when_it_is_done(
    processes: Processes,
) -> None:
    process = started(processes, [*PYTHON, VFORKS])
    (child,) = descendants_of(process.pid)
    until(lambda: module._state(process.pid) == "D", "its wait for its child")

    frozen = processes.freeze(process)
    was_there = is_there(process.pid)
    os.kill(child, signal.SIGKILL)

    assert frozen == {process.pid, child}
    assert was_there
    until(lambda: is_stopped(process.pid), "its stop")


def test_those_that_are_not_stopped_in_time_are_given_up(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FREEZE_SECONDS_MAX", -1)
    process = started(processes, [*PYTHON, WAITS_ALONE])

    with pytest.raises(TimeoutError, match="not all stopped"):
        processes.freeze(process)


def test_one_is_ended_also_when_what_it_started_can_not_be_looked_for(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = started(processes, [*PYTHON, WAITS_ALONE])

    with monkeypatch.context() as full:
        full.setattr(Path, "iterdir", fails_for_files)
        with pytest.raises(OSError, match="Too many open files"):
            processes.end(process)

    assert not is_running(process.pid)
    assert not processes._own


def test_what_a_library_of_the_engine_starts_is_no_stray(tmp_path: Path) -> None:
    # In a process of its own, for which what others left behind isn't ended.
    done = subprocess.run(
        [sys.executable, "-c", ENGINE, str(tmp_path / "pipe"), LEAVES_BEHIND],
        capture_output=True,
        check=True,
        timeout=60,
    )

    fetched, left = json.loads(done.stdout)
    assert fetched == ["a key"]
    assert left == [False]


def _is_of(program: str, folder: Path) -> bool:
    try:
        return (folder / "exe").readlink() == Path(program)
    except OSError:
        return False
