from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
import pytest
from sqlalchemy import text

from keyturn.store import migrate, secrets
from keyturn.store.database import Database
from keyturn.store.migrate import NewerSchemaError, OlderSchemaError
from keyturn.store.tables import metadata


def test_the_changes_add_up_to_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")

    migrate.migrate(database)

    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_change_is_the_one_that_the_code_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._MIGRATIONS))

    assert ScriptDirectory.from_config(config).get_current_head() == migrate.NEWEST


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")
    migrate.migrate(database)
    database.close()
    before = (tmp_path / "keyturn.db").read_bytes()

    migrate.migrate(database)
    database.close()

    assert (tmp_path / "keyturn.db").read_bytes() == before


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")
    migrate.migrate(database)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(NewerSchemaError, match="9999"):
        migrate.migrate(database)


def test_secrets_of_the_first_schema_keep_their_last_access_and_are_counted(
    tmp_path: Path,
) -> None:
    database = Database(tmp_path / "keyturn.db")
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for name, accessed_at in (("read", 86_400_000), ("unread", None)):
            connection.execute(
                text(
                    "INSERT INTO secrets (account, region, name, arn, created_at,"
                    " last_changed_at, last_accessed_at)"
                    " VALUES ('1', 'r', :name, :name, 0, 0, :accessed_at)"
                ),
                {"name": name, "accessed_at": accessed_at},
            )

    migrate.migrate(database)

    with database.read() as connection:
        read = secrets.find_by_name(connection, "1", "r", "read")
        unread = secrets.find_by_name(connection, "1", "r", "unread")
        assert secrets.count_in(connection, "1", "r") == 2
    assert read is not None
    assert read.last_accessed_at == datetime(1970, 1, 2, tzinfo=UTC)
    assert unread is not None
    assert unread.last_accessed_at is None


@pytest.mark.parametrize(
    ("revision", "error"), [("0003", OlderSchemaError), ("9999", NewerSchemaError)]
)
def test_a_store_of_another_schema_is_refused_where_none_is_changed(
    tmp_path: Path, revision: str, error: type[Exception]
) -> None:
    database = Database(tmp_path / "keyturn.db")
    migrate.migrate(database)
    migrate.require_newest(database)
    with database.write() as connection:
        changed = text("UPDATE alembic_version SET version_num = :revision")
        connection.execute(changed, {"revision": revision})

    with pytest.raises(error, match=revision):
        migrate.require_newest(database)


def test_a_store_that_was_never_migrated_is_refused_where_none_is_changed(tmp_path: Path) -> None:
    with pytest.raises(OlderSchemaError, match="keyturn serve"):
        migrate.require_newest(Database(tmp_path / "keyturn.db"))
