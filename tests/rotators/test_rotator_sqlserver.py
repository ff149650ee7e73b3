"""SQL Server: what its driver sends to whom; and, simulated, what two logins have in common."""

from collections.abc import Callable, Iterator
import json
from pathlib import Path
from typing import Any

import pymssql
import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.sqlserver import SqlServer
from keyturn_rotators.engines.sqlserver_catalogue import MARK, as_owner
from keyturn_rotators.engines.sqlserver_connection import literal, quoted, statement_error
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotPairedError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    RightsDifferError,
    StatementFailedError,
    TargetError,
    UnreachableError,
)
from support.certificates import Certificate, make_certificate
from support.given_versions import NEXT_PASSWORD, GivenVersions, set_other
from support.simulated_sqlserver import Database, Login, SimulatedSqlServer, connect
from support.tds_server import TdsServer

PASSWORD = "canary-password"


def credential(port: int, username: str = "app", **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {
        "engine": "sqlserver",
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "password": PASSWORD,
        **keys,
    }
    return parse(json.dumps(value), "AWSCURRENT", SqlServer().defaults)


def log_in(login: Credential, ca_file: Path | None = None) -> None:
    with SqlServer(ca_file=str(ca_file) if ca_file else None).login(login):
        pass


# The driver itself


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture
def encrypted(certificate: Certificate) -> Iterator[TdsServer]:
    with TdsServer.start(certificate) as server:
        yield server


@pytest.mark.parametrize("keys", [{}, {"ssl": True}])
def test_server_without_tls_is_sent_no_login(keys: dict[str, Any]) -> None:
    with TdsServer.start() as server, pytest.raises(EncryptionError):
        log_in(credential(server.port, **keys))

    assert server.logins == []


def test_login_is_sent_to_a_server_that_the_secrets_ca_vouches_for(
    encrypted: TdsServer, certificate: Certificate
) -> None:
    pem = certificate.ca_file.read_text()

    with pytest.raises(UnreachableError):
        log_in(credential(encrypted.port, caCertificate=pem))

    assert "keyturn-rotation".encode("utf-16-le") in encrypted.logins[0]


def test_login_is_sent_to_a_server_that_the_functions_ca_vouches_for(
    encrypted: TdsServer, certificate: Certificate
) -> None:
    with pytest.raises(UnreachableError):
        log_in(credential(encrypted.port, ssl=True), certificate.ca_file)

    assert len(encrypted.logins) == 1


@pytest.mark.parametrize("keys", [{}, {"ssl": True}])
def test_server_that_no_known_ca_vouches_for_is_sent_no_login(
    encrypted: TdsServer, keys: dict[str, Any]
) -> None:
    with pytest.raises(EncryptionError):
        log_in(credential(encrypted.port, **keys))

    assert encrypted.logins == []


def test_server_by_another_name_is_sent_no_login(
    encrypted: TdsServer, certificate: Certificate
) -> None:
    with pytest.raises(EncryptionError):
        log_in(credential(encrypted.port, host="localhost"), certificate.ca_file)

    assert encrypted.logins == []


def test_nobody_there_is_named() -> None:
    with pytest.raises(UnreachableError, match=":1:"):
        log_in(credential(1, ssl=False))


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (229, MissingRightError),
        (15151, MissingRightError),
        (15118, PasswordRefusedError),
        (18465, PasswordRefusedError),
        (3906, ReadOnlyTargetError),
        (20047, ConnectionLostError),
        (1205, StatementFailedError),
    ],
)
def test_error_is_told_by_its_number_and_without_values(
    number: int, error: type[TargetError]
) -> None:
    raised = pymssql.OperationalError((number, f"about {PASSWORD}".encode()))

    told = statement_error(raised, "here", "", (PASSWORD,))

    assert type(told) is error
    assert PASSWORD not in str(told)


def test_names_and_texts_are_quoted_as_the_server_does_it() -> None:
    assert quoted("a]b[c") == "[a]]b[c]"
    assert literal("it's") == "N'it''s'"
    assert as_owner("a]b", "DROP USER [it's]") == (
        "EXEC [a]]b].sys.sp_executesql N'EXECUTE AS USER = N''dbo''; DROP USER [it''s]; REVERT'"
    )


