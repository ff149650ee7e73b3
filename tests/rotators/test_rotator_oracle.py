"""Oracle: what its driver sends to whom; and, simulated, rollovers and what two users share."""

from collections.abc import Callable, Iterator
import json
from pathlib import Path
import socket
import ssl
from threading import Thread
from typing import Any

import oracledb
from oracledb import errors
import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.oracle import Oracle
from keyturn_rotators.engines.oracle_catalogue import MARK
from keyturn_rotators.engines.oracle_connection import statement_error
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    NotPairedError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    SecretValueError,
    StatementFailedError,
    TargetError,
    UnreachableError,
)
from support.certificates import Certificate, make_certificate
from support.given_versions import GivenVersions, set_other
from support.kits.oracle import ADMIN_PRIVILEGES, make_user
from support.simulated_oracle import SERVICE, SimulatedOracle, User, connect

PASSWORD = "canary-password"
NEW_PASSWORD = "canary-new"


def credential(port: int, username: str = "app", **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {
        "engine": "oracle",
        "host": "127.0.0.1",
        "port": port,
        "dbname": SERVICE,
        "username": username,
        "password": PASSWORD,
        **keys,
    }
    return parse(json.dumps(value), "AWSCURRENT", Oracle().defaults)


def log_in(login: Credential, ca_file: Path | None = None) -> None:
    with Oracle(ca_file=str(ca_file) if ca_file else None).login(login):
        pass


# The driver itself


class TlsListener:
    """Takes TLS connections, and hangs up on what comes then."""

    def __init__(self, certificate: Certificate) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.certificate_file, certificate.key_file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.requests: list[bytes] = []
        self._thread = Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    with self._context.wrap_socket(connection, server_side=True) as tls:
                        self.requests += [each for each in [tls.recv(4096)] if each]
                except OSError:
                    continue

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificates"), "127.0.0.1")


@pytest.fixture
def encrypted(certificate: Certificate) -> Iterator[TlsListener]:
    listener = TlsListener(certificate)
    yield listener
    listener.close()


def test_login_is_begun_with_a_server_that_the_secrets_ca_vouches_for(
    encrypted: TlsListener, certificate: Certificate
) -> None:
    with pytest.raises(UnreachableError):
        log_in(credential(encrypted.port, caCertificate=certificate.ca_file.read_text()))

    assert len(encrypted.requests) == 1


def test_login_is_begun_with_a_server_that_the_functions_ca_vouches_for(
    encrypted: TlsListener, certificate: Certificate
) -> None:
    with pytest.raises(UnreachableError):
        log_in(credential(encrypted.port, ssl=True), certificate.ca_file)

    assert len(encrypted.requests) == 1


def test_server_that_no_known_ca_vouches_for_is_asked_nothing(encrypted: TlsListener) -> None:
    with pytest.raises(EncryptionError, match="CERTIFICATE_VERIFY_FAILED"):
        log_in(credential(encrypted.port, ssl=True))

    assert encrypted.requests == []


def test_server_by_another_name_is_asked_nothing(
    encrypted: TlsListener, certificate: Certificate
) -> None:
    with pytest.raises(EncryptionError):
        log_in(credential(encrypted.port, ssl=True, host="localhost"), certificate.ca_file)

    assert encrypted.requests == []


def test_administrator_has_tls_unless_its_secret_says_otherwise(encrypted: TlsListener) -> None:
    admin = credential(encrypted.port, "rotation")

    with (
        pytest.raises(EncryptionError),
        Oracle().administer(admin, credential(encrypted.port)),
    ):
        pass


def test_nobody_there_is_named() -> None:
    with pytest.raises(UnreachableError, match=":1:"):
        log_in(credential(1))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("ORA-01031", MissingRightError),
        ("ORA-28003", PasswordRefusedError),
        ("ORA-28007", PasswordRefusedError),
        ("ORA-16000", ReadOnlyTargetError),
        ("DPY-4011", ConnectionLostError),
        ("DPY-4024", ConnectionLostError),
        ("ORA-00060", StatementFailedError),
    ],
)
def test_error_is_told_by_its_code_and_without_values(code: str, error: type[TargetError]) -> None:
    raised = oracledb.DatabaseError(errors._Error(f"{code}: about {PASSWORD}"))

    told = statement_error(raised, "here", "", (PASSWORD,))

    assert type(told) is error
    assert PASSWORD not in str(told)


