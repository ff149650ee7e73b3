from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from keyturn.functions import package, permission
from keyturn.functions.package import UNZIPPED_BYTES_MAX
from keyturn.model.asynchronous import AcceptedEvent, WaitingEvent
from keyturn.model.clock import from_epoch_ms
from keyturn.store import asynchronous_invocations as events, functions, migrate
from keyturn.store.database import Database
from support.function_bench import zipped

FUNCTION = (
    "INSERT INTO functions (id, account, region, name, arn, runtime, handler, role_arn,"
    " description, timeout_seconds, memory_mb, storage_mb, architecture, code_sha256, code_bytes,"
    " modified_at, revision_id) VALUES (1, '1', 'r', 'f', 'arn', 'python3.11', 'a.b', 'role', '',"
    " 3, 128, 512, 'x86_64', '00', 0, 0, 'rev')"
)

EVENT = (
    "INSERT INTO asynchronous_invocations (id, request_id, function_id, function_arn, qualifier,"
    " sealed_payload, accepted_at, due_at, failures, refusals, lease_until)"
    " VALUES (7, 'request', 1, 'arn:live', 'live', :payload, 3, 4, 1, 2, NULL)"
)


def upgrade(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate._MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_functions_of_an_earlier_schema_keep_their_permissions(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")
    with database.write() as connection:
        upgrade(connection, "0003")
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


def test_events_of_an_earlier_schema_still_wait(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")
    with database.write() as connection:
        upgrade(connection, "0006")
        connection.execute(text(FUNCTION))
        connection.execute(text(EVENT), {"payload": b"sealed"})

    migrate.migrate(database)

    now = from_epoch_ms(5)
    with database.write() as connection:
        due = events.due_ids(connection, now, most=9, of_one_function_max=9, running={})
        (event,) = events.claim(connection, due, now, lease_until=now)
    assert event == WaitingEvent(
        id=7,
        accepted=AcceptedEvent(
            request_id="request",
            function_id=1,
            function_arn="arn:live",
            qualifier="live",
            accepted_at=from_epoch_ms(3),
            sealed_payload=b"sealed",
        ),
        failures=1,
        refusals=2,
        lease_until=now,
    )


def test_code_of_an_earlier_schema_is_measured(tmp_path: Path) -> None:
    database = Database(tmp_path / "keyturn.db")
    good = package.check(zipped({"a": "x" * 1_000, "b/c": "y" * 23}))
    with database.write() as connection:
        upgrade(connection, "0006")
        for sha256, content in ((good.sha256, good.zipped), ("00", b"no ZIP")):
            connection.execute(
                text("INSERT INTO function_code (sha256, zip) VALUES (:sha256, :zip)"),
                {"sha256": sha256, "zip": content},
            )

    migrate.migrate(database)

    with database.read() as connection:
        measured = functions.unzipped_bytes(connection, good.sha256)
        unreadable = functions.unzipped_bytes(connection, "00")
    assert measured == good.unzipped_bytes == 1_023
    assert unreadable == UNZIPPED_BYTES_MAX
