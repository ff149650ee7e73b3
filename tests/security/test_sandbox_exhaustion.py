"""A function that takes all it can get is stopped, and others are served meanwhile and afterwards.

Every bomb here ends by itself before it could harm the machine that runs this test.
"""

from contextlib import suppress
import errno
import os
from pathlib import Path
import re
import subprocess
import sys
import threading
from typing import Final

import pytest

from keyturn.functions.execution import memory
from keyturn.functions.execution.processes import is_stopped
from keyturn.functions.execution.sandbox import OPEN_FILES_MAX, PROCESSES_MAX
from support.processes import is_running
from support.sandbox_attacks import ATTACKED, Attacker, processes_of
from support.waiting import until

KILLED: Final = "Runtime.ExitError"
#: Beyond what a function of 128 MB may have with all its processes, and little for this machine.
TOO_MUCH_MB: Final = 128 + memory.ALLOWANCE_MB + 128
PARTS_MB: Final = 32

# Takes memory in parts until there is TOO_MUCH_MB, then waits to be found.
HOLD: Final = """
held = []
for _ in range(too_much // part):
    held.append(take(part << 20))
time.sleep(2)
found = "held"
"""


def test_more_memory_than_one_process_may_have_is_not_given(sandboxed: Attacker) -> None:
    source = "found = len(bytearray(2 << 30))"

    assert sandboxed.fails(source)[0] == "MemoryError"


TAKERS: Final = {
    "forks": """
def take(size):
    if os.fork() == 0:
        held = bytearray(size)
        time.sleep(60)
        os._exit(0)
""",
    "shared memory": """
import mmap
def take(size):
    made = mmap.mmap(-1, size)
    made.write(bytes(size))
    return made
""",
    "page tables": """
import mmap
def take(size):
    # Of 4 KB for each 2 MB, which aren't written to.
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    made = mmap.mmap(-1, size * 512, flags=flags, prot=mmap.PROT_READ)
    made.madvise(mmap.MADV_NOHUGEPAGE)
    for at in range(0, len(made), 2 << 20):
        made[at]
    return made
""",
    "memfd": """
def take(size):
    made = os.memfd_create("held")
    os.write(made, bytes(size))
    return made
""",
    "System V": """
libc.shmat.restype = ctypes.c_void_p
def take(size):
    made = libc.shmget(0, size, 0o1600)
    if made < 0:
        raise OSError(ctypes.get_errno(), "no shared memory")
    at = libc.shmat(made, None, 0)
    ctypes.memset(at, 1, size)
    libc.shmdt(ctypes.c_void_p(at))
    return made
""",
    "semaphores": """
def take(size):
    # Sets of 32,000, of 64 bytes each.
    made = [libc.semget(0, 32_000, 0o1600) for _ in range(size // (32_000 * 64))]
    if min(made) < 0:
        raise OSError(ctypes.get_errno(), "no semaphores")
    return made
""",
}


@pytest.mark.parametrize("kind", ["forks", "shared memory", "page tables"])
def test_processes_that_have_too_much_memory_together_are_killed(
    sandboxed: Attacker, kind: str
) -> None:
    assert sandboxed.fails(TAKERS[kind] + HOLD, too_much=TOO_MUCH_MB, part=PARTS_MB)[0] == KILLED


@pytest.mark.parametrize("kind", ["memfd", "System V", "semaphores"])
def test_memory_that_is_not_mapped_counts_too(sandboxed: Attacker, kind: str) -> None:
    assert sandboxed.fails(TAKERS[kind] + HOLD, too_much=TOO_MUCH_MB, part=PARTS_MB)[0] in {
        KILLED,
        "OSError",
        "PermissionError",
    }


