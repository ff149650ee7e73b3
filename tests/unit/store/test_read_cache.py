from pathlib import Path

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
    cache: ReadCache[str, int] = ReadCache(database, entries_max=10)
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
    cache: ReadCache[str, int] = ReadCache(ours, entries_max=10)
    cache.get("groups", lambda: count(ours))

    for number in range(5):
        add_group(theirs, str(number))

        assert cache.get("groups", lambda: count(ours)) == number + 1


def test_a_write_while_reading_is_not_hidden_by_what_was_read_before_it(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    cache: ReadCache[str, int] = ReadCache(database, entries_max=10)

    def read_and_then_write() -> int:
        found = count(database)
        add_group(database, "meanwhile")
        return found

    assert cache.get("groups", read_and_then_write) == 0
    assert cache.get("groups", lambda: count(database)) == 1


def test_a_full_cache_reads_what_it_does_not_keep(tmp_path: Path) -> None:
    database = make_database(tmp_path)
    cache: ReadCache[int, int] = ReadCache(database, entries_max=2)

    found = [cache.get(number, lambda: 7) for number in range(5)]

    assert found == [7] * 5
