"""Redshift: its own words, and what its users and superusers really do to a compatible server.

What PostgreSQL's syntax lacks is tested by the statements' text, after AWS's pages; the rest is
done by PostgreSQL, with Redshift's catalogue recorded (``support.kits.redshift``).
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
import json
import logging
from pathlib import Path
import socket
from threading import Thread
from typing import Any, cast
import uuid

import psycopg
from psycopg import sql
import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.redshift import Redshift
from keyturn_rotators.engines.redshift_catalogue import ADMIN_OPTION, GRANT_OPTION, MARK
from keyturn_rotators.engines.redshift_users import RedshiftAdministration, RedshiftSession
from keyturn_rotators.engines.redshift_words import hash_of
from keyturn_rotators.errors import (
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotPairedError,
    PasswordNotAskedError,
    StatementFailedError,
    TargetError,
    UnreachableError,
)
from keyturn_rotators.rights import Right
from support.certificates import Certificate, make_certificate
from support.conformance_bench import ConformanceBench
from support.cutting_proxy import CuttingProxy
from support.kits import redshift as kit_module
from support.kits.kit import StrategyName
from support.kits.redshift import DATABASE, RULES, RedshiftKit
from support.postgres_server import (
    ADMIN,
    ADMIN_PASSWORD,
    PostgresServer,
    has_tls,
    installed_programs,
)
from support.simulated_secretsmanager import SimulatedSecretsManager

PASSWORD = "canary-Password-1"
NEW_PASSWORD = "canary-Password-2"
# What AWS's pages of the views show, with a user as the one who was granted each.
RECORDED: dict[str, list[tuple[Any, ...]]] = {
    "UNION ALL": [("TABLE", "public", "its own"), ("DATABASE", "dev", None)],
    "usesuper": [(1,)],
    "FROM pg_user WHERE usename = %s": [(1,)],
    "svv_user_info": [(True, False, "30", "UNRESTRICTED", 120)],
    "pg_user_info": [("2017-06-10 00:00:00+00", ['search_path="$user", public', "timezone=utc"])],
    "pg_group": [("qa_users",), (MARK,)],
    "svv_user_grants": [("role1", False), ("role2", True)],
    "svv_database_privileges": [
        ("test_db", "DATABASE", "CREATE", False),
        ("test_db", "TABLES", "SELECT", False),
    ],
    "svv_schema_privileges": [
        ("test_schema1", "SCHEMA", "USAGE", False),
        ("Sales_Schema", "TABLES", "SELECT", True),
    ],
    "svv_relation_privileges": [
        ("public", "orders", "TABLE", "SELECT", True),
        ("public", "orders", "TABLE", "RULE", False),
        ("public", "its own", "TABLE", "DELETE", False),
    ],
    "svv_column_privileges": [("public", "lineitem", "l_orderkey", "COLUMN", "UPDATE", False)],
    "svv_function_privileges": [
        ("public", "test_func2", "integer, character varying", "FUNCTION", "EXECUTE", False),
        ("public", "test_sp1", "integer", "FUNCTION", "EXECUTE", False),
    ],
    "pg_proc_info": [("public", "test_sp1", "integer")],
    "svv_default_privileges": [
        ("u1", "public", "RELATION", "UPDATE", False),
        ("u1", None, "PROCEDURE", "EXECUTE", True),
        ("reguser", "public", "RELATION", "DELETE", False),
    ],
}
# A right, and what gives and takes it: in Redshift's words, where a user is "reguser".
STATEMENTS: list[tuple[Right, list[str], list[str]]] = [
    (Right(("attribute", "CREATEDB"), "on"), ['ALTER USER "reguser" CREATEDB'], []),
    (Right(("attribute", "CREATEUSER"), "off"), ['ALTER USER "reguser" NOCREATEUSER'], []),
    (
        Right(("attribute", "SYSLOG ACCESS"), "UNRESTRICTED"),
        ['ALTER USER "reguser" SYSLOG ACCESS UNRESTRICTED'],
        [],
    ),
    (
        Right(("attribute", "CONNECTION LIMIT"), "30"),
        ['ALTER USER "reguser" CONNECTION LIMIT 30'],
        [],
    ),
    (
        Right(("attribute", "SESSION TIMEOUT"), "120"),
        ['ALTER USER "reguser" SESSION TIMEOUT 120'],
        [],
    ),
    (
        Right(("attribute", "VALID UNTIL"), "2017-06-10 00:00:00+00"),
        ["ALTER USER \"reguser\" VALID UNTIL '2017-06-10 00:00:00+00'"],
        [],
    ),
    (
        Right(("setting", "search_path"), '"$user", public'),
        ["ALTER USER \"reguser\" SET \"search_path\" TO '$user', 'public'"],
        ['ALTER USER "reguser" RESET "search_path"'],
    ),
    (
        Right(("setting", "timezone"), "utc"),
        ['ALTER USER "reguser" SET "timezone" TO \'utc\''],
        ['ALTER USER "reguser" RESET "timezone"'],
    ),
    (
        Right(("group", "qa_users")),
        ['ALTER GROUP "qa_users" ADD USER "reguser"'],
        ['ALTER GROUP "qa_users" DROP USER "reguser"'],
    ),
    (
        Right(("role", "role1")),
        [
            'REVOKE ADMIN OPTION FOR ROLE "role1" FROM "reguser"',
            'GRANT ROLE "role1" TO "reguser"',
        ],
        ['REVOKE ROLE "role1" FROM "reguser"'],
    ),
    (
        Right(("role", "role2"), ADMIN_OPTION),
        ['GRANT ROLE "role2" TO "reguser" WITH ADMIN OPTION'],
        ['REVOKE ROLE "role2" FROM "reguser"'],
    ),
    (
        Right(("privilege", "DATABASE", "test_db", "CREATE")),
        [
            'REVOKE GRANT OPTION FOR CREATE ON DATABASE "test_db" FROM "reguser"',
            'GRANT CREATE ON DATABASE "test_db" TO "reguser"',
        ],
        ['REVOKE CREATE ON DATABASE "test_db" FROM "reguser"'],
    ),
    (
        Right(("privilege", "TABLES IN DATABASE", "test_db", "SELECT")),
        [
            'REVOKE GRANT OPTION FOR SELECT FOR TABLES IN DATABASE "test_db" FROM "reguser"',
            'GRANT SELECT FOR TABLES IN DATABASE "test_db" TO "reguser"',
        ],
        ['REVOKE SELECT FOR TABLES IN DATABASE "test_db" FROM "reguser"'],
    ),
    (
        Right(("privilege", "SCHEMA", "test_schema1", "USAGE")),
        [
            'REVOKE GRANT OPTION FOR USAGE ON SCHEMA "test_schema1" FROM "reguser"',
            'GRANT USAGE ON SCHEMA "test_schema1" TO "reguser"',
        ],
        ['REVOKE USAGE ON SCHEMA "test_schema1" FROM "reguser"'],
    ),
    (
        Right(("privilege", "TABLES IN SCHEMA", "Sales_Schema", "SELECT"), GRANT_OPTION),
        ['GRANT SELECT FOR TABLES IN SCHEMA "Sales_Schema" TO "reguser" WITH GRANT OPTION'],
        ['REVOKE SELECT FOR TABLES IN SCHEMA "Sales_Schema" FROM "reguser"'],
    ),
    (
        Right(("privilege", "TABLE", "public", "orders", "SELECT"), GRANT_OPTION),
        ['GRANT SELECT ON TABLE "public"."orders" TO "reguser" WITH GRANT OPTION'],
        ['REVOKE SELECT ON TABLE "public"."orders" FROM "reguser"'],
    ),
    (
        Right(("privilege", "COLUMN", "public", "lineitem", "l_orderkey", "UPDATE")),
        ['GRANT UPDATE ("l_orderkey") ON TABLE "public"."lineitem" TO "reguser"'],
        ['REVOKE UPDATE ("l_orderkey") ON TABLE "public"."lineitem" FROM "reguser"'],
    ),
    (
        Right(
            (
                *("privilege", "FUNCTION", "public", "test_func2", "integer, character varying"),
                "EXECUTE",
            ),
        ),
        [
            (
                'REVOKE GRANT OPTION FOR EXECUTE ON FUNCTION "public"."test_func2"'
                '(integer, character varying) FROM "reguser"'
            ),
            (
                'GRANT EXECUTE ON FUNCTION "public"."test_func2"(integer, character varying) '
                'TO "reguser"'
            ),
        ],
        [
            (
                'REVOKE EXECUTE ON FUNCTION "public"."test_func2"(integer, character varying) '
                'FROM "reguser"'
            )
        ],
    ),
    (
        Right(("privilege", "PROCEDURE", "public", "test_sp1", "integer", "EXECUTE")),
        [
            (
                'REVOKE GRANT OPTION FOR EXECUTE ON PROCEDURE "public"."test_sp1"(integer) '
                'FROM "reguser"'
            ),
            'GRANT EXECUTE ON PROCEDURE "public"."test_sp1"(integer) TO "reguser"',
        ],
        ['REVOKE EXECUTE ON PROCEDURE "public"."test_sp1"(integer) FROM "reguser"'],
    ),
    (
        Right(("default", "u1", "public", "TABLES", "UPDATE")),
        [
            (
                'ALTER DEFAULT PRIVILEGES FOR USER "u1" IN SCHEMA "public" '
                'REVOKE GRANT OPTION FOR UPDATE ON TABLES FROM "reguser"'
            ),
            (
                'ALTER DEFAULT PRIVILEGES FOR USER "u1" IN SCHEMA "public" '
                'GRANT UPDATE ON TABLES TO "reguser"'
            ),
        ],
        [
            (
                'ALTER DEFAULT PRIVILEGES FOR USER "u1" IN SCHEMA "public" '
                'REVOKE UPDATE ON TABLES FROM "reguser"'
            )
        ],
    ),
    (
        Right(("default", "u1", "", "PROCEDURES", "EXECUTE"), GRANT_OPTION),
        [
            (
                'ALTER DEFAULT PRIVILEGES FOR USER "u1" '
                'GRANT EXECUTE ON PROCEDURES TO "reguser" WITH GRANT OPTION'
            )
        ],
        ['ALTER DEFAULT PRIVILEGES FOR USER "u1" REVOKE EXECUTE ON PROCEDURES FROM "reguser"'],
    ),
]


class RecordedConnection:
    """Answers as AWS's pages do, and keeps what is sent."""

    def __init__(self, answers: dict[str, list[tuple[Any, ...]]]) -> None:
        self.answers = answers
        self.sent: list[str] = []

    def transaction(self) -> AbstractContextManager[None]:
        return nullcontext()

    def execute(
        self, statement: str | sql.Composable, _values: Sequence[str] = ()
    ) -> "RecordedConnection":
        text = statement if isinstance(statement, str) else statement.as_string(None).strip()
        self.sent.append(text)
        found = (rows for words, rows in self.answers.items() if words in text)
        self.rows: list[tuple[Any, ...]] = next(found, [])
        return self

    def fetchall(self) -> list[tuple[Any, ...]]:
        return self.rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows[0] if self.rows else None

    @property
    def changes(self) -> list[str]:
        """What was sent, without questions and settings."""
        return [text for text in self.sent if not text.strip().startswith(("SELECT", "SET"))]


