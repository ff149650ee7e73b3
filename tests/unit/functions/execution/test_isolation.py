"""Which kind of sandbox is chosen, and what is said of a bubblewrap that doesn't work."""

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import platform
import shutil

import pytest

from keyturn.functions.execution import isolation
from keyturn.functions.execution.bare import Bare
from keyturn.functions.execution.bubblewrap import Bubblewrap
from keyturn.functions.execution.isolation import NoSandboxError, Wanted, Workplace, choose
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_dir import RuntimeDirs
from keyturn.functions.execution.sandbox import Isolation
from keyturn.functions.execution.sandboxes import SystemCalls
from keyturn.functions.execution.syscall_filter import program

Choose = Callable[[Wanted], tuple[Isolation, str | None]]
UNFILTERED = SystemCalls(program(platform.machine(), hands_over_connect=False), None)


@pytest.fixture
def chosen(tmp_path: Path) -> Iterator[Choose]:
    """Choose; afterwards no process may be left, and nothing of what was tried."""
    processes = Processes()
    workplace = Workplace(
        runtime_dirs=RuntimeDirs(tmp_path / "runtimes", processes), folder=tmp_path / "sandboxes"
    )
    yield lambda wanted: choose(wanted, processes, workplace, UNFILTERED)
    assert not processes._own
    assert not list((tmp_path / "sandboxes").glob("probe-*"))


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the path; a test puts its bwrap there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def put(folder: Path, script: str) -> None:
    """Put a bwrap there that does this."""
    file = folder / "bwrap"
    file.write_text(script)
    file.chmod(0o755)


def test_whoever_wants_none_gets_none_though_bubblewrap_works(chosen: Choose) -> None:
    found, reason = chosen(Wanted.NONE)

    assert isinstance(found, Bare)
    assert reason == "it was switched off with --sandbox none"


@pytest.mark.parametrize("wanted", [Wanted.AUTO, Wanted.BUBBLEWRAP])
def test_where_bubblewrap_works_it_is_chosen_without_ado(chosen: Choose, wanted: Wanted) -> None:
    if shutil.which("bwrap") is None:
        pytest.skip("needs bubblewrap")

    found, reason = chosen(wanted)

    assert isinstance(found, Bubblewrap)
    assert (found.is_complete, reason) == (True, None)


def test_where_there_is_no_bubblewrap_it_is_said_how_to_get_it(
    chosen: Choose, on_path: Path
) -> None:
    del on_path

    found, reason = chosen(Wanted.AUTO)

    assert isinstance(found, Bare)
    assert reason == "bubblewrap isn't installed: apt-get install bubblewrap"


FAILING = {
    "says why": ("#!/bin/sh\necho 'no permissions' >&2\nexit 1\n", "no permissions"),
    "says nothing": ("#!/bin/sh\nexit 3\n", "it failed silently"),
    "is no program": ("\x7fELF", "bubblewrap can't be started: Exec format error"),
    "has no interpreter": (
        "#!/no/such/shell\n",
        "bubblewrap can't be started: No such file or directory",
    ),
    "runs nothing and says that all is well": ("#!/bin/sh\nexit 0\n", "it failed silently"),
    "is another program": ("#!/bin/sh\necho 'usage: bwrap [OPTIONS]'\n", "usage: bwrap [OPTIONS]"),
    "dies": ("#!/bin/sh\nkill -9 $$\n", "it failed silently"),
}


@pytest.mark.parametrize(("script", "why"), FAILING.values(), ids=FAILING)
def test_a_bubblewrap_that_fails_is_not_taken_and_its_reason_is_kept(
    chosen: Choose, on_path: Path, script: str, why: str
) -> None:
    put(on_path, script)

    found, reason = chosen(Wanted.AUTO)

    assert isinstance(found, Bare)
    assert reason == why


@pytest.mark.parametrize(
    ("script", "why"),
    [(None, "isn't installed"), ("#!/bin/sh\necho 'no permissions'\nexit 1\n", "no permissions")],
    ids=["missing", "failing"],
)
def test_whoever_wants_bubblewrap_and_nothing_else_is_refused_with_the_reason(
    chosen: Choose, on_path: Path, script: str | None, why: str
) -> None:
    if script is not None:
        put(on_path, script)

    with pytest.raises(NoSandboxError, match=f"can't be run in a sandbox here: .*{why}"):
        chosen(Wanted.BUBBLEWRAP)


def test_a_bubblewrap_that_does_not_end_is_waited_for_so_long_and_ended(
    chosen: Choose, on_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "_PROBE_SECONDS_MAX", 0.2)
    put(on_path, f"#!/bin/sh\nexec {shutil.which('sleep', path=os.defpath)} 600\n")

    assert chosen(Wanted.AUTO)[1] == "it didn't answer"


def test_of_a_long_reason_the_end_is_kept(chosen: Choose, on_path: Path) -> None:
    put(on_path, "#!/bin/sh\nprintf '%01000d' 0\necho ' the reason'\nexit 1\n")

    reason = chosen(Wanted.AUTO)[1]

    assert reason is not None
    assert len(reason) == isolation._REASON_LETTERS_MAX
    assert reason.endswith("0 the reason")