# Simulated


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedSqlServer]:
    monkeypatch.setattr(pymssql, "connect", connect)
    with SimulatedSqlServer.start() as simulation:
        for name in ("app", "admin"):
            simulation.world.logins[name] = Login(password=PASSWORD)
        simulation.world.server_roles["sysadmin"].add("admin")
        simulation.world.databases["sales"] = Database(
            users={"app user": ("app", "dbo")}, roles={"db_datareader": set()}
        )
        yield simulation


def versions(server: SimulatedSqlServer, username: str = "app", **keys: Any) -> GivenVersions:  # noqa: ANN401 - JSON
    login = credential(server.port, username, ssl=False, masterarn="arn:admin", **keys)
    return GivenVersions(now=login, admin=credential(server.port, "admin", ssl=False))


def test_old_password_is_the_one_that_was_logged_in_with(server: SimulatedSqlServer) -> None:
    with SqlServer().login(credential(server.port, ssl=False)) as session:
        session.change_own_password("another password")

    assert server.world.logins["app"].password == "another password"
    assert server.statements[-1] == (
        f"ALTER LOGIN [app] WITH PASSWORD = N'another password' OLD_PASSWORD = N'{PASSWORD}'"
    )


def test_disabled_login_is_refused(server: SimulatedSqlServer) -> None:
    server.world.logins["app"].is_enabled = False

    with pytest.raises(LoginRefusedError, match="disabled"):
        log_in(credential(server.port, ssl=False))


def test_clone_is_made_disabled_and_marked_at_once(server: SimulatedSqlServer) -> None:
    set_other(SqlServer(), versions(server))

    (made,) = [each for each in server.statements if "CREATE LOGIN" in each]
    assert made.startswith("BEGIN TRANSACTION; CREATE LOGIN [app_clone] WITH PASSWORD = N'")
    assert f"ALTER SERVER ROLE [{MARK}] ADD MEMBER [app_clone]; COMMIT" in made
    assert "DISABLE" in made
    assert server.world.logins["app_clone"].is_enabled
    assert server.world.logins["app_clone"].password == NEXT_PASSWORD


Change = Callable[[SimulatedSqlServer, str, str], None]


def _permit(*what: str, state: str = "GRANT") -> Change:
    def change(server: SimulatedSqlServer, _login: str, user: str) -> None:
        server.world.databases["sales"].permissions[(*what, user)] = state

    return change


def _permit_on_server(*what: str, state: str = "GRANT") -> Change:
    def change(server: SimulatedSqlServer, login: str, _user: str) -> None:
        server.world.server_permissions[(*what, login)] = state

    return change


def _option(**options: object) -> Change:
    def change(server: SimulatedSqlServer, login: str, _user: str) -> None:
        for name, value in options.items():
            setattr(server.world.logins[login], name, value)

    return change


def _server_role(server: SimulatedSqlServer, login: str, _user: str) -> None:
    server.world.server_roles.setdefault("odd]role", set()).add(login)


def _role(server: SimulatedSqlServer, _login: str, user: str) -> None:
    server.world.databases["sales"].roles["db_datareader"].add(user)


def _schema(server: SimulatedSqlServer, login: str, user: str) -> None:
    server.world.databases["sales"].users[user] = (login, "it's]odd")


COPIED: dict[str, Change] = {
    "default database": _option(default_database="sales"),
    "default language": _option(default_language="Deutsch"),
    "policy": _option(is_policy_checked=False),
    "expiration": _option(is_expiration_checked=True),
    "server role": _server_role,
    "server permission": _permit_on_server("DATABASE", "", "", "", "VIEW SERVER STATE"),
    "server permission, denied": _permit_on_server(
        "DATABASE", "", "", "", "VIEW ANY DATABASE", state="DENY"
    ),
    "permission on a login": _permit_on_server(
        "SERVER_PRINCIPAL", "", "o'ther]", "", "IMPERSONATE"
    ),
    "role": _role,
    "default schema": _schema,
    "permission on the database": _permit("DATABASE", "", "", "", "CREATE TABLE"),
    "permission on a schema": _permit("SCHEMA", "it's]odd", "", "", "SELECT"),
    "permission on an object, to pass on": _permit(
        "OBJECT_OR_COLUMN", "dbo", "t]'", "", "SELECT", state="GRANT_WITH_GRANT_OPTION"
    ),
    "permission on a column, denied": _permit(
        "OBJECT_OR_COLUMN", "dbo", "t", "c]", "UPDATE", state="DENY"
    ),
    "permission on a type": _permit("TYPE", "dbo", "kind", "", "REFERENCES"),
    "permission on a user": _permit("DATABASE_PRINCIPAL", "", "o]ther", "", "IMPERSONATE"),
}