def credential(port: int, username: str, password: str = PASSWORD, **keys: object) -> Credential:
    document = {
        "engine": "redshift",
        "host": "127.0.0.1",
        "port": port,
        "dbname": DATABASE,
        "username": username,
        "password": password,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", Redshift().defaults)


def recorded_administration(
    **answers: list[tuple[Any, ...]],
) -> tuple[RedshiftAdministration, RecordedConnection]:
    connection = RecordedConnection({**answers, **RECORDED})
    administration = RedshiftAdministration(
        cast("psycopg.Connection", connection), credential(1, "admin"), "_clone"
    )
    return administration, connection


# Redshift's own words


def test_hash_is_that_of_aws_example() -> None:
    assert hash_of("ez", "user1") == "md5153c434b4b77c89e6b94f12c5393af5b"


def test_secret_may_leave_out_port_and_database() -> None:
    document = {"engine": "redshift", "host": "h", "username": "u", "password": "p"}

    login = parse(json.dumps(document), "AWSCURRENT", Redshift().defaults)

    assert (login.port, login.dbname) == (5439, "dev")
    assert set(" '\"\\/@") == set(Redshift().defaults.unusable_letters)


def test_user_changes_its_own_password_by_its_hash() -> None:
    connection = RecordedConnection({"session_user": [("user1",)]})
    login = cast("psycopg.Connection", connection)

    RedshiftSession(login, credential(1, "user1")).change_own_password("ez")

    assert connection.changes == [
        "ALTER USER \"user1\" PASSWORD 'md5153c434b4b77c89e6b94f12c5393af5b'"
    ]


def test_names_are_the_systems_and_exact_before_anything_is_asked_or_changed() -> None:
    administration, connection = recorded_administration()

    administration.set_password("user1", "ez")

    assert connection.sent[:3] == [
        "SET LOCAL search_path TO pg_catalog",
        "SET LOCAL statement_timeout TO 10000",
        "SET LOCAL enable_case_sensitive_identifier TO true",
    ]


def test_rights_are_all_that_awss_pages_show_but_the_owners_and_the_mark() -> None:
    administration, _ = recorded_administration()

    rights = administration.rights_of("reguser")

    assert rights[0] == Right(("user",))
    assert set(rights[1:]) == {
        Right(right.subject, right.value, is_value_told=right.subject[0] != "setting")
        for right, _, _ in STATEMENTS
    }


@pytest.mark.parametrize(("right", "given", "taken"), STATEMENTS, ids=lambda each: str(each)[:60])
def test_right_is_given_and_taken_in_redshifts_words(
    right: Right, given: list[str], taken: list[str]
) -> None:
    administration, connection = recorded_administration()

    administration.grant("reguser", right)

    assert connection.changes == given
    connection.sent.clear()
    if taken:
        administration.revoke("reguser", right)
    assert connection.changes == taken


@pytest.mark.parametrize(
    ("right", "given"),
    [
        (Right(("attribute", "CREATEDB"), "off"), "NOCREATEDB"),
        (Right(("attribute", "CREATEUSER"), "on"), "CREATEUSER"),
        (Right(("attribute", "SYSLOG ACCESS"), "RESTRICTED"), "SYSLOG ACCESS RESTRICTED"),
        (Right(("attribute", "CONNECTION LIMIT"), "UNLIMITED"), "CONNECTION LIMIT UNLIMITED"),
        (Right(("attribute", "SESSION TIMEOUT"), "0"), "RESET SESSION TIMEOUT"),
        (Right(("attribute", "VALID UNTIL"), "infinity"), "VALID UNTIL 'infinity'"),
    ],
)
def test_attribute_is_set_to_what_a_new_user_has(right: Right, given: str) -> None:
    administration, connection = recorded_administration()

    administration.grant("reguser", right)

    assert connection.changes == [f'ALTER USER "reguser" {given}']


@pytest.mark.parametrize("has_group", [False, True])
def test_clone_is_made_without_a_password_and_in_the_group_that_marks_it(
    *, has_group: bool
) -> None:
    administration, connection = recorded_administration(
        **{"WHERE groname": [(1,)] if has_group else []}
    )

    administration.grant('a"b_clone', Right(("user",)))

    group = [] if has_group else [f'CREATE GROUP "{MARK}"']
    made = f'CREATE USER "a""b_clone" PASSWORD DISABLE IN GROUP "{MARK}"'
    assert connection.changes == [*group, made]


def test_unknown_right_is_a_fault() -> None:
    administration, _ = recorded_administration()

    for act in (administration.grant, administration.revoke):
        with pytest.raises(RuntimeError, match="no right"):
            act("reguser", Right(("something",)))


@pytest.mark.parametrize("is_ssl_said", [False, True])
def test_user_whose_password_is_a_sha256_hash_is_told_what_to_do(*, is_ssl_said: bool) -> None:
    keys: dict[str, Any] = {"ssl": False} if is_ssl_said else {}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        asks = Thread(target=_ask_for_digest, args=(listener, not is_ssl_said))
        asks.start()
        port = listener.getsockname()[1]

        with (
            pytest.raises(LoginRefusedError, match="sha256 hash") as caught,
            Redshift().login(credential(port, "app", **keys)),
        ):
            pass
        asks.join()

    assert PASSWORD not in str(caught.value)


def _ask_for_digest(listener: socket.socket, is_tls_asked: bool) -> None:
    """Answer a login as Redshift does for such a user: authentication method 13."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        if is_tls_asked:
            connection.sendall(b"N")
            connection.recv(4096)
        salt, nonce = b"s" * 64, b"n" * 64
        body = b"".join(
            [
                (13).to_bytes(4, "big"),
                (0).to_bytes(4, "big"),
                *(len(each).to_bytes(4, "big") + each for each in (salt, nonce)),
            ]
        )
        connection.sendall(b"R" + (len(body) + 4).to_bytes(4, "big") + body)
        connection.recv(4096)


# On a compatible server


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedshiftKit]:
    if missing := kit_module.missing():
        pytest.skip(f"NO POSTGRESQL SERVER HERE: install {missing}")
    with kit_module.start(tmp_path_factory.mktemp("redshift") / "server") as started:
        yield started


@pytest.fixture
def turns(
    kit: RedshiftKit, secrets_manager: SimulatedSecretsManager, client: SecretsManagerClient
) -> Iterator[ConformanceBench]:
    """Alternating users."""
    with CuttingProxy.start(kit.address) as proxy:
        yield ConformanceBench(
            kit=kit,
            name=StrategyName.ALTERNATING_USERS,
            proxy=proxy,
            secrets_manager=secrets_manager,
            client=client,
        )


def rights(kit: RedshiftKit, username: str) -> set[Right]:
    admin = credential(kit.address[1], ADMIN, ADMIN_PASSWORD)
    with Redshift().administer(admin, admin) as administration:
        return set(administration.rights_of(username))


CLONED = [
    ("ALTER USER {} CREATEDB", "ALTER USER {} NOCREATEDB"),
    ("ALTER USER {} SUPERUSER", "ALTER USER {} NOSUPERUSER"),
    ("ALTER USER {} CONNECTION LIMIT 7", "ALTER USER {} CONNECTION LIMIT -1"),
    ("ALTER USER {} VALID UNTIL '2999-01-01'", "ALTER USER {} VALID UNTIL 'infinity'"),
    ("ALTER USER {} SET search_path TO 'a b', public", "ALTER USER {} RESET search_path"),
    ("ALTER USER {} SET timezone TO 'UTC'", "ALTER USER {} RESET timezone"),
    ('GRANT "role_Writers" TO {}', 'REVOKE "role_Writers" FROM {}'),
    (
        'GRANT "role_Writers" TO {} WITH ADMIN OPTION',
        'REVOKE ADMIN OPTION FOR "role_Writers" FROM {}',
    ),
    ("GRANT CREATE ON DATABASE postgres TO {}", "REVOKE CREATE ON DATABASE postgres FROM {}"),
    ('GRANT USAGE ON SCHEMA "Odd ""one" TO {}', 'REVOKE USAGE ON SCHEMA "Odd ""one" FROM {}'),
    (
        'GRANT INSERT, SELECT ON "Odd ""one"."T" TO {} WITH GRANT OPTION',
        'REVOKE INSERT ON "Odd ""one"."T" FROM {}',
    ),
    (
        'GRANT DELETE ON "Odd ""one"."T" TO {} WITH GRANT OPTION',
        'REVOKE GRANT OPTION FOR DELETE ON "Odd ""one"."T" FROM {}',
    ),
    (
        'GRANT UPDATE ("C") ON "Odd ""one"."T" TO {}',
        'REVOKE UPDATE ("C") ON "Odd ""one"."T" FROM {}',
    ),
    (
        'GRANT EXECUTE ON FUNCTION "Odd ""one"."F"(int, varchar) TO {}',
        'REVOKE EXECUTE ON FUNCTION "Odd ""one"."F"(int, varchar) FROM {}',
    ),
    (
        'GRANT EXECUTE ON PROCEDURE "Odd ""one"."P"(int) TO {}',
        'REVOKE EXECUTE ON PROCEDURE "Odd ""one"."P"(int) FROM {}',
    ),
    (
        (
            'ALTER DEFAULT PRIVILEGES FOR USER postgres IN SCHEMA "Odd ""one" '
            "GRANT SELECT ON TABLES TO {}"
        ),
        (
            'ALTER DEFAULT PRIVILEGES FOR USER postgres IN SCHEMA "Odd ""one" '
            "REVOKE SELECT ON TABLES FROM {}"
        ),
    ),
    (
        "ALTER DEFAULT PRIVILEGES FOR USER postgres GRANT EXECUTE ON FUNCTIONS TO {}",
        "ALTER DEFAULT PRIVILEGES FOR USER postgres REVOKE EXECUTE ON FUNCTIONS FROM {}",
    ),
]


@pytest.fixture(scope="module")
def objects(kit: RedshiftKit) -> None:
    for statement in (
        'CREATE ROLE "role_Writers"',
        'CREATE SCHEMA "Odd ""one"',
        'CREATE TABLE "Odd ""one"."T" ("C" int)',
        'CREATE FUNCTION "Odd ""one"."F"(int, varchar) RETURNS int LANGUAGE sql AS \'SELECT 1\'',
        'CREATE PROCEDURE "Odd ""one"."P"(int) LANGUAGE sql AS \'SELECT 1\'',
    ):
        kit.server.execute(statement)


@pytest.mark.engine
@pytest.mark.usefixtures("objects")
@pytest.mark.parametrize(("given", "taken"), CLONED, ids=[given[:50] for given, _ in CLONED])
def test_right_is_copied_and_taken_back(
    kit: RedshiftKit, turns: ConformanceBench, given: str, taken: str
) -> None:
    arn = turns.secret()
    user, _ = turns.login(arn)
    before = rights(kit, user)
    kit.server.execute(given.format(f'"{user}"'))
    turns.rotate(arn)
    clone, _ = turns.login(arn)
    assert rights(kit, clone) == rights(kit, user) != before

    # Of the one in use, which is the model from now on.
    kit.server.execute(taken.format(f'"{clone}"'))
    turns.rotate(arn)

    assert turns.login(arn)[0] == user
    assert rights(kit, user) == rights(kit, clone)
    kit.server.execute(taken.format(f'"{user}"'))


@pytest.mark.engine
def test_strangers_user_with_the_clones_name_is_left_alone(
    kit: RedshiftKit, turns: ConformanceBench
) -> None:
    arn = turns.secret()
    stranger = turns.login(arn)[0] + "_clone"
    kit.make_user(stranger, PASSWORD)

    with pytest.raises(NotPairedError, match=stranger):
        turns.rotate(arn)

    assert kit.accepts(stranger, PASSWORD)


@pytest.mark.engine
def test_clone_whose_password_nobody_knows_is_known_by_its_mark(
    kit: RedshiftKit, turns: ConformanceBench
) -> None:
    arn = turns.secret()
    turns.rotate(arn)
    turns.rotate(arn)
    clone = turns.login(arn, "AWSPREVIOUS")[0]
    kit.set_password(clone, PASSWORD)

    turns.rotate(arn)

    assert turns.login(arn)[0] == clone
    assert turns.is_live(arn)


@pytest.mark.engine
def test_owner_keeps_its_table_and_the_clone_is_not_given_it(
    kit: RedshiftKit, turns: ConformanceBench, caplog: pytest.LogCaptureFixture
) -> None:
    arn = turns.secret()
    user, _ = turns.login(arn)
    table = f"of_{uuid.uuid4().hex[:8]}"
    for statement in (
        f"CREATE TABLE {table} ()",
        f'ALTER TABLE {table} OWNER TO "{user}"',
        f"GRANT SELECT ON {table} TO {kit.powers[0]}",
    ):
        kit.server.execute(statement)

    with caplog.at_level(logging.WARNING):
        turns.rotate(arn)
    turns.rotate(arn)

    assert "owns objects" in caplog.text
    with kit.server.connect(*turns.login(arn)) as connection:
        connection.execute(f"INSERT INTO {table} DEFAULT VALUES".encode())


@pytest.mark.engine
def test_view_under_a_catalogues_name_is_not_looked_at(
    kit: RedshiftKit, turns: ConformanceBench
) -> None:
    for statement in (
        "CREATE SCHEMA trap",
        "CREATE TABLE trap.calls (name text)",
        (
            "CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE sql AS "
            "'INSERT INTO trap.calls VALUES (current_user); SELECT true'"
        ),
        (
            "CREATE VIEW trap.svv_user_info AS SELECT * FROM pg_catalog.svv_user_info "
            "WHERE trap.spring()"
        ),
        "ALTER DATABASE postgres SET search_path TO trap, pg_catalog",
    ):
        kit.server.execute(statement)
    try:
        arn = turns.secret()
        turns.rotate(arn)
    finally:
        kit.server.execute("ALTER DATABASE postgres RESET search_path")

    with kit.server.connect() as connection:
        assert connection.execute("SELECT * FROM trap.calls").fetchall() == []


@pytest.mark.engine
def test_administrator_who_is_no_superuser_is_told_so(
    kit: RedshiftKit, turns: ConformanceBench
) -> None:
    arn = turns.secret(admin=kit.weak_admin_document())

    with pytest.raises(MissingRightError, match="must be a superuser"):
        turns.rotate(arn)


@pytest.mark.engine
def test_user_of_another_spelling_is_not_shut_out(kit: RedshiftKit) -> None:
    kit.make_user("Spelt", PASSWORD)
    admin = credential(kit.address[1], ADMIN, ADMIN_PASSWORD)

    with (
        Redshift().administer(admin, admin) as administration,
        pytest.raises(StatementFailedError, match="exactly the name spelt") as caught,
    ):
        administration.set_password("spelt", NEW_PASSWORD)

    assert NEW_PASSWORD not in str(caught.value)
    assert kit.accepts("Spelt", PASSWORD)


@pytest.mark.engine
@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"password": "canary-wrong"}, LoginRefusedError),
        ({"dbname": "nope"}, LoginRefusedError),
        ({"username": "nobody"}, LoginRefusedError),
        ({"ssl": True}, EncryptionError),
        ({"port": 1}, UnreachableError),
    ],
)
def test_login_that_fails_is_told_by_its_cause(
    kit: RedshiftKit, keys: dict[str, Any], error: type[TargetError]
) -> None:
    username = f"app{uuid.uuid4().hex[:8]}"
    kit.make_user(username, PASSWORD)
    document = {"port": kit.address[1], "username": username, "password": PASSWORD, **keys}

    with pytest.raises(error) as caught, Redshift().login(credential(**document)):
        pass

    assert str(document["password"]) not in str(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="module")
def tls_server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    programs = next(filter(has_tls, installed_programs()), None)
    if programs is None:
        pytest.skip("NO POSTGRESQL SERVER WITH TLS HERE: install postgresql-15")
    folder = tmp_path_factory.mktemp("tls") / "cluster"
    rules = ("host all trusted 127.0.0.1/32 trust", *RULES)
    with PostgresServer.start(
        folder, programs=programs, certificate=certificate, rules=rules
    ) as started:
        started.make_role("app", PASSWORD)
        started.make_role("trusted", PASSWORD)
        yield started


def log_in(login: Credential, ca_file: Path | None = None) -> None:
    with Redshift(ca_file=str(ca_file) if ca_file else None).login(login):
        pass


@pytest.mark.engine
def test_ssl_true_is_tls_with_a_server_that_the_functions_ca_vouches_for(
    tls_server: PostgresServer, certificate: Certificate
) -> None:
    log_in(credential(tls_server.port, "app", ssl=True), certificate.ca_file)

    assert "SSL enabled" in tls_server.log.read_text()


@pytest.mark.engine
def test_ca_of_the_secret_vouches_for_the_server(
    tls_server: PostgresServer, certificate: Certificate
) -> None:
    pem = certificate.ca_file.read_text()

    log_in(credential(tls_server.port, "app", caCertificate=pem))


@pytest.mark.engine
def test_ssl_true_refuses_a_server_that_no_known_ca_vouches_for(
    tls_server: PostgresServer,
) -> None:
    with pytest.raises(EncryptionError, match="certificate verify failed"):
        log_in(credential(tls_server.port, "app", ssl=True))


@pytest.mark.engine
def test_ssl_true_refuses_a_server_by_another_name(
    tls_server: PostgresServer, certificate: Certificate
) -> None:
    login = credential(tls_server.port, "app", host="localhost", ssl=True)

    with pytest.raises(EncryptionError, match="does not match host name"):
        log_in(login, certificate.ca_file)


@pytest.mark.engine
def test_server_that_asks_for_no_password_proves_nothing(tls_server: PostgresServer) -> None:
    with pytest.raises(PasswordNotAskedError):
        log_in(credential(tls_server.port, "trusted"))


@pytest.mark.engine
def test_password_that_was_set_before_logs_in_and_the_log_has_its_hash_alone(
    kit: RedshiftKit,
) -> None:
    username = f"app{uuid.uuid4().hex[:8]}"
    kit.make_user(username, kit.first_password)
    login = credential(kit.address[1], username, kit.first_password)

    with Redshift().login(login) as session:
        session.change_own_password(NEW_PASSWORD)

    assert kit.accepts(username, NEW_PASSWORD)
    assert hash_of(NEW_PASSWORD, username).encode() in kit.log()
    assert NEW_PASSWORD.encode() not in kit.log()