def test_nothing_is_taken_after_the_answer(victim: Attacker) -> None:
    source = """
def take(size):
    if os.fork() == 0:
        time.sleep(10)
        held = bytearray(size)
        time.sleep(20)
        os._exit(0)
for _ in range(too_much // part):
    take(part << 20)
found = "answered"
"""
    assert victim.finds(source, too_much=TOO_MUCH_MB, part=PARTS_MB) == "answered"

    # It forked what would take it seconds later; as on AWS, it is stopped between events.
    until(lambda: _stopped_of(victim) > TOO_MUCH_MB // PARTS_MB, "its rest")
    assert _anonymous_mb(victim) < TOO_MUCH_MB


def test_a_function_is_stopped_and_ended_whatever_its_processes_call_themselves(
    victim: Attacker,
) -> None:
    source = """
name = ctypes.c_char_p(bytes.fromhex("c3c3"))
libc.prctl(15, name, 0, 0, 0)
if os.fork() == 0:
    libc.prctl(15, name, 0, 0, 0)
    time.sleep(600)
time.sleep(1)
found = os.getpid()
"""
    function = victim.another()

    # More often than an environment is looked at.
    answers = [victim.finds(source, by=function) for _ in range(2)]
    until(lambda: all(slot.is_frozen for slot in victim.bench.pool._idle), "their rest")
    before = processes_of(victim.bench)
    victim.bench.update_code(function, ATTACKED + "\n")
    victim.finds("found = None", by=function)

    assert answers[0] == answers[1]
    # bubblewrap's process, the function's and that one's child at least.
    assert len([pid for pid in before if not is_running(pid)]) >= 3


def test_many_files_fill_the_storage_as_one_does(sandboxed: Attacker) -> None:
    source = """
found = "room for all"
for number in range(12):
    file = os.open(f"/tmp/{number}", os.O_CREAT | os.O_RDWR)
    error = outcome_of(os.posix_fallocate, file, 0, 64 << 20)
    if error != "done":
        found = [number, error]
        break
"""
    assert sandboxed.finds(source, by=sandboxed.another()) == [8, "ENOSPC"]


def test_a_file_that_only_seems_large_is_refused(sandboxed: Attacker) -> None:
    source = """
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
found = outcome_of(os.truncate, os.open("/tmp/sparse", os.O_CREAT | os.O_RDWR), 10 << 30)
"""
    assert sandboxed.finds(source) == "EFBIG"


def test_there_are_only_so_many_files_open(sandboxed: Attacker) -> None:
    source = """
held = []
try:
    while len(held) < 100_000:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    found = [len(held), error.errno]
for each in held:
    os.close(each)
"""
    count, error = sandboxed.finds(source)

    assert (OPEN_FILES_MAX - 20 < count < OPEN_FILES_MAX, error) == (True, errno.EMFILE)


FORK_BOMBS: Final = {
    "children": """
def start():
    if os.fork() == 0:
        time.sleep(600)
""",
    "daemons": """
def start():
    if os.fork() == 0:
        try:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
        finally:
            os._exit(0)
""",
}


@pytest.mark.parametrize("bomb", FORK_BOMBS)
def test_there_are_only_so_many_processes_and_all_of_them_end(victim: Attacker, bomb: str) -> None:
    source = (
        FORK_BOMBS[bomb]
        + """
count = 0
try:
    while count < 3 * most:
        start()
        count += 1
    found = "no end"
except OSError as error:
    found = [count, errno.errorcode[error.errno]]
"""
    )
    function = victim.another(MemorySize=4096)

    count, error = victim.finds(source, by=function, most=PROCESSES_MAX)

    assert (count <= PROCESSES_MAX, error) == (True, "EAGAIN")
    assert victim.neighbour_is_served()
    _end(victim, function)


def test_processes_that_do_not_rest_end_with_their_function(victim: Attacker) -> None:
    # As many as this machine can bear beside its other tests, each in a session of its own.
    source = """
for _ in range(100):
    if os.fork() == 0:
        os.setsid()
        while True:
            pass
time.sleep(600)
"""
    function = victim.another(Timeout=2, MemorySize=2048)

    assert victim.fails(source, by=function)[0] == "Sandbox.Timedout"


def test_a_thread_bomb_has_only_so_many_threads(sandboxed: Attacker) -> None:
    source = """
threading.stack_size(1 << 15)
over, count = threading.Event(), 0
try:
    while count < 3 * most:
        threading.Thread(target=over.wait, daemon=True).start()
        count += 1
except RuntimeError:
    found = count
over.set()
"""
    assert (
        sandboxed.finds(source, by=sandboxed.another(MemorySize=2048), most=PROCESSES_MAX)
        < PROCESSES_MAX
    )


CHAIN: Final = """
import sys
from pathlib import Path
from keyturn.functions.execution.isolation import Wanted
from support.sandbox_attacks import Attacker
source = '''
with open("/tmp/chain", "w") as file:
    file.write("if [ $1 -gt 0 ]; then sh /tmp/chain $(($1-1)) & else echo >/tmp/end; fi; ")
    file.write("read x </tmp/never")
os.mkfifo("/tmp/never")
subprocess.Popen(["sh", "/tmp/chain", "1000"], stderr=subprocess.DEVNULL)
while not os.path.exists("/tmp/end"):
    time.sleep(0.05)
time.sleep(0.5)
found = "chained"
'''
with Attacker.open(Path(sys.argv[1]), Wanted.BUBBLEWRAP) as attacker:
    assert attacker.finds(source, by=attacker.another(MemorySize=2048)) == "chained"
"""


def test_processes_below_each_other_are_looked_through_and_end(
    sandboxed: Attacker, tmp_path: Path
) -> None:
    del sandboxed  # Only where there are sandboxes.
    # An engine in a process of its own, with which all that it fails to end ends.
    environment = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.defpath}

    done = subprocess.run(
        [sys.executable, "-c", CHAIN, str(tmp_path)],
        env=environment,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr.decode()[-2000:]


def test_a_function_that_does_not_rest_leaves_room_for_others(sandboxed: Attacker) -> None:
    source = """
for _ in range(16):
    if os.fork() == 0:
        while True:
            pass
time.sleep(600)
"""
    hog = sandboxed.another(Timeout=3)
    failed: list[str] = []
    hogging = threading.Thread(target=lambda: failed.append(sandboxed.fails(source, by=hog)[0]))
    hogging.start()

    served = sum(sandboxed.neighbour_is_served() for _ in range(20))
    was_hogging = hogging.is_alive()
    hogging.join()

    assert (served, was_hogging, failed) == (20, True, ["Sandbox.Timedout"])


@pytest.mark.parametrize("descriptor", [1, 2])
def test_endless_output_holds_up_nobody(sandboxed: Attacker, descriptor: int) -> None:
    source = "while True:\n    os.write(descriptor, b'x' * 65536)"
    loud = sandboxed.another(Timeout=1)

    assert sandboxed.fails(source, by=loud, descriptor=descriptor)[0] == "Sandbox.Timedout"


@pytest.mark.parametrize(
    "attack",
    [
        "os.close(1); os.close(2)",
        "os.kill(1, 9); os.kill(1, 19); os.kill(os.getppid(), 9)",
        "os.kill(os.getpid(), 9)",
        "os.kill(os.getpid(), 11)",
        "os.kill(os.getpid(), 19)",
        "os.closerange(0, 1024)",
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64)); time.sleep(60)",
        "os.fork() or [None for _ in iter(int, 1)]",
        "sys.settrace(lambda *_: os._exit(3))",
    ],
)
def test_whatever_it_does_to_itself_others_are_served(sandboxed: Attacker, attack: str) -> None:
    function = sandboxed.another(Timeout=2)

    invocation = sandboxed.bench.invoke(function, {"source": attack, "given": {}})

    assert invocation.function_error in {None, "Unhandled"}


