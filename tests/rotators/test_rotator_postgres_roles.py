"""Alternating users on real PostgreSQL servers: what two roles share, and what is copied."""

from dataclasses import dataclass
import re
import uuid

import psycopg
from psycopg import sql
import pytest

from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.errors import MissingRightError, UsernameTooLongError
from keyturn_rotators.steps import Step
from keyturn_rotators.strategies import AlternatingUsers
from support.postgres_server import PostgresServer
from support.rotation_bench import FIRST_PASSWORD, Bench, Login

pytestmark = pytest.mark.engine

ADMIN_PASSWORD = "of-the-administrator"
WITH_OPTIONS = 16


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A role and its clone-to-be, administered by a role that isn't a superuser."""

    bench: Bench
    login: Login
    admin: str

    @property
    def user(self) -> str:
        return self.login.username

    @property
    def clone(self) -> str:
        return f"{self.user}_clone"

    @property
    def server(self) -> PostgresServer:
        return self.bench.server

    def run(self, *statements: str) -> None:
        """Run statements as the superuser; @user, @clone and @admin are the three roles."""
        names = {"user": self.user, "clone": self.clone, "admin": self.admin}
        for statement in statements:
            self.server.execute(re.sub("@([a-z]+)", lambda m: f'"{names[m[1]]}"', statement))

    def rotate(self) -> None:
        token = self.bench.secrets_manager.begin_rotation(self.login.arn)
        for step in Step:
            self.step(step, token)

    def step(self, step: Step, token: str) -> None:
        self.bench.rotation(self.login.arn, token, AlternatingUsers(Postgres())).run(step)

    def connect(self) -> psycopg.Connection:
        """Log in with AWSCURRENT."""
        document = self.bench.secrets_manager.document(self.login.arn)
        return self.server.connect(document["username"], document["password"])

    def ask(self, query: str) -> object:
        """Return what AWSCURRENT's login is answered."""
        with self.connect() as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]

    def rows_in(self, table: str) -> object:
        """Return how many rows AWSCURRENT's login counts in a table."""
        with self.connect() as connection:
            query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            row = connection.execute(query).fetchone()
        assert row is not None
        return row[0]

    def of_role(self, query: str, name: str) -> list[object]:
        """Return what the superuser reads of a role."""
        with self.server.connect() as connection:
            return [row[0] for row in connection.execute(query.encode(), [name])]


@pytest.fixture
def pair(bench: Bench) -> Pair:
    admin = f"admin-{uuid.uuid4().hex[:8]}"
    bench.server.make_role(admin, ADMIN_PASSWORD, "CREATEROLE")
    document = bench.document(admin, ADMIN_PASSWORD)
    login = bench.login(masterarn=bench.secrets_manager.create(document))
    pair = Pair(bench=bench, login=login, admin=admin)
    pair.run("GRANT @user TO @admin WITH ADMIN OPTION", "GRANT CREATE ON SCHEMA public TO @user")
    return pair


def test_what_either_makes_is_the_others_too(pair: Pair) -> None:
    tables = [f"t{uuid.uuid4().hex}" for _ in range(4)]
    for table in tables:
        with pair.connect() as connection:
            connection.execute(f"CREATE TABLE {table} (id int)".encode())

        pair.rotate()

        for made in tables[: tables.index(table) + 1]:
            pair.rows_in(made)
    assert pair.of_role(
        "SELECT DISTINCT tableowner FROM pg_tables WHERE tableowner LIKE %s", f"{pair.user}%"
    ) == [pair.user]


