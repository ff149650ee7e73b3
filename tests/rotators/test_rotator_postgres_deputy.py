"""What a role, a database's owner or a secret's writer can't get an administrator to do."""

from collections.abc import Iterator
import logging
from typing import Any
import uuid

import pytest

from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.errors import (
    EncryptionError,
    NotPairedError,
    RightsDifferError,
    UnreachableError,
    UsernameTooLongError,
)
from keyturn_rotators.steps import Step
from keyturn_rotators.strategies import AlternatingUsers
from support.postgres_server import ADMIN, ADMIN_PASSWORD, PostgresServer
from support.rotation_bench import FIRST_PASSWORD, Bench, Login

pytestmark = pytest.mark.engine

STRANGERS = "of-somebody-else"
CANARY = "canary-of-a-setting"


def unique(name: str) -> str:
    return f"{name}{uuid.uuid4().hex[:8]}"


def secret(bench: Bench, username: str = "", *, admin: str = ADMIN, **keys: object) -> Login:
    """Make a role and a secret of it that names a superuser's."""
    master = bench.secrets_manager.create(bench.document(admin, ADMIN_PASSWORD))
    return bench.login(username, FIRST_PASSWORD, masterarn=master, **keys)


def rotate(bench: Bench, login: Login, *, until: Step = Step.FINISH) -> None:
    token = bench.secrets_manager.begin_rotation(login.arn)
    for step in Step:
        bench.rotation(login.arn, token, AlternatingUsers(Postgres())).run(step)
        if step is until:
            return


def put(bench: Bench, login: Login, **keys: object) -> None:
    document = bench.secrets_manager.document(login.arn)
    bench.secrets_manager.put(login.arn, {**document, **keys})


def rows(server: PostgresServer, query: str, *values: str) -> list[tuple[Any, ...]]:
    with server.connect() as connection:
        return connection.execute(query.encode(), values).fetchall()


def run_in(bench: Bench, login: Login, dbname: str, *statements: str) -> None:
    """Run statements as the role in the secret, in a database."""
    with bench.server.connect(login.username, FIRST_PASSWORD, dbname) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def database_of(bench: Bench, login: Login) -> str:
    """Make a database that the role owns, and point the secret at it."""
    dbname = unique("db")
    bench.server.execute(f'CREATE DATABASE {dbname} OWNER "{login.username}"')
    put(bench, login, dbname=dbname)
    return dbname


def made_by_aws(bench: Bench, login: Login, *, is_current: bool = True) -> str:
    """Make a clone as AWS's function does: a member of the user, that acts as itself."""
    clone = f"{login.username}_clone"
    bench.server.make_role(clone, FIRST_PASSWORD)
    bench.server.execute(f'GRANT "{login.username}" TO "{clone}"')
    if is_current:
        put(bench, login, username=clone)
    return clone


def test_owner_of_the_database_has_nothing_run_as_the_administrator(bench: Bench) -> None:
    login = secret(bench)
    dbname = database_of(bench, login)
    run_in(
        bench,
        login,
        dbname,
        "CREATE SCHEMA evil",
        "GRANT USAGE ON SCHEMA evil TO public",
        "CREATE FUNCTION evil.run() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN"
        f" EXECUTE 'ALTER ROLE \"{login.username}\" SUPERUSER'; RETURN true;"
        " EXCEPTION WHEN insufficient_privilege THEN RETURN true; END $$",
        *(
            f"CREATE VIEW evil.{name} AS TABLE pg_catalog.{name};"
            f"ALTER VIEW evil.{name} RENAME TO of_{name};"
            f"CREATE VIEW evil.{name} AS TABLE evil.of_{name} ORDER BY evil.run()"
            for name in ("pg_roles", "pg_settings", "pg_shdepend", "pg_db_role_setting")
        ),
        "GRANT SELECT ON ALL TABLES IN SCHEMA evil TO public",
        f"ALTER DATABASE {dbname} SET search_path TO evil, pg_catalog",
    )

    rotate(bench, login)
    rotate(bench, login)

    users = f"{login.username}%"
    supers = rows(bench.server, "SELECT rolsuper FROM pg_roles WHERE rolname LIKE %s", users)
    assert supers == [(False,), (False,)]


