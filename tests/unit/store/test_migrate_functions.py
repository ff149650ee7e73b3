from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from keyturn.functions import permission
from keyturn.store import functions, migrate
from keyturn.store.database import Database

FUNCTION = (
    "INSERT INTO functions (id, account, region, name, arn, runtime, handler, role_arn,"
    " description, timeout_seconds, memory_mb, storage_mb, architecture, code_sha256, code_bytes,"
    " modified_at, revision_id) VALUES (1, '1', 'r', 'f', 'arn', 'python3.11', 'a.b', 'role', '',"
    " 3, 128, 512, 'x86_64', '00', 0, 0, 'rev')"
)


def test_functions_of_an_earlier_schema_keep_their_permissions(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")
    with database.write() as connection:
        config = Config()
        config.set_main_option("script_location", str(migrate._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        connection.execute(text(FUNCTION))
        for name in ("a", "b"):
            connection.execute(
                text(
                    "INSERT INTO function_permissions (function_id, statement_id, statement)"
                    " VALUES (1, :name, :name)"
                ),
                {"name": name},
            )

    migrate.migrate(database)

    with database.read() as connection:
        function = functions.find_by_arn(connection, "arn")
        assert function is not None
        policy = permission.policy_of(connection, function)
    assert policy == '{"Version":"2012-10-17","Id":"default","Statement":[a,b]}'
    assert (function.version, function.layers, function.log_group) == (
        "$LATEST",
        (),
        "/aws/lambda/f",
    )
