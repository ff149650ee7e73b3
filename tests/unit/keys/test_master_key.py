from pathlib import Path

import pytest

from keyturn.keys import master_key
from keyturn.keys.master_key import MasterKeyError


def test_the_first_start_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "master.key"

    key = master_key.load_or_create(path)

    assert len(key) == master_key.MASTER_KEY_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["master.key"]


def test_the_next_start_finds_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"

    assert master_key.load_or_create(path) == master_key.load_or_create(path)


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    master_key.load_or_create(path)
    path.chmod(0o640)

    with pytest.raises(MasterKeyError, match="chmod 600"):
        master_key.load(path)


@pytest.mark.parametrize("content", [b"", b"short", b"!" * 44, b"QUJD"])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.key"
    path.write_bytes(content)
    path.chmod(0o600)

    with pytest.raises(MasterKeyError, match="doesn't hold a master key"):
        master_key.load(path)


def test_a_missing_key_says_where_it_should_be(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyError, match="can't be read"):
        master_key.load(tmp_path / "master.key")