def test_database_that_is_set_to_md5_gets_no_weaker_password(bench: Bench) -> None:
    login = secret(bench)
    dbname = database_of(bench, login)
    run_in(bench, login, dbname, f"ALTER DATABASE {dbname} SET password_encryption TO md5")

    rotate(bench, login)

    query = "SELECT left(rolpassword, 5) FROM pg_authid WHERE rolname = %s"
    assert rows(bench.server, query, f"{login.username}_clone") == [("SCRAM",)]


def test_strangers_role_of_the_clones_name_is_left_alone(bench: Bench) -> None:
    login = secret(bench)
    stranger, table, group = f"{login.username}_clone", unique("t"), unique("g")
    bench.server.make_role(stranger, STRANGERS)
    bench.server.execute(
        f'CREATE TABLE {table} (id int); ALTER TABLE {table} OWNER TO "{stranger}"'
    )
    bench.server.execute(f'CREATE ROLE {group}; GRANT {group} TO "{stranger}"')

    with pytest.raises(NotPairedError, match="nothing links the two"):
        rotate(bench, login)

    assert bench.server.accepts(stranger, STRANGERS)
    owner = "SELECT tableowner FROM pg_tables WHERE tablename = %s"
    assert rows(bench.server, owner, table) == [(stranger,)]
    member = "SELECT pg_has_role(%s, %s, 'MEMBER')"
    assert rows(bench.server, member, stranger, group) == [(True,)]


def test_role_that_calls_itself_a_clone_gets_nothing_of_the_other(bench: Bench) -> None:
    victim = unique("victim")
    bench.server.make_role(victim, STRANGERS, "SUPERUSER")
    login = secret(bench, f"{victim}_clone")

    with pytest.raises(NotPairedError, match="nothing links the two"):
        rotate(bench, login)

    assert bench.server.accepts(victim, STRANGERS)
    is_super = "SELECT rolsuper FROM pg_roles WHERE rolname = %s"
    assert rows(bench.server, is_super, victim) == [(True,)]


def test_role_that_really_has_the_suffix_keeps_what_it_owns(bench: Bench) -> None:
    login, table = secret(bench, f"{unique('x')}_clone"), unique("t")
    bench.server.execute(f"CREATE TABLE {table} (id int)")
    bench.server.execute(f'ALTER TABLE {table} OWNER TO "{login.username}"')

    with pytest.raises(NotPairedError, match="after whom"):
        rotate(bench, login)

    owner = "SELECT tableowner FROM pg_tables WHERE tablename = %s"
    assert rows(bench.server, owner, table) == [(login.username,)]
    other = login.username.removesuffix("_clone")
    assert not rows(bench.server, "SELECT FROM pg_roles WHERE rolname = %s", other)


def test_second_user_that_the_secret_itself_knows_is_its_own(bench: Bench) -> None:
    login = secret(bench)
    clone = f"{login.username}_clone"
    bench.server.make_role(clone, STRANGERS)
    put(bench, login, username=clone, password=STRANGERS)
    put(bench, login, username=login.username, password=FIRST_PASSWORD)

    rotate(bench, login)

    assert bench.is_live(login.arn)
    assert bench.secrets_manager.document(login.arn)["username"] == clone


def test_nothing_is_moved_from_a_clone_in_use_that_would_lose_it(bench: Bench) -> None:
    login, table = secret(bench), unique("t")
    clone = made_by_aws(bench, login)
    bench.server.execute(f'CREATE TABLE {table} (id int); ALTER TABLE {table} OWNER TO "{clone}"')
    bench.server.execute(f'REVOKE "{login.username}" FROM "{clone}"')
    bench.server.execute(f'ALTER ROLE "{clone}" NOINHERIT; GRANT "{login.username}" TO "{clone}"')

    with pytest.raises(RightsDifferError, match="INHERIT"):
        rotate(bench, login)

    owner = "SELECT tableowner FROM pg_tables WHERE tablename = %s"
    assert rows(bench.server, owner, table) == [(clone,)]


@pytest.mark.parametrize(
    "granted",
    [
        "CREATE FOREIGN DATA WRAPPER {name}; GRANT ALL ON FOREIGN DATA WRAPPER {name} TO {clone}",
        "CREATE TABLE {name} (id int); CREATE POLICY p ON {name} TO {clone} USING (true)",
        "CREATE SCHEMA {name}; {defaults} IN SCHEMA {name} GRANT ALL ON TYPES TO {clone}",
    ],
)
def test_what_a_clone_has_and_can_not_be_moved_is_named(bench: Bench, granted: str) -> None:
    login, name = secret(bench), unique("n")
    clone = made_by_aws(bench, login)
    names = {"name": name, "clone": f'"{clone}"', "defaults": "ALTER DEFAULT PRIVILEGES"}
    bench.server.execute(granted.format_map(names))

    with pytest.raises(RightsDifferError, match=name):
        rotate(bench, login)

    assert bench.is_live(login.arn)