def test_what_an_older_clone_made_and_was_granted_becomes_its_users(pair: Pair) -> None:
    table, granted = (f"t{uuid.uuid4().hex}" for _ in range(2))
    # As AWS's function leaves it: a member that acts as itself.
    pair.run(
        f"CREATE ROLE @clone LOGIN PASSWORD '{FIRST_PASSWORD.replace(chr(39), chr(39) * 2)}'",
        "GRANT @user TO @clone",
        f"CREATE TABLE {table} (id int)",
        f"ALTER TABLE {table} OWNER TO @clone",
        f"CREATE TABLE {granted} (id int)",
        f"ALTER TABLE {granted} OWNER TO @admin",
        f"GRANT SELECT ON {granted} TO @clone",
        "GRANT @clone TO @admin WITH ADMIN OPTION",
    )
    document = pair.bench.secrets_manager.document(pair.login.arn)
    pair.bench.secrets_manager.put(pair.login.arn, {**document, "username": pair.clone})

    for _ in range(3):
        pair.rotate()

        pair.rows_in(table)
        pair.rows_in(granted)
    owners = pair.of_role("SELECT tableowner FROM pg_tables WHERE tablename = %s", table)
    assert owners == [pair.user]


def test_role_that_acts_as_an_owner_role_is_cloned_as_it_is(pair: Pair) -> None:
    owner = f"owner-{uuid.uuid4().hex[:8]}"
    table = f"t{uuid.uuid4().hex}"
    pair.run(
        f'CREATE ROLE "{owner}" NOLOGIN',
        f'GRANT "{owner}" TO @admin WITH ADMIN OPTION',
        f'GRANT "{owner}" TO @user',
        f'GRANT CREATE ON SCHEMA public TO "{owner}"',
        f'ALTER ROLE @user SET role = "{owner}"',
    )
    pair.rotate()

    with pair.connect() as connection:
        connection.execute(f"CREATE TABLE {table} (id int)".encode())
    pair.rotate()

    assert pair.ask("SELECT current_user::text") == owner
    assert pair.rows_in(table) == 0
    members = (
        "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
        " JOIN pg_roles r ON r.oid = m.member WHERE g.rolname = %s ORDER BY 1"
    )
    assert pair.clone in pair.of_role(members, owner)
    assert pair.clone not in pair.of_role(members, pair.user)


@pytest.mark.parametrize(
    ("change", "query"),
    [
        ("CREATEDB", "SELECT rolcreatedb FROM pg_roles WHERE rolname = %s"),
        ("CREATEROLE", "SELECT rolcreaterole FROM pg_roles WHERE rolname = %s"),
        ("NOINHERIT", "SELECT rolinherit FROM pg_roles WHERE rolname = %s"),
        ("CONNECTION LIMIT 7", "SELECT rolconnlimit FROM pg_roles WHERE rolname = %s"),
        (
            "VALID UNTIL '2100-01-02 03:04:05.6+01'",
            "SELECT coalesce(rolvaliduntil, 'infinity')::text FROM pg_roles WHERE rolname = %s",
        ),
        ("SET work_mem TO '8MB'", "settings"),
        ("SET search_path TO 'a b', \"$user\", 'say \"hi\"', public", "settings"),
        ("SET search_path TO ''", "settings"),
        ("SET application_name TO 'it''s = {}'", "settings"),
        ("SET temp_tablespaces TO ''", "settings"),
        ("IN DATABASE template1 SET statement_timeout TO 5", "settings"),
    ],
)
def test_attribute_or_setting_is_copied_and_taken_back(
    pair: Pair, change: str, query: str
) -> None:
    if query == "settings":
        query = (
            "SELECT concat(setdatabase, ' ', c) FROM pg_db_role_setting s JOIN pg_roles r"
            " ON r.oid = setrole, unnest(setconfig) c WHERE rolname = %s AND c NOT LIKE 'role=%%'"
            " ORDER BY 1"
        )
    pair.run("ALTER ROLE @admin CREATEDB")
    before = pair.of_role(query, pair.user)
    pair.run(f"ALTER ROLE @user {change}")
    changed = pair.of_role(query, pair.user)
    pair.rotate()

    copied = pair.of_role(query, pair.clone)
    pair.run(f"DROP ROLE IF EXISTS nobody; ALTER ROLE @clone {_undone(change)}")
    pair.rotate()

    assert before != changed
    assert copied == changed
    assert pair.of_role(query, pair.user) == before


