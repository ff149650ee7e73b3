"""Folders of code: who can read them, and what is shown at a second place."""

from collections.abc import Iterator
import os
from pathlib import Path
import stat
import tempfile

import pytest

from keyturn.functions.execution.folders import link_or_copy, link_tree, open_to_readers


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder that is its owner's alone, with a program in it."""
    folder = tmp_path / "private"
    (folder / "below").mkdir(mode=0o700, parents=True)
    _write(folder / "module.py", "module", 0o600)
    _write(folder / "below" / "program", "program", 0o700)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system."""
    memory = Path("/dev/shm")  # noqa: S108 - where Linux has one in memory
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def test_all_may_read_and_only_programs_may_be_run(private: Path) -> None:
    open_to_readers(private)

    assert {path.name: _mode(path) for path in (private, *private.rglob("*"))} == {
        "private": 0o755,
        "below": 0o755,
        "module.py": 0o444,
        "program": 0o555,
    }


def test_a_tree_is_shown_without_a_copy(private: Path, tmp_path: Path) -> None:
    link_tree(private, tmp_path / "shown")

    assert (tmp_path / "shown" / "module.py").samefile(private / "module.py")
    assert (tmp_path / "shown" / "below" / "program").samefile(private / "below" / "program")


def test_folders_that_are_made_are_open_whatever_the_mask_of_this_process(
    private: Path, tmp_path: Path
) -> None:
    before = os.umask(0o077)
    try:
        link_tree(private, tmp_path / "shown")
    finally:
        os.umask(before)

    assert _mode(tmp_path / "shown") == _mode(tmp_path / "shown" / "below") == 0o755


def test_what_is_laid_over_a_file_takes_its_place_and_leaves_that_file_alone(
    tmp_path: Path,
) -> None:
    for name in ("lower", "upper"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "both").write_text(name)
        (tmp_path / name / f"only-{name}").touch()

    for name in ("lower", "upper"):
        link_tree(tmp_path / name, tmp_path / "shown")

    assert (tmp_path / "shown" / "both").read_text() == "upper"
    assert (tmp_path / "lower" / "both").read_text() == "lower"
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == [
        *("both", "only-lower", "only-upper")
    ]


def test_a_file_in_the_place_of_a_folder_is_refused(private: Path, tmp_path: Path) -> None:
    (tmp_path / "shown").mkdir()
    (tmp_path / "shown" / "below").touch()

    with pytest.raises(FileExistsError):
        link_tree(private, tmp_path / "shown")


def test_what_can_not_be_linked_is_copied_with_its_mode(private: Path, elsewhere: Path) -> None:
    open_to_readers(private)

    link_tree(private, elsewhere / "shown")

    program = elsewhere / "shown" / "below" / "program"
    assert (program.read_text(), _mode(program)) == ("program", 0o555)
    assert _mode(elsewhere / "shown" / "module.py") == 0o444


def test_a_file_that_is_gone_is_neither_linked_nor_copied(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        link_or_copy(tmp_path / "gone", tmp_path / "shown")

    assert not list(tmp_path.iterdir())


def _write(file: Path, content: str, mode: int) -> None:
    file.write_text(content)
    file.chmod(mode)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