def _stopped_of(attacker: Attacker) -> int:
    """Return how many processes of an engine's sandboxes are stopped."""
    return sum(map(is_stopped, processes_of(attacker.bench)))


def _anonymous_mb(attacker: Attacker) -> int:
    """Return how much memory the processes of an engine's sandboxes have of their own."""
    kilobytes = 0
    for pid in filter(is_running, processes_of(attacker.bench)):
        # It may have ended by now.
        with suppress(FileNotFoundError, ProcessLookupError):
            shares = Path(f"/proc/{pid}/smaps_rollup").read_text()
            kilobytes += sum(map(int, re.findall(r"Pss_Anon:\s+(\d+)", shares)))
    return kilobytes // 1024


def _end(attacker: Attacker, function: object) -> None:
    """Have the environment of a function that has other code by now end, with all it started."""
    before = processes_of(attacker.bench)
    attacker.bench.update_code(function, ATTACKED + "\n")  # type: ignore[arg-type]
    attacker.finds("found = None", by=function)  # type: ignore[arg-type]
    left = processes_of(attacker.bench)
    until(
        lambda: len([pid for pid in before & left if is_running(pid)]) < PROCESSES_MAX // 2,
        "the end of the bomb",
    )


def test_a_function_has_one_share_of_time_however_many_sessions_it_begins(
    sandboxed: Attacker,
) -> None:
    # The kernel shares time out among sessions: sched(7), "The autogroup feature".
    source = """
before = os.getsid(0)
child = os.fork()
if child == 0:
    os.setsid()
    os._exit(os.getsid(0) != before)
found = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
"""
    assert sandboxed.finds(source) == 0
