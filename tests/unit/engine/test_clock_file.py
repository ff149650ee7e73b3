"""What is written to a clock's file is there in one piece, whatever cuts the write off."""

import os
from pathlib import Path
import signal
import stat

import pytest

from keyturn.engine import clock_file
from keyturn.engine.clock_file import ClockFile, DamagedClockError

NOTHING = (0,) * clock_file.VALUES
OLD = (1, -2, 3, 0, 0, 0, 0, 0)
NEW = (2**62, -(2**62), 7, 8, 9, 10, 11, 12)
COPY_BYTES = 8 + 8 * 8 + 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "clock"
    clock_file.make(made)
    return made


def copies_of_time(path: Path) -> list[slice]:
    """Return where the two copies of the record of the time lie, the newer one last."""
    before = path.read_bytes()
    ClockFile(path).time.write(*OLD)
    after = path.read_bytes()
    first = next(at for at in range(len(before)) if before[at] != after[at])
    newer = first // 4096 * 4096
    older = newer + 4096 if newer == 4096 else newer - 4096
    return [slice(older, older + COPY_BYTES), slice(newer, newer + COPY_BYTES)]


def test_new_file_is_its_owner_s_alone_and_in_one_piece(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        clock_file.make(tmp_path / "clock")
    finally:
        os.umask(mask)

    (made,) = tmp_path.iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    assert ClockFile(made).time.read() == ClockFile(made).journey.read() == NOTHING


def test_making_begins_anew_where_it_was_cut_off(tmp_path: Path) -> None:
    (tmp_path / ".clock").write_bytes(b"half")

    clock_file.make(tmp_path / "clock")

    assert [file.name for file in tmp_path.iterdir()] == ["clock"]
    assert ClockFile(tmp_path / "clock").time.read() == NOTHING


def test_making_leaves_a_clock_alone(path: Path) -> None:
    ClockFile(path).time.write(*OLD)

    clock_file.make(path)

    assert ClockFile(path).time.read() == OLD


def test_every_mapping_sees_what_is_written_at_once(path: Path) -> None:
    writer, reader = ClockFile(path), ClockFile(path)

    for number in range(5):
        writer.time.write(number)
        assert reader.time.read()[0] == number


def test_records_do_not_touch_each_other(path: Path) -> None:
    file = ClockFile(path)
    for number in range(5):
        file.time.write(number)
        file.journey.write(-number)

    assert (file.time.read()[0], file.journey.read()[0]) == (4, -4)


def test_write_that_is_cut_off_at_any_byte_leaves_the_old_or_the_new(path: Path) -> None:
    ClockFile(path).time.write(*OLD)
    before = path.read_bytes()
    ClockFile(path).time.write(*NEW)
    after = path.read_bytes()
    changed = [at for at in range(len(before)) if before[at] != after[at]]

    found = set()
    for cut in range(changed[0], changed[-1] + 2):
        path.write_bytes(after[:cut] + before[cut:])
        found.add(ClockFile(path).time.read())

    assert found == {OLD, NEW}


def test_write_after_one_that_was_cut_off_is_read(path: Path) -> None:
    _, newer = copies_of_time(path)
    torn = bytearray(path.read_bytes())
    torn[newer] = torn[newer][:30].ljust(COPY_BYTES, b"\0")
    path.write_bytes(torn)

    ClockFile(path).time.write(*NEW)

    assert ClockFile(path).time.read() == NEW


def test_any_flipped_bit_of_the_newer_copy_leaves_the_older_one(path: Path) -> None:
    _, newer = copies_of_time(path)
    whole = path.read_bytes()

    for bit in range((newer.stop - newer.start) * 8):
        flipped = bytearray(whole)
        flipped[newer.start + bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        assert ClockFile(path).time.read() == NOTHING


def test_clock_with_both_copies_damaged_is_refused(path: Path) -> None:
    damaged = bytearray(path.read_bytes())
    for copy in copies_of_time(path):
        damaged[copy] = b"\xff" * COPY_BYTES
    path.write_bytes(damaged)

    with pytest.raises(DamagedClockError, match=f"{path} is damaged.*backup"):
        ClockFile(path)


@pytest.mark.parametrize("content", [b"", b"keyturn clock 1\n", b"\0" * 20480, b"x" * 20481])
def test_what_is_no_clock_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clock").write_bytes(content)

    with pytest.raises(DamagedClockError):
        ClockFile(tmp_path / "clock")


def test_process_killed_while_it_writes_was_never_seen_half_way(path: Path) -> None:
    reader = ClockFile(path).time
    pid = os.fork()
    if pid == 0:
        writer, number = ClockFile(path).time, 0
        while True:
            number += 1
            writer.write(*(number,) * clock_file.VALUES)

    seen = [0]
    while seen[-1] < 200:
        values = reader.read()
        assert values == (values[0],) * clock_file.VALUES
        seen.append(values[0])
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    assert seen == sorted(seen)
    left = ClockFile(path).time.read()
    assert left == (left[0],) * clock_file.VALUES
    assert left[0] >= seen[-1]
