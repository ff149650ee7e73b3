"""What a sandbox takes of this machine is given back, whatever goes wrong."""

import errno
import os
from pathlib import Path
from typing import Final, NoReturn

import pytest

from keyturn.functions.execution import bubblewrap as module
from keyturn.functions.execution.bubblewrap import ROOTS_USER_IDS, Bubblewrap
from keyturn.functions.execution.etc import Etc
from keyturn.functions.execution.processes import Processes
from keyturn.functions.execution.runtime_dir import RuntimeDirs
from keyturn.functions.execution.sandbox import Interior
from keyturn.functions.runtimes import PROVIDED

USERS: Final = set(ROOTS_USER_IDS)


@pytest.fixture
def of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bubblewrap:
    """One that starts nothing: its program is missing."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    processes = Processes()
    dirs = RuntimeDirs(tmp_path / "runtimes", processes)
    return Bubblewrap(str(tmp_path / "missing"), processes, dirs, Etc(tmp_path / "etc", {}))


@pytest.fixture
def interior(tmp_path: Path) -> Interior:
    return Interior(runtime=PROVIDED, task=tmp_path, layers=None, storage_mb=1)


def test_a_user_is_free_again_if_the_program_can_not_be_started(
    of_root: Bubblewrap, interior: Interior
) -> None:
    with pytest.raises(FileNotFoundError):
        of_root.start(interior)

    assert _free(of_root) == USERS


def test_a_user_is_free_again_if_too_many_files_are_open(
    of_root: Bubblewrap, interior: Interior, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "control_pair", _fails_for_files)

    with pytest.raises(OSError, match="Too many open files"):
        of_root.start(interior)

    assert _free(of_root) == USERS


def test_when_every_user_is_taken_no_sandbox_can_be_started(
    of_root: Bubblewrap, interior: Interior
) -> None:
    assert of_root._users is not None
    for _ in USERS:
        of_root._users.take()

    with pytest.raises(OSError, match="every user"):
        of_root.start(interior)


def _free(isolation: Bubblewrap) -> set[int]:
    assert isolation._users is not None
    return set(isolation._users._free)


def _fails_for_files() -> NoReturn:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
