"""What the PostgreSQL engine makes of servers, rules and roles that are not the usual ones."""

from collections.abc import Iterator
import json
import logging
from pathlib import Path
import socket
import uuid

from psycopg import errors, sql
import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines import postgres, postgres_connection
from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    PasswordNotAskedError,
    ReadOnlyTargetError,
    StatementFailedError,
    UnreachableError,
)
from support.certificates import Certificate, make_certificate
from support.postgres_server import (
    ADMIN,
    ADMIN_PASSWORD,
    PostgresServer,
    has_tls,
    installed_programs,
)

pytestmark = pytest.mark.engine
PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new-password"


def credential(port: int, username: str, password: str = PASSWORD, **keys: object) -> Credential:
    document = {
        "engine": "postgres",
        "host": "127.0.0.1",
        "port": port,
        "username": username,
        "password": password,
        **keys,
    }
    return parse(json.dumps(document), "AWSCURRENT", Postgres().defaults)


def log_in(login: Credential, ca_file: str | None = None) -> None:
    with Postgres(ca_file=ca_file).login(login) as session:
        session.probe()


def change(login: Credential, password: str = NEW_PASSWORD) -> None:
    with Postgres().login(login) as session:
        session.change_own_password(password)


@pytest.fixture
def role(server: PostgresServer) -> str:
    """A role of the test's own."""
    name = f"app-{uuid.uuid4().hex[:8]}"
    server.make_role(name, PASSWORD)
    return name


