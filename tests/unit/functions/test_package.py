import io
from pathlib import Path
import stat
import struct
import zipfile

from hypothesis import given, settings, strategies as st
import pytest

from keyturn.functions import package
from keyturn.functions.package import (
    DIRECTORY_BYTES_MAX,
    FILES_MAX,
    UNZIPPED_BYTES_MAX,
    ZIP_BYTES_MAX,
)
from keyturn.functions.refusals import PackageTooLargeError, UnzipError
from support.function_bench import zipped

GOOD = zipped({"lambda_function.py": "x = 1\n" * 100, "folder/data.txt": "data"})
CENTRAL = b"PK\x01\x02"
# APPNOTE 4.3.12: where a file's entry in the central directory has what.
FLAGS_OFFSET, SIZE_OFFSET = 8, 24


def made(*entries: tuple[str | zipfile.ZipInfo, str]) -> bytes:
    """Return a ZIP of these entries, in this order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return buffer.getvalue()


def of_kind(mode: int) -> bytes:
    """Return a ZIP whose one entry says that it is of a kind of file."""
    entry = zipfile.ZipInfo("entry")
    entry.create_system = 3
    entry.external_attr = mode << 16
    return made((entry, "/etc/passwd"))


def test_a_package_is_unpacked_as_it_was_packed(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("bin/tool")
    entry.external_attr = 0o755 << 16
    archive = made((entry, "#!"), ("a.txt", "text"))

    package.unpack(archive, tmp_path / "code")

    tool, text = tmp_path / "code/bin/tool", tmp_path / "code/a.txt"
    assert (tool.read_text(), stat.S_IMODE(tool.stat().st_mode)) == ("#!", 0o500)
    assert (text.read_text(), stat.S_IMODE(text.stat().st_mode)) == ("text", 0o400)


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../outside",
        "a/../../outside",
        "a\\..\\outside",
        "C:\\outside",
        ".",
        "a/line\nbreak",
        "x" * 256,
        "/".join(["folder"] * 600),
    ],
)
def test_a_name_that_no_file_in_the_folder_can_have_is_refused(tmp_path: Path, name: str) -> None:
    archive = zipped({name: "x"})

    with pytest.raises(UnzipError):
        package.check(archive)
    with pytest.raises(UnzipError):
        package.unpack(archive, tmp_path / "code")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK]
)
def test_links_and_devices_are_refused(mode: int) -> None:
    with pytest.raises(UnzipError, match="link or a device"):
        package.check(of_kind(mode | 0o777))


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a/b", "./a/b", "a//b"])
def test_a_name_twice_is_refused(second: str) -> None:
    archive = made(("a/b", "x"), (second, "y"))

    with pytest.raises(UnzipError, match="the same name"):
        package.check(archive)


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a/b/c", "a")])
def test_a_file_with_the_name_of_a_folder_is_refused(names: tuple[str, str]) -> None:
    with pytest.raises(UnzipError, match="the name of a folder"):
        package.check(zipped(dict.fromkeys(names, "x")))


def test_folders_may_be_listed_or_not(tmp_path: Path) -> None:
    archive = made(("a/b", "x"), ("a/", ""))

    package.unpack(archive, tmp_path / "code")

    assert (tmp_path / "code/a/b").read_text() == "x"


@pytest.mark.parametrize(
    "zipped_bytes",
    [b"", b"not a ZIP", GOOD[:-10], GOOD[:50]],
    ids=["empty", "text", "without its end", "its beginning"],
)
def test_what_is_no_zip_is_refused(zipped_bytes: bytes) -> None:
    with pytest.raises(UnzipError):
        package.check(zipped_bytes)


def test_a_zip_without_files_is_refused() -> None:
    with pytest.raises(UnzipError):
        package.check(zipped({}))


@pytest.mark.parametrize("bit", [0, 5, 6])
def test_encrypted_and_patched_files_are_refused(bit: int) -> None:
    changed = bytearray(GOOD)
    for start in (changed.index(CENTRAL) + FLAGS_OFFSET, 6):
        (flags,) = struct.unpack_from("<H", changed, start)
        struct.pack_into("<H", changed, start, flags | 1 << bit)

    with pytest.raises(UnzipError):
        package.check(bytes(changed))


def test_a_damaged_file_is_refused_before_it_is_kept() -> None:
    changed = bytearray(GOOD)
    changed[60] ^= 0xFF

    with pytest.raises(UnzipError, match="damaged"):
        package.check(bytes(changed))


def test_a_longer_zip_than_lambda_takes_is_refused_unread() -> None:
    with pytest.raises(PackageTooLargeError) as refused:
        package.check(b"x" * (ZIP_BYTES_MAX + 1))

    assert refused.value.bytes_max == ZIP_BYTES_MAX


def test_a_zip_that_says_it_holds_too_much_is_refused() -> None:
    changed = bytearray(GOOD)
    struct.pack_into("<L", changed, changed.index(CENTRAL) + SIZE_OFFSET, UNZIPPED_BYTES_MAX + 1)

    with pytest.raises(PackageTooLargeError) as refused:
        package.check(bytes(changed))

    assert refused.value.bytes_max == UNZIPPED_BYTES_MAX


def test_a_zip_that_holds_more_than_it_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "UNZIPPED_BYTES_MAX", 1000)
    # Python's reader stops at the size that an entry states; two that state the limit pass it.
    archive = zipped({"a": "x" * 600, "b": "x" * 600})
    changed = bytearray(archive)
    struct.pack_into("<L", changed, changed.index(CENTRAL) + SIZE_OFFSET, 300)

    with pytest.raises((PackageTooLargeError, UnzipError)):
        package.check(bytes(changed))
    with pytest.raises((PackageTooLargeError, UnzipError)):
        package.unpack(archive, tmp_path / "code")
    assert list(tmp_path.iterdir()) == []


def test_a_bomb_is_refused_by_what_comes_out_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "UNZIPPED_BYTES_MAX", 1 << 20)
    archive = zipped({"zeros": "\0" * (2 << 20)})

    with pytest.raises(PackageTooLargeError):
        package.check(archive)


def test_more_files_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "FILES_MAX", 3)

    package.check(zipped(dict.fromkeys("abc", "x")))
    with pytest.raises(UnzipError, match="more than 3"):
        package.check(zipped(dict.fromkeys("abcd", "x")))
    with pytest.raises(UnzipError, match="folders"):
        package.check(zipped({"a/b/c/d/e": "x"}))


def test_a_list_of_countless_files_is_refused_unread() -> None:
    # All of them share one file, so that the ZIP is as short as it says.
    entry = struct.pack("<4s4B4HL2L5H2L", CENTRAL, 20, 3, 20, *[0] * 15) + b"name"
    count = DIRECTORY_BYTES_MAX // len(entry) + 1
    directory = entry * count
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)

    assert count > FILES_MAX
    with pytest.raises(UnzipError, match="list of files"):
        package.check(directory + end)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4)
)
def test_whatever_is_changed_in_a_zip_it_is_taken_whole_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]
) -> None:
    changed = bytearray(GOOD)
    for place, value in changes:
        changed[place] = value
    folder = tmp_path_factory.mktemp("package") / "code"
    refused = PackageTooLargeError, UnzipError

    try:
        package.check(bytes(changed))
    except refused:
        with pytest.raises(refused):
            package.unpack(bytes(changed), folder)
        assert not folder.exists()
    else:
        package.unpack(bytes(changed), folder)
        assert folder.is_dir()


def test_two_that_unpack_the_same_package_both_have_it(tmp_path: Path) -> None:
    package.unpack(GOOD, tmp_path / "code")
    package.unpack(GOOD, tmp_path / "code")

    assert [path.name for path in tmp_path.iterdir()] == ["code"]


def test_a_checked_package_says_what_it_is_kept_under_and_how_long_it_is_unpacked() -> None:
    archive = made(("folder/", ""), ("folder/a", "x" * 1_000), ("b", "y" * 24))

    checked = package.check(archive)

    assert checked.zipped == archive
    assert checked.sha256 == package.sha256_of(archive)
    assert checked.unzipped_bytes == 1_024


def test_a_checked_package_does_not_show_its_content() -> None:
    assert "lambda_function" not in repr(package.check(GOOD))


def test_a_hash_is_written_as_aws_writes_it() -> None:
    assert package.base64_of(package.sha256_of(b"")) == (
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    )


def test_folders_below_each_other_have_a_limit(tmp_path: Path) -> None:
    deepest = "/".join(["a"] * package.DEPTH_MAX)

    package.check(made((deepest, "x")))
    package.unpack(made((deepest, "x")), tmp_path / "code")

    assert (tmp_path / "code" / deepest).read_text() == "x"
    with pytest.raises(UnzipError, match="folders"):
        package.check(made((f"a/{deepest}", "x")))