def _undone(change: str) -> str:
    first, *rest = change.split(" ")
    match first:
        case "CREATEDB" | "CREATEROLE":
            return f"NO{first}"
        case "NOINHERIT":
            return "INHERIT"
        case "CONNECTION":
            return "CONNECTION LIMIT -1"
        case "VALID":
            return "VALID UNTIL 'infinity'"
        case "SET":
            return f"RESET {rest[0]}"
        case _:
            return f"IN DATABASE {rest[1]} RESET {rest[3]}"


def test_setting_that_only_a_superuser_can_give_is_named(pair: Pair) -> None:
    pair.run("ALTER ROLE @user SET app.tenant TO 'x, y'")
    token = pair.bench.secrets_manager.begin_rotation(pair.login.arn)
    pair.step(Step.CREATE, token)

    with pytest.raises(MissingRightError, match=f'ALTER ROLE "{pair.clone}" SET app.tenant TO'):
        pair.step(Step.SET, token)
    pair.run("ALTER ROLE @clone SET app.tenant TO 'x, y'")
    pair.step(Step.SET, token)
    pair.step(Step.FINISH, token)

    assert pair.ask("SELECT current_setting('app.tenant')") == "x, y"


def test_membership_of_the_clone_is_moved_to_the_role_that_both_act_as(pair: Pair) -> None:
    group = f"group-{uuid.uuid4().hex[:8]}"
    pair.run(f'CREATE ROLE "{group}" NOLOGIN', f'GRANT "{group}" TO @admin WITH ADMIN OPTION')
    pair.rotate()
    pair.run(f'GRANT "{group}" TO @clone')

    pair.rotate()

    members = (
        "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
        " JOIN pg_roles r ON r.oid = m.member WHERE g.rolname = %s AND r.rolname LIKE 'app%%'"
    )
    assert pair.user in pair.of_role(members, group)
    assert pair.ask(f"SELECT pg_has_role(current_user, '{group}', 'USAGE')") is True


def test_clone_is_no_member_of_rds_iam_which_would_refuse_passwords(pair: Pair) -> None:
    with pair.server.connect() as connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = 'rds_iam'").fetchone():
            pair.run("CREATE ROLE rds_iam NOLOGIN")
    pair.run("ALTER ROLE @user SET role = @user", "GRANT rds_iam TO @user")

    pair.rotate()

    members = (
        "SELECT r.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid"
        " JOIN pg_roles r ON r.oid = m.member WHERE g.rolname = 'rds_iam' AND r.rolname = %s"
    )
    assert pair.of_role(members, pair.clone) == []


def test_grant_to_a_clone_that_has_no_effect_is_told(
    pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    table = f"t{uuid.uuid4().hex}"
    pair.rotate()
    pair.run(f"CREATE TABLE {table} (id int)", f"GRANT SELECT ON {table} TO @clone")

    pair.rotate()

    assert "SELECT" in caplog.text
    assert f"public.{table}" in caplog.text
    assert "grant it to that" in caplog.text


def test_administrator_without_the_user_is_told_what_to_grant(pair: Pair) -> None:
    if pair.server.major < WITH_OPTIONS:
        # Before, CREATEROLE is enough to make anybody a member of anything.
        pair.run("ALTER ROLE @admin NOCREATEROLE")
    pair.run("REVOKE @user FROM @admin")
    token = pair.bench.secrets_manager.begin_rotation(pair.login.arn)
    pair.step(Step.CREATE, token)

    with pytest.raises(MissingRightError, match=f'GRANT "{pair.user}" TO "{pair.admin}"'):
        pair.step(Step.SET, token)

    assert pair.of_role("SELECT rolname FROM pg_roles WHERE rolname = %s", pair.clone) == []


def test_name_without_room_for_a_clones_is_refused_before_anything_is_stored(bench: Bench) -> None:
    login = bench.login(f"{'ü' * 25}{uuid.uuid4().hex[:8]}")
    token = bench.secrets_manager.begin_rotation(login.arn)

    with pytest.raises(UsernameTooLongError, match="is 58 long, and may be 57"):
        bench.rotation(login.arn, token, AlternatingUsers(Postgres())).run(Step.CREATE)

    assert bench.secrets_manager.secrets[login.arn].values[token] is None