@pytest.mark.parametrize("is_current", [False, True])
def test_default_privileges_and_user_mappings_of_a_clone_are_no_hindrance(
    bench: Bench, *, is_current: bool
) -> None:
    login, name = secret(bench), unique("n")
    clone = made_by_aws(bench, login, is_current=is_current)
    bench.server.execute(
        f'ALTER DEFAULT PRIVILEGES FOR ROLE "{clone}" GRANT SELECT ON TABLES TO "{login.username}"'
    )
    bench.server.execute(
        f"CREATE FOREIGN DATA WRAPPER {name}; CREATE SERVER {name} FOREIGN DATA WRAPPER {name};"
        f'CREATE USER MAPPING FOR "{clone}" SERVER {name}'
    )

    rotate(bench, login)
    rotate(bench, login)

    assert bench.is_live(login.arn)


def test_value_of_a_setting_is_in_no_log_and_no_report(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="keyturn_rotators")
    login = secret(bench)
    bench.server.execute(f"ALTER ROLE \"{login.username}\" SET app.key TO '{CANARY}'")
    rotate(bench, login)
    bench.server.execute(f"ALTER ROLE \"{login.username}\" SET app.key TO '{CANARY}-2'")

    strategy = AlternatingUsers(Postgres())
    drift = strategy.drift(bench.rotation(login.arn, "", strategy).versions)

    assert drift
    assert "app.key" in caplog.text
    assert CANARY not in caplog.text + str(drift) + repr(drift)


def test_link_that_was_weakened_is_whole_again(bench: Bench) -> None:
    login = secret(bench)
    clone = f"{login.username}_clone"
    rotate(bench, login)
    rotate(bench, login)
    if bench.server.major >= 16:
        bench.server.execute(f'GRANT "{login.username}" TO "{clone}" WITH SET FALSE')
    bench.server.execute(f'ALTER ROLE "{clone}" RESET role')

    rotate(bench, login)

    document = bench.secrets_manager.document(login.arn)
    with bench.server.connect(document["username"], document["password"]) as connection:
        row = connection.execute("SELECT session_user::text, current_user::text").fetchone()
    assert row == (clone, login.username)


def test_name_that_the_server_would_cut_off_is_refused(bench: Bench) -> None:
    login = secret(bench, unique("r" * 55))
    put(bench, login, username=f"{login.username}_clone")

    with pytest.raises(UsernameTooLongError, match="may be 63"):
        rotate(bench, login)

    assert bench.server.accepts(login.username, FIRST_PASSWORD)


def test_no_statement_is_prepared_for_another_transaction(bench: Bench) -> None:
    began_at = bench.server.log.stat().st_size
    login = secret(bench)

    for _ in range(3):
        rotate(bench, login)

    assert b"execute _pg3_" not in bench.server.log.read_bytes()[began_at:]


@pytest.fixture
def clear(bench: Bench) -> Iterator[str]:
    """An administrator whose password the server wants in the clear."""
    bench.server.make_role("clear", ADMIN_PASSWORD, "SUPERUSER")
    yield "clear"
    bench.server.execute("DROP ROLE clear")


@pytest.mark.parametrize("ssl", [None, False])
def test_secret_without_tls_does_not_send_the_administrators_password_in_the_clear(
    bench: Bench, clear: str, ssl: bool | None
) -> None:
    login = secret(bench, admin=clear)
    if ssl is not None:
        put(bench, login, ssl=ssl)

    with pytest.raises(EncryptionError, match="cleartext"):
        rotate(bench, login)


def test_ca_in_the_secret_asks_for_tls(bench: Bench) -> None:
    login = secret(bench, caCertificate="no PEM at all")

    with pytest.raises(EncryptionError):
        rotate(bench, login)


def test_server_that_takes_no_more_logins_is_not_a_wrong_password(bench: Bench) -> None:
    login = secret(bench)
    bench.server.execute(f'ALTER ROLE "{login.username}" CONNECTION LIMIT 0')

    with pytest.raises(UnreachableError, match="too many connections"):
        rotate(bench, login)