def rights(server: SimulatedSqlServer, login: str) -> set[object]:
    admin = versions(server).admin
    with SqlServer().administer(admin, admin) as administration:
        return set(administration.rights_of(login))


@pytest.mark.parametrize("name", COPIED)
def test_right_is_copied_and_taken_back(server: SimulatedSqlServer, name: str) -> None:
    before = rights(server, "app")
    COPIED[name](server, "app", "app user")
    set_other(SqlServer(), versions(server))
    assert rights(server, "app_clone") == rights(server, "app") != before

    # The clone is in use now, and hasn't it any more.
    server.world.logins["app_clone"] = Login(password=PASSWORD)
    server.world.server_permissions.clear()
    server.world.server_roles.pop("odd]role", None)
    sales = server.world.databases["sales"]
    sales.users["app_clone"] = ("app_clone", "dbo")
    sales.roles["db_datareader"].clear()
    sales.permissions = {key: "GRANT" for key in sales.permissions if key[4] == "CONNECT"}
    if name == "server role":
        server.world.server_roles["odd]role"] = {"app"}
    set_other(SqlServer(), versions(server, "app_clone"))

    assert rights(server, "app") == rights(server, "app_clone")


def test_what_a_databases_owner_made_runs_as_the_owner_and_not_as_the_administrator(
    server: SimulatedSqlServer,
) -> None:
    COPIED["permission on a schema"](server, "app", "app user")
    set_other(SqlServer(), versions(server))

    changes = [each for each in server.statements if "sp_executesql" in each]
    assert changes
    assert all("N'EXECUTE AS USER = N''dbo''; " in each for each in changes)


def test_owner_of_a_database_has_no_second_login(server: SimulatedSqlServer) -> None:
    server.world.databases["sales"].users = {"dbo": ("app", "dbo")}

    with pytest.raises(StatementFailedError, match="database owner sales"):
        set_other(SqlServer(), versions(server))

    assert not server.world.logins["app_clone"].is_enabled


def test_permission_of_a_kind_that_is_not_known_is_told_and_not_left_out(
    server: SimulatedSqlServer,
) -> None:
    key = ("CERTIFICATE", "", "", "", "CONTROL", "app user")
    server.world.databases["sales"].permissions[key] = "GRANT"

    with pytest.raises(StatementFailedError, match="CERTIFICATE"):
        set_other(SqlServer(), versions(server))

    assert not server.world.logins["app_clone"].is_enabled


def test_strangers_login_with_the_clones_name_is_left_alone(server: SimulatedSqlServer) -> None:
    server.world.logins["app_clone"] = Login(password="a stranger's")

    with pytest.raises(NotPairedError):
        set_other(SqlServer(), versions(server))

    assert server.world.logins["app_clone"].password == "a stranger's"


def test_mark_that_no_administrator_owns_shows_nothing(server: SimulatedSqlServer) -> None:
    server.world.logins["app_clone"] = Login(password="a stranger's")
    server.world.server_roles[MARK] = {"app_clone"}
    server.world.role_owners[MARK] = "a delegate"

    with pytest.raises(NotPairedError):
        set_other(SqlServer(), versions(server))

    assert server.world.logins["app_clone"].password == "a stranger's"


def test_mark_that_somebody_else_made_first_is_not_used(server: SimulatedSqlServer) -> None:
    server.world.server_roles[MARK] = set()
    server.world.role_owners[MARK] = "a delegate"

    with pytest.raises(StatementFailedError, match="sysadmin owns"):
        set_other(SqlServer(), versions(server))

    assert "app_clone" not in server.world.logins


def test_column_that_is_left_out_of_its_tables_permission_is_not_granted(
    server: SimulatedSqlServer,
) -> None:
    permissions = server.world.databases["sales"].permissions
    permissions["OBJECT_OR_COLUMN", "dbo", "t", "c", "SELECT", "app user"] = "REVOKE"

    with pytest.raises(RightsDifferError):
        set_other(SqlServer(), versions(server))

    assert not [each for each in server.statements if "GRANT SELECT" in each]
    assert not server.world.logins["app_clone"].is_enabled


def test_administrator_who_is_none_changes_nothing(server: SimulatedSqlServer) -> None:
    server.world.server_roles["sysadmin"].clear()

    with pytest.raises((MissingRightError, RightsDifferError), match="sysadmin"):
        set_other(SqlServer(), versions(server))

    assert "app_clone" not in server.world.logins