@pytest.fixture
def fixed_role(server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The role that a line of pg_hba.conf is about."""
    name: str = request.param
    server.make_role(name, PASSWORD)
    yield name
    server.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_a_wrong_password_is_a_refused_login(server: PostgresServer, role: str) -> None:
    with pytest.raises(LoginRefusedError, match="password authentication failed") as error:
        log_in(credential(server.port, role, "canary-wrong"))

    assert "canary" not in str(error.value)


def test_a_role_that_is_not_there_is_a_refused_login(server: PostgresServer) -> None:
    with pytest.raises(LoginRefusedError):
        log_in(credential(server.port, "nobody"))


def test_a_database_that_is_not_there_is_a_refused_login(
    server: PostgresServer, role: str
) -> None:
    with pytest.raises(LoginRefusedError, match='database "nope" does not exist'):
        log_in(credential(server.port, role, dbname="nope"))


def test_a_password_whose_validity_is_over_is_a_refused_login_that_says_so(
    server: PostgresServer, role: str
) -> None:
    server.execute(f"ALTER ROLE \"{role}\" VALID UNTIL '2001-01-01'")

    with pytest.raises(LoginRefusedError, match="validity is over"):
        log_in(credential(server.port, role))


@pytest.mark.parametrize("fixed_role", ["shutout"], indirect=True)
def test_a_rule_that_keeps_the_function_out_is_a_refused_login(
    server: PostgresServer, fixed_role: str
) -> None:
    with pytest.raises(LoginRefusedError, match=r"pg_hba\.conf rejects"):
        log_in(credential(server.port, fixed_role))


@pytest.mark.parametrize("fixed_role", ["trusted"], indirect=True)
def test_a_server_that_asks_for_no_password_proves_nothing(
    server: PostgresServer, fixed_role: str
) -> None:
    with pytest.raises(PasswordNotAskedError, match="without asking"):
        log_in(credential(server.port, fixed_role))


@pytest.mark.parametrize("fixed_role", ["clear"], indirect=True)
def test_a_password_is_not_sent_in_the_clear_unless_the_secret_says_so(
    server: PostgresServer, fixed_role: str
) -> None:
    with pytest.raises(EncryptionError, match="authentication method requirement"):
        log_in(credential(server.port, fixed_role))

    log_in(credential(server.port, fixed_role, ssl=False))


def test_a_port_that_nothing_listens_on_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="Connection refused"):
        log_in(credential(1, "app"))


def test_a_host_that_has_no_address_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match="resolve host"):
        log_in(credential(5432, "app", host="nowhere.invalid"))


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    # As short as libpq allows.
    monkeypatch.setattr(postgres, "CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]

        with pytest.raises(UnreachableError, match="timeout"):
            log_in(credential(port, "app"))


def test_a_connection_that_breaks_is_told_from_one_that_was_never_made(
    server: PostgresServer, role: str
) -> None:
    with Postgres().login(credential(server.port, role)) as session:
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = {}"
        server.execute(sql.SQL(statement).format(sql.Literal(role)))

        with pytest.raises(ConnectionLostError):
            session.probe()


def test_a_change_that_waits_too_long_is_given_up(
    server: PostgresServer, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "STATEMENT_SECONDS", 1)
    with server.connect() as other, other.transaction():
        other.execute(f'ALTER ROLE "{role}" CONNECTION LIMIT 5'.encode())

        with pytest.raises(StatementFailedError, match="57014"):
            change(credential(server.port, role))

    assert server.accepts(role, PASSWORD)


def test_a_missing_right_is_named() -> None:
    error = postgres_connection.statement_error(
        errors.InsufficientPrivilege(), credential(1, "app")
    )

    assert isinstance(error, MissingRightError)


def test_a_role_that_acts_as_another_and_only_reads_changes_its_own_password(
    server: PostgresServer, role: str
) -> None:
    server.execute(f'CREATE ROLE "{role}-group" NOLOGIN')
    server.execute(f'GRANT "{role}-group" TO "{role}"')
    server.execute(f'ALTER ROLE "{role}" SET role = "{role}-group"')
    server.execute(f'ALTER ROLE "{role}" SET default_transaction_read_only = on')

    change(credential(server.port, role))

    assert server.accepts(role, NEW_PASSWORD)


def test_attributes_and_validity_of_the_role_stay(server: PostgresServer, role: str) -> None:
    server.execute(f"ALTER ROLE \"{role}\" VALID UNTIL '2999-01-01' CONNECTION LIMIT 7")

    change(credential(server.port, role))

    with server.connect() as connection:
        row = connection.execute(
            "SELECT rolvaliduntil::date::text, rolconnlimit FROM pg_roles WHERE rolname = %s",
            [role],
        ).fetchone()
    assert row == ("2999-01-01", 7)


@pytest.mark.parametrize("fixed_role", ["oldtimer"], indirect=True)
def test_a_server_of_md5_passwords_gets_md5_and_the_log_a_warning(
    server: PostgresServer, fixed_role: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.execute(f"ALTER ROLE {fixed_role} SET password_encryption = 'md5'")

    change(credential(server.port, fixed_role))

    assert server.accepts(fixed_role, NEW_PASSWORD)
    assert "password_encryption is md5" in caplog.text


def test_a_standby_is_read_only(tmp_path: Path) -> None:
    with (
        PostgresServer.start(tmp_path / "standby", is_standby=True) as standby,
        pytest.raises(ReadOnlyTargetError, match="replica"),
    ):
        change(credential(standby.port, ADMIN, ADMIN_PASSWORD))


def test_a_secret_without_ssl_warns_of_a_connection_that_is_not_encrypted(
    server: PostgresServer, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(credential(server.port, role))

    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "is not encrypted" in caplog.text


def test_a_secret_that_chose_plaintext_is_not_warned_of(
    server: PostgresServer, role: str, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(credential(server.port, role, ssl="false"))

    assert not caplog.records


def test_ssl_true_is_never_less_than_tls(
    server: PostgresServer, role: str, certificate: Certificate
) -> None:
    with pytest.raises(EncryptionError, match="does not support SSL"):
        log_in(credential(server.port, role, ssl=True), str(certificate.ca_file))


def test_a_ca_file_that_is_not_there_is_named() -> None:
    with pytest.raises(EncryptionError, match=r"no CA file at /nowhere/ca\.pem"):
        log_in(credential(1, "app", ssl=True), "/nowhere/ca.pem")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture(scope="session")
def tls_server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    programs = next(filter(has_tls, installed_programs()), None)
    if programs is None:
        pytest.skip("NO POSTGRESQL SERVER WITH TLS HERE: install postgresql-15")
    folder = tmp_path_factory.mktemp("tls") / "cluster"
    with PostgresServer.start(folder, programs=programs, certificate=certificate) as started:
        started.make_role("app", PASSWORD)
        yield started


def test_ssl_true_is_tls_with_a_server_that_the_ca_vouches_for(
    tls_server: PostgresServer, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(credential(tls_server.port, "app", ssl=True), str(certificate.ca_file))

    assert not caplog.records
    assert "SSL enabled" in tls_server.log.read_text()


def test_ssl_true_refuses_a_server_that_no_known_ca_vouches_for(
    tls_server: PostgresServer,
) -> None:
    with pytest.raises(EncryptionError, match="certificate verify failed"):
        log_in(credential(tls_server.port, "app", ssl=True))


def test_ssl_true_refuses_a_server_by_another_name(
    tls_server: PostgresServer, certificate: Certificate
) -> None:
    login = credential(tls_server.port, "app", host="localhost", ssl=True)

    with pytest.raises(EncryptionError, match="does not match host name"):
        log_in(login, str(certificate.ca_file))


def test_a_secret_without_ssl_uses_tls_where_the_server_has_it(
    tls_server: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(credential(tls_server.port, "app"))

    assert not caplog.records
