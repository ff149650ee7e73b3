from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from keyturn.store.database import Database
from keyturn.store.read_cache import ReadCache
from support.store import make_database


def count(database: Database) -> int:
    with database.read() as connection:
        return int(connection.execute(text("SELECT count(*) FROM log_groups")).scalar_one())


def add_group(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute(
            text(
                "INSERT INTO log_groups (account, region, name, created_at) VALUES (1, 2, :n, 3)"
            ),
            {"n": name},
        )


def test_what_was_read_is_kept_until_something_is_written(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    cache: ReadCache[str, int] = ReadCache(database, size_max=10)
    reads = []

    def read() -> int:
        reads.append(1)
        return count(database)

    assert [cache.get("groups", read) for _ in range(3)] == [0, 0, 0]
    add_group(database, "a")
    assert [cache.get("groups", read) for _ in range(3)] == [1, 1, 1]
    assert len(reads) == 2


def test_a_write_of_another_process_is_seen_at_once(tmp_path: Path) -> None:
    ours = make_database(tmp_path)
    theirs = Database(tmp_path / "keyturn.db")
    cache: ReadCache[str, int] = ReadCache(ours, size_max=10)
    cache.get("groups", lambda: count(ours))

    for number in range(5):
        add_group(theirs, str(number))

        assert cache.get("groups", lambda: count(ours)) == number + 1


def test_a_write_while_reading_is_not_hidden_by_what_was_read_before_it(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    cache: ReadCache[str, int] = ReadCache(database, size_max=10)

    def read_and_then_write() -> int:
        found = count(database)
        add_group(database, "meanwhile")
        return found

    assert cache.get("groups", read_and_then_write) == 0
    assert cache.get("groups", lambda: count(database)) == 1


def test_a_full_cache_reads_what_it_does_not_keep(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    cache: ReadCache[int, int] = ReadCache(database, size_max=2)

    found = [cache.get(number, lambda: 7) for number in range(5)]

    assert found == [7] * 5


def keys_read(cache: ReadCache[str, int], keys: str) -> str:
    """Ask for each key; return those that had to be read."""
    read: list[str] = []

    def reading(key: str) -> Callable[[], int]:
        def note() -> int:
            read.append(key)
            return 0

        return note

    for key in keys:
        cache.get(key, reading(key))
    return "".join(read)


def test_a_full_cache_forgets_what_was_asked_for_the_longest_ago(tmp_path: Path) -> None:
    cache: ReadCache[str, int] = ReadCache(make_database(tmp_path), size_max=2)
    keys_read(cache, "abac")

    assert keys_read(cache, "ac") == ""
    assert keys_read(cache, "b") == "b"


def test_what_is_asked_for_again_and_again_is_kept_whatever_else_is(tmp_path: Path) -> None:
    cache: ReadCache[str, int] = ReadCache(make_database(tmp_path), size_max=2)

    assert keys_read(cache, "a1a2a3a4a5") == "a12345"


def test_a_cache_never_holds_more_than_it_may(tmp_path: Path) -> None:
    cache: ReadCache[str, int] = ReadCache(make_database(tmp_path), size_max=3)

    for key in "abcdefg":
        keys_read(cache, key)
        assert len(cache._entries) <= 3


def test_sizes_together_are_never_more_than_may_be_kept(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    cache: ReadCache[int, bytes] = ReadCache(database, size_max=10, size_of=len)

    for number, size in enumerate((4, 4, 7, 11, 2, 8)):
        cache.get(number, partial(bytes, size))
        assert sum(map(len, cache._entries.values())) <= 10

    assert list(cache._entries) == [4, 5]


def test_what_fails_to_be_read_is_not_kept(tmp_path: Path) -> None:
    cache: ReadCache[str, int] = ReadCache(make_database(tmp_path), size_max=3)

    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        cache.get("a", fail)

    assert keys_read(cache, "a") == "a"
    assert keys_read(cache, "a") == ""
