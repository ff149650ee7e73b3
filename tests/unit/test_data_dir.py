"""Where a server keeps its files: nowhere that a function could see."""

from pathlib import Path
import secrets

import pytest

from keyturn import data_dir
from keyturn.data_dir import DataDir, DataDirError
from keyturn.functions.execution import bubblewrap, etc


@pytest.fixture
def below_usr() -> Path:
    """A folder that nobody has made."""
    return Path("/usr/local", f"keyturn-{secrets.token_hex(8)}")


def test_a_data_directory_that_functions_would_be_shown_is_refused_and_not_made(
    below_usr: Path,
) -> None:
    with pytest.raises(DataDirError, match=f"{below_usr} lies below /usr"):
        DataDir(below_usr).make()

    assert not below_usr.exists()


def test_a_data_directory_does_not_get_below_usr_by_a_link(
    below_usr: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(below_usr.parent)

    with pytest.raises(DataDirError, match="lies below /usr"):
        DataDir(tmp_path / "link" / below_usr.name).make()

    assert not below_usr.exists()


def test_every_folder_that_sandboxes_show_is_known() -> None:
    shown = {Path("/usr"), *(Path("/", name) for name in bubblewrap._BESIDE_USR)}

    assert {*shown, *map(Path, etc._BOUND)} == {*map(Path, data_dir._SHOWN_TO_FUNCTIONS)}


def test_any_other_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    DataDir(tmp_path / "usr" / "data").make()

    assert (tmp_path / "usr" / "data").stat().st_mode & 0o777 == 0o700