def test_secret_without_a_service_is_named() -> None:
    with pytest.raises(MissingKeyError, match="dbname"):
        log_in(credential(1, dbname=""))


@pytest.mark.parametrize("username", ['"quoted"', "b lank", "1st", "a.b", "a/b@c"])
def test_name_that_oracle_would_not_take_without_quotes_is_refused(username: str) -> None:
    with pytest.raises(SecretValueError, match="without quotes"):
        log_in(credential(1, username))


# Simulated


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedOracle]:
    monkeypatch.setattr(oracledb, "connect", connect)
    with SimulatedOracle.start() as simulation:
        make_user(simulation, "app", PASSWORD, "CREATE SESSION")
        make_user(simulation, "rotation", PASSWORD, *ADMIN_PRIVILEGES)
        simulation.world.rollover_days["ROLLING"] = "1"
        simulation.world.roles.add("READERS")
        yield simulation


def app(server: SimulatedOracle) -> User:
    return server.world.users["APP"]


def versions(server: SimulatedOracle, username: str = "app") -> GivenVersions:
    login = credential(server.port, username, ssl=False, masterarn="arn:admin")
    return GivenVersions(now=login, admin=credential(server.port, "rotation", ssl=False))


def keep_two(server: SimulatedOracle, kept: str, fresh: str) -> None:
    login = credential(server.port, ssl=False, password=kept)
    with Oracle().login(login) as session:
        session.keep_two_passwords(kept, fresh)


def keep_two_as_admin(server: SimulatedOracle, kept: str, fresh: str) -> None:
    admin = versions(server).admin
    with Oracle().administer(admin, admin) as administration:
        administration.keep_two_passwords("app", kept, fresh)


def test_own_password_is_in_no_statement(server: SimulatedOracle) -> None:
    with Oracle().login(credential(server.port, ssl=False)) as session:
        session.change_own_password(NEW_PASSWORD)

    assert app(server).password == NEW_PASSWORD
    assert not [each for each in server.statements if NEW_PASSWORD in each]


def test_rollover_keeps_both(server: SimulatedOracle) -> None:
    app(server).profile = "ROLLING"

    keep_two(server, PASSWORD, NEW_PASSWORD)

    assert (app(server).former, app(server).password) == (PASSWORD, NEW_PASSWORD)


def test_user_without_a_rollover_is_not_changed(server: SimulatedOracle) -> None:
    for act in (keep_two, keep_two_as_admin):
        with pytest.raises(StatementFailedError, match="PASSWORD_ROLLOVER_TIME"):
            act(server, PASSWORD, NEW_PASSWORD)

    assert app(server).password == PASSWORD


@pytest.mark.parametrize("is_newer", [True, False])
def test_password_in_use_stays_whichever_of_a_rollovers_it_is(
    server: SimulatedOracle, *, is_newer: bool
) -> None:
    app(server).profile = "ROLLING"
    pair = (PASSWORD, "another") if is_newer else ("another", PASSWORD)
    app(server).password, app(server).former = pair
    seen = []
    set_password = Oracle().administer

    admin = versions(server).admin
    with set_password(admin, admin) as administration:
        run = administration._run

        def watched(statement: str, *secrets: str) -> None:
            run(statement, *secrets)
            seen.append(PASSWORD in {app(server).password, app(server).former})

        administration._run = watched  # type: ignore[method-assign]
        administration.keep_two_passwords("app", PASSWORD, NEW_PASSWORD)

    assert seen == [True, True, True]
    assert {app(server).password, app(server).former} == {PASSWORD, NEW_PASSWORD}


def test_user_who_may_not_end_a_rollover_leaves_it_to_the_administrator(
    server: SimulatedOracle,
) -> None:
    app(server).profile = "ROLLING"
    app(server).former = "another"

    with pytest.raises(MissingRightError):
        keep_two(server, PASSWORD, NEW_PASSWORD)

    assert PASSWORD in {app(server).password, app(server).former}


def test_administrator_leaves_one_password_of_a_single_user(server: SimulatedOracle) -> None:
    app(server).profile = "ROLLING"
    admin = versions(server).admin

    with Oracle().administer(admin, admin) as administration:
        administration.set_password("app", NEW_PASSWORD)

    assert (app(server).former, app(server).password) == (None, NEW_PASSWORD)


