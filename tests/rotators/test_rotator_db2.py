"""Db2 on RDS, simulated: places that can't be forged, and changes that come late."""

from collections.abc import Iterator
from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import pytest

from keyturn_rotators.credential import Credential, parse
from keyturn_rotators.engines.db2 import Db2
from keyturn_rotators.engines.db2_connection import dsn, statement_error
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    SecretValueError,
    StatementFailedError,
    TargetError,
    UnreachableError,
)
from keyturn_rotators.strategies import SingleUser
from support.given_versions import NEXT_PASSWORD, GivenVersions
from support.kits.db2 import missing
from support.simulated_db2 import ADMIN, DATABASE, SimulatedDb2, connect

if missing():
    pytest.skip(f"NO DRIVER FOR DB2 HERE: {missing()}", allow_module_level=True)

import ibm_db_dbi

PASSWORD = "canary-password"


def credential(port: int, username: str = "app", **keys: Any) -> Credential:  # noqa: ANN401 - JSON
    value = {
        "engine": "db2",
        "host": "127.0.0.1",
        "port": port,
        "dbname": DATABASE,
        "username": username,
        "password": PASSWORD,
        **keys,
    }
    return parse(json.dumps(value), "AWSCURRENT", Db2().defaults)


def test_tls_verifies_the_servers_name_and_ca_unless_the_secret_wants_none(
    tmp_path: Path,
) -> None:
    verified = dsn(credential(50_000), DATABASE, str(tmp_path))

    assert "SECURITY=SSL;" in verified
    assert f"SSLServerCertificate={tmp_path};" in verified
    assert "SSLClientHostnameValidation=Basic;" in verified
    assert "SSL" not in dsn(credential(50_000), DATABASE, None)


@pytest.mark.parametrize("key", ["host", "dbname", "username", "password"])
def test_value_that_would_begin_another_keyword_is_refused(key: str) -> None:
    login = credential(1, ssl=False, **{key: "x;SECURITY=NONE"})

    with (
        pytest.raises(SecretValueError, match="driver can't be told") as caught,
        Db2().login(login),
    ):
        pass

    assert "SECURITY" not in str(caught.value)


def test_nobody_there_is_named_by_the_driver_itself() -> None:
    with pytest.raises(UnreachableError, match=":1:"), Db2().login(credential(1, ssl=False)):
        pass


def test_secret_without_a_database_is_named() -> None:
    with pytest.raises(MissingKeyError, match="dbname"), Db2().login(credential(1, dbname="")):
        pass


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("SQL0551N", MissingRightError),
        ("SQL0438N", PasswordRefusedError),
        ("SQL1773N", ReadOnlyTargetError),
        ("SQL30081N", ConnectionLostError),
        ("SQL0911N", StatementFailedError),
    ],
)
def test_error_is_told_by_its_code_and_without_values(code: str, error: type[TargetError]) -> None:
    raised = ibm_db_dbi.ProgrammingError(f"[IBM][CLI Driver] {code} about {PASSWORD}")

    told = statement_error(raised, "here", "", (PASSWORD,))

    assert type(told) is error
    assert PASSWORD not in str(told)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedDb2]:
    monkeypatch.setattr(ibm_db_dbi, "connect", connect)
    with SimulatedDb2.start() as simulation:
        simulation.world.passwords |= {"APP": PASSWORD, ADMIN.upper(): PASSWORD}
        simulation.world.connects.add("APP")
        yield simulation


def versions(server: SimulatedDb2, username: str = "app") -> GivenVersions:
    login = credential(server.port, username, ssl=False, masterarn="arn:admin")
    return GivenVersions(now=login, admin=credential(server.port, ADMIN, ssl=False))


def engine() -> Db2:
    return Db2(pauses_seconds=())


def test_server_without_tls_is_told_from_one_that_is_not_there(
    server: SimulatedDb2, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").touch()

    with (
        pytest.raises(EncryptionError),
        Db2(ca_file=str(tmp_path / "ca.pem")).login(credential(server.port)),
    ):
        pass


@pytest.mark.parametrize("delay_logins", [0, 1, 3])
def test_change_that_comes_late_is_waited_for(server: SimulatedDb2, delay_logins: int) -> None:
    server.world.delay_logins = delay_logins
    waited: list[float] = []
    late = Db2(sleep=waited.append)

    with late.administer(versions(server).admin, versions(server).now) as administration:
        administration.set_password("app", NEXT_PASSWORD)

    assert waited == [0.5, 1.0, 2.0][:delay_logins]
    assert server.world.passwords["APP"] == NEXT_PASSWORD


def test_change_that_never_comes_is_given_up(server: SimulatedDb2) -> None:
    server.world.delay_logins = 100
    waited: list[float] = []
    late = Db2(sleep=waited.append, pauses_seconds=(1.0, 2.0))

    with late.administer(versions(server).admin, versions(server).now) as administration:
        administration.set_password("app", NEXT_PASSWORD)

    assert waited == [1.0, 2.0]
    pending = versions(server).now.with_password(NEXT_PASSWORD)
    with pytest.raises(LoginRefusedError), late.login(pending):
        pass


def test_password_is_in_no_statement(server: SimulatedDb2) -> None:
    given = versions(server)
    SingleUser(engine()).apply(given.now.with_password(NEXT_PASSWORD), given)

    assert server.world.passwords["APP"] == NEXT_PASSWORD
    assert not [each for each in server.statements if NEXT_PASSWORD in each]


def test_administrator_who_is_none_changes_nothing(server: SimulatedDb2) -> None:
    given = versions(server)
    nobody = replace(given, admin=given.now)
    pending = given.now.with_password(NEXT_PASSWORD)

    with pytest.raises(MissingRightError, match="master user"):
        SingleUser(engine()).apply(pending, nobody)

    assert server.world.passwords["APP"] == PASSWORD
