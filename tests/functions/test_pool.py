"""Which environment an invocation gets, and when one ends."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from keyturn.functions import concurrency, versions
from keyturn.functions.execution import pool as pools
from keyturn.functions.execution.isolation import Wanted
from keyturn.functions.execution.pool import ENVIRONMENTS_PER_FUNCTION_MAX, Slot
from keyturn.functions.refusals import EnvironmentsBusyError, FunctionUnavailableError
from keyturn.model.function import Function
from support.function_bench import FunctionBench
from support.waiting import until

if TYPE_CHECKING:
    from keyturn.functions.invocation import Invocation

PID = "import os\ndef lambda_handler(event, context): return os.getpid()"
HELD = """
import os, pathlib, time

def lambda_handler(event, context):
    folder = pathlib.Path(event)
    (folder / f"begun-{os.getpid()}").touch()
    while not (folder / "go").exists():
        time.sleep(0.005)
    return os.getpid()
"""


class Held:
    """Invocations of a function that wait in its handler."""

    def __init__(self, bench: FunctionBench, function: Function, folder: Path) -> None:
        self._bench = bench
        self._function = function
        self._folder = folder
        self._threads = ThreadPoolExecutor(ENVIRONMENTS_PER_FUNCTION_MAX + 1)

    def start(self, count: int) -> "list[Future[Invocation]]":
        """Invoke the function so often at once."""
        return [
            self._threads.submit(self._bench.invoke, self._function, str(self._folder))
            for _ in range(count)
        ]

    def await_begun(self, count: int) -> None:
        """Wait until so many processes are in the handler."""
        until(lambda: len(list(self._folder.glob("begun-*"))) == count, f"{count} beginnings")

    def let_go(self) -> None:
        """Let all of them end."""
        (self._folder / "go").touch()
        self._threads.shutdown()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[FunctionBench]:
    """A bench of the test's own: others would use up its limits.

    The rules are the same for every kind of sandbox; in a bare one, process ids are this machine's
    and so are files.
    """
    folder = tmp_path / "bench"
    folder.mkdir()
    with FunctionBench.open(folder, Wanted.NONE) as bench:
        yield bench


def test_invocations_at_once_have_a_process_each_up_to_the_limit(
    own: FunctionBench, tmp_path: Path
) -> None:
    held = Held(own, own.create(HELD, Timeout=60), tmp_path)

    running = held.start(ENVIRONMENTS_PER_FUNCTION_MAX + 1)
    held.await_begun(ENVIRONMENTS_PER_FUNCTION_MAX)
    done = sum(future.done() for future in running)
    held.let_go()

    answers = [future.result().payload for future in running]
    assert done == 0
    assert len(set(answers)) == ENVIRONMENTS_PER_FUNCTION_MAX


def test_a_caller_does_not_wait_for_ever(
    own: FunctionBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_PER_FUNCTION_MAX", 1)
    monkeypatch.setattr(pools, "WAIT_SECONDS_MAX", 0.1)
    function = own.create(HELD, Timeout=60)
    held = Held(own, function, tmp_path)
    held.start(1)
    held.await_begun(1)

    with pytest.raises(EnvironmentsBusyError, match="busy"):
        own.invoke(function, str(tmp_path))

    held.let_go()


def test_an_idle_environment_of_another_function_makes_room(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_MAX", 1)
    first, second = own.create(PID), own.create(PID)

    pids = [own.answer(first), own.answer(second), own.answer(first)]

    assert len(set(pids)) == 3
    assert not _exists(pids[0])


def test_a_function_has_as_many_environments_as_it_reserved_and_no_more(
    own: FunctionBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_PER_FUNCTION_MAX", 1)
    function = own.create(HELD, Timeout=60)
    _reserve(own, function, 2)
    held = Held(own, function, tmp_path)

    running = held.start(3)
    held.await_begun(2)
    done = sum(future.done() for future in running)
    held.let_go()

    answers = [future.result().payload for future in running]
    assert done == 0
    assert len(set(answers)) == 2


def test_others_leave_room_for_what_a_function_reserved(
    own: FunctionBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_MAX", 3)
    monkeypatch.setattr(pools, "WAIT_SECONDS_MAX", 0.1)
    reserved, other = own.create(PID), own.create(HELD, Timeout=60)
    _reserve(own, reserved, 2)
    held = Held(own, other, tmp_path)
    held.start(1)
    held.await_begun(1)

    with pytest.raises(EnvironmentsBusyError):
        own.invoke(other, str(tmp_path))
    pid = own.answer(reserved)

    held.let_go()
    assert _exists(pid)


def test_an_idle_environment_that_is_reserved_makes_no_room_for_others(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_MAX", 2)
    reserved, first, second = (own.create(PID) for _ in range(3))
    _reserve(own, reserved, 1)

    # The longest idle of them is the reserved one.
    kept, *pids = [own.answer(function) for function in (reserved, first, second)]

    assert own.answer(reserved) == kept
    assert [_exists(pid) for pid in pids] == [False, True]


def test_idle_environments_beyond_what_is_reserved_make_room(
    own: FunctionBench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_MAX", 2)
    function = own.create(HELD, Timeout=60)
    held = Held(own, function, tmp_path)
    running = held.start(2)
    held.await_begun(2)
    held.let_go()
    pids = [int(future.result().payload) for future in running]

    _reserve(own, function, 1)
    own.answer(own.create(PID))

    assert sorted(map(_exists, pids)) == [False, True]


def test_versions_of_a_function_have_environments_of_their_own(own: FunctionBench) -> None:
    function = own.create(PID)
    version = _published(own, function)

    pids = [_pid_of(own, each) for each in (function, version, function, version)]
    own.update_code(function, PID + "  # changed")
    changed = _pid_of(own, function)

    assert len(set(pids)) == 2
    assert pids[:2] == pids[2:]
    assert changed not in pids
    assert [_exists(pid) for pid in pids[:2]] == [False, True]


def test_versions_share_what_their_function_reserved(own: FunctionBench) -> None:
    function = own.create(PID)
    version = _published(own, function)
    _reserve(own, function, 1)

    first, second = (_pid_of(own, each) for each in (function, version))

    assert [_exists(pid) for pid in (first, second)] == [False, True]


def test_environments_of_earlier_code_end_when_the_new_one_is_invoked(own: FunctionBench) -> None:
    function = own.create(PID)
    old = own.answer(function)

    own.update_code(function, PID + "  # changed")
    new = own.answer(function)

    assert not _exists(old)
    assert _exists(new)


def test_an_environment_that_nobody_uses_is_ended(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = own.answer(own.create(PID))
    own.pool.end_idle()
    was_kept = _exists(pid)

    monkeypatch.setattr(pools, "IDLE_SECONDS_MAX", 0)
    own.pool.end_idle()

    assert was_kept
    assert not _exists(pid)


def test_an_environment_ends_before_its_credentials(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = own.create(PID)
    first = own.answer(function)

    monkeypatch.setattr(pools, "AGE_SECONDS_MAX", 0)
    second = own.answer(function)

    assert first != second
    assert not _exists(first)


def test_every_place_is_free_again_however_an_invocation_ended(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "ENVIRONMENTS_MAX", 1)
    monkeypatch.setattr(pools, "WAIT_SECONDS_MAX", 5)
    broken = own.create("import no_such_module")
    exits = own.create("import os\ndef lambda_handler(event, context): os._exit(1)")
    slow = own.create("import time\ndef lambda_handler(event, context): time.sleep(60)", Timeout=1)

    for function in (broken, exits, slow, broken, exits):
        own.error(function)

    assert own.answer(own.create(PID))
    own.pool.close()
    assert _left_in(own) == []


def test_a_process_that_can_not_be_started_makes_the_function_unavailable(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "keyturn.functions.execution.sandbox.launcher_interpreter",
        lambda _runtime: own.folder / "no-python",
    )

    with pytest.raises(FunctionUnavailableError, match="No such file"):
        own.answer(own.create(PID))

    assert _left_in(own) == []


def test_of_a_process_that_can_not_be_watched_nothing_is_left(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = own.create(PID)

    with monkeypatch.context() as full:
        full.setattr(os, "pidfd_open", _fails_for_files)
        with pytest.raises(FunctionUnavailableError, match="Too many open files"):
            own.answer(function)

    assert not own.workshop.sandboxes.processes._own
    assert not own.pool._api._channels
    assert _left_in(own) == []
    assert own.answer(function)


def test_an_environment_that_can_not_go_on_is_ended_and_its_place_is_free(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = own.create(PID)
    pid = own.answer(function)

    with monkeypatch.context() as full:
        full.setattr(Slot, "thaw", _fails_for_files)
        with pytest.raises(OSError, match="Too many open files"):
            own.answer(function)

    assert not _exists(pid)
    assert not own.pool._counts
    assert own.answer(function) != pid


def test_of_an_environment_each_part_is_freed_and_others_end_though_one_can_not_be_ended_in_order(
    own: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = [own.answer(own.create(PID)) for _ in range(2)]
    monkeypatch.setattr(pools, "IDLE_SECONDS_MAX", -1)

    with monkeypatch.context() as full:
        full.setattr(Path, "iterdir", _fails_for_files)
        with pytest.raises(OSError, match="Too many open files"):
            own.pool.end_idle()

    assert not any(map(_exists, pids))
    assert not own.pool._counts
    assert not own.pool._api._channels
    own.pool.close()
    assert _left_in(own) == []


def test_code_that_can_not_be_unpacked_makes_the_function_unavailable(own: FunctionBench) -> None:
    own.code.write_text("in the way")

    with pytest.raises(FunctionUnavailableError, match="can't be unpacked"):
        own.answer(own.create(PID))


def test_a_pool_that_was_closed_takes_nobody(own: FunctionBench) -> None:
    function = own.create(PID)
    pid = own.answer(function)

    own.pool.close()

    assert not _exists(pid)
    with pytest.raises(FunctionUnavailableError, match="stopping"):
        own.answer(function)


def _reserve(bench: FunctionBench, function: Function, count: int) -> None:
    with bench.database.write() as connection:
        concurrency.reserve(connection, function, count)


def _published(bench: FunctionBench, function: Function) -> Function:
    with bench.database.write() as connection:
        return versions.publish(connection, bench.keyring, function, bench.clock.now())


def _pid_of(bench: FunctionBench, version: Function) -> int:
    """Return the process that answers for a version of a function."""
    return int(bench.invoker.invoke(version.qualified_arn, b"null").payload)


def _fails_for_files(_of: object) -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def _left_in(bench: FunctionBench) -> list[Path]:
    return list((bench.folder / "sandboxes" / "temporary").iterdir())


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