def test_locked_account_is_refused(server: SimulatedOracle) -> None:
    app(server).is_locked = True

    with pytest.raises(LoginRefusedError, match="locked"):
        log_in(credential(server.port))


def test_clone_is_made_and_marked_at_once(server: SimulatedOracle) -> None:
    set_other(Oracle(), versions(server))

    (made,) = [each for each in server.statements if " TO " in each and "IDENTIFIED" in each]
    assert made.startswith(f'GRANT "{MARK}" TO "APP_CLONE" IDENTIFIED BY "aA1_')


Change = Callable[[User], None]


def _put(attribute: str, key: object, value: object) -> Change:
    def change(user: User) -> None:
        getattr(user, attribute)[key] = value

    return change


def _set(attribute: str, value: str) -> Change:
    def change(user: User) -> None:
        setattr(user, attribute, value)

    return change


COPIED: dict[str, Change] = {
    "profile": _set("profile", "ROLLING"),
    "tablespace": _set("tablespace", "odd name"),
    "temporary tablespace": _set("temporary", "TEMP2"),
    "quota": _put("quotas", "USERS", 1048576),
    "quota, unlimited": _put("quotas", "USERS", -1),
    "system privilege": _put("system", "CREATE TABLE", "NO"),
    "system privilege, to pass on": _put("system", "CREATE VIEW", "YES"),
    "role": _put("roles", "READERS", ["NO", "YES"]),
    "role, to pass on, not by default": _put("roles", "READERS", ["YES", "NO"]),
    "table": _put("objects", ("TABLE", "o'wner", "T", "SELECT"), "NO"),
    "table, to pass on": _put("objects", ("TABLE", "HR", "V", "SELECT"), "YES"),
    "directory": _put("objects", ("DIRECTORY", "SYS", "D", "READ"), "NO"),
    "column": _put("columns", ("HR", "T", "c 1", "UPDATE"), "NO"),
    "column, to pass on": _put("columns", ("HR", "T", "C2", "UPDATE"), "YES"),
}


def rights(server: SimulatedOracle, username: str) -> set[object]:
    admin = versions(server).admin
    with Oracle().administer(admin, admin) as administration:
        return set(administration.rights_of(username))


@pytest.mark.parametrize("name", COPIED)
def test_right_is_copied_and_taken_back(server: SimulatedOracle, name: str) -> None:
    before = rights(server, "app")
    COPIED[name](app(server))
    set_other(Oracle(), versions(server))
    assert rights(server, "app_CLONE") == rights(server, "app") != before

    # The clone is in use now, and hasn't it any more.
    clone = server.world.users["APP_CLONE"]
    fresh = User(password=PASSWORD, system={"CREATE SESSION": "NO"}, roles={MARK: ["NO", "YES"]})
    vars(clone).update(vars(fresh))
    set_other(Oracle(), versions(server, "app_CLONE"))

    assert rights(server, "app") == before


def test_column_is_taken_and_the_others_of_its_table_stay(server: SimulatedOracle) -> None:
    for column in ("A", "B"):
        COPIED["column"](app(server))
        app(server).columns["HR", "T", column, "UPDATE"] = "YES" if column == "A" else "NO"
    set_other(Oracle(), versions(server))
    del app(server).columns["HR", "T", "c 1", "UPDATE"]

    set_other(Oracle(), versions(server))

    clone = server.world.users["APP_CLONE"]
    assert clone.columns == app(server).columns
    assert set(clone.columns.values()) == {"YES", "NO"}


def test_strangers_user_with_the_clones_name_is_left_alone(server: SimulatedOracle) -> None:
    make_user(server, "APP_CLONE", "a stranger's", "CREATE SESSION")

    with pytest.raises(NotPairedError):
        set_other(Oracle(), versions(server))

    assert server.world.users["APP_CLONE"].password == "a stranger's"


def test_administrator_without_rights_is_told_which(server: SimulatedOracle) -> None:
    server.world.users["ROTATION"].system = {"CREATE SESSION": "NO"}

    with pytest.raises(MissingRightError, match="GRANT ANY OBJECT PRIVILEGE"):
        set_other(Oracle(), versions(server))

    assert "APP_CLONE" not in server.world.users
