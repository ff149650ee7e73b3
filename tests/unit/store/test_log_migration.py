"""Logs of a store from before groups were counted."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from keyturn.model.clock import from_epoch_ms
from keyturn.store import log_listing, logs, migrate
from keyturn.store.database import Database
from keyturn.store.log_listing import StreamQuery

GROUPS = """INSERT INTO log_groups (id, account, region, name, created_at)
    VALUES (1, '1', 'r', 'full', 0), (2, '1', 'r', 'empty', 0)"""
STREAMS = """INSERT INTO log_streams (id, group_id, name, created_at)
    VALUES (1, 1, 'a', 0), (2, 1, 'b', 0), (3, 1, 'c', 0)"""
EVENTS = """INSERT INTO log_events (group_id, stream_id, at, ingested_at, message)
    VALUES (1, 1, 5, 9, 'abc'), (1, 1, 4, 8, '\N{EURO SIGN}'), (1, 2, 6, 7, 'd')"""


def test_old_events_are_counted_and_each_stream_s_last_is_noted(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")
    config = Config()
    config.set_main_option("script_location", str(migrate._MIGRATIONS))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for statement in (GROUPS, STREAMS, EVENTS):
            connection.execute(text(statement))

    migrate.migrate(database)

    with database.read() as connection:
        full = logs.find_group(connection, "1", "r", "full")
        empty = logs.find_group(connection, "1", "r", "empty")
        query = StreamQuery(group_id=1, is_by_time=True, most=10)
        streams = log_listing.streams_page(connection, query)
    assert full is not None
    assert empty is not None
    assert (full.stored_bytes, empty.stored_bytes) == (3 + 3 + 1 + 3 * 26, 0)
    assert [stream.name for stream in streams] == ["c", "a", "b"]
    assert streams[0].last_at is streams[0].ingested_at is None
    assert (streams[1].last_at, streams[1].ingested_at) == (from_epoch_ms(5), from_epoch_ms(9))
