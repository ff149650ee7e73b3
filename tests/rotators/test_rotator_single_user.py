"""Single-user rotation against real PostgreSQL servers."""

from typing import Any
import uuid

import pytest
from typing_extensions import override

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.errors import (
    DifferentTargetError,
    LoginRefusedError,
    PasswordRefusedError,
    UnreachableError,
)
from keyturn_rotators.steps import Step
from keyturn_rotators.strategies import SingleUser
from support.rotation_bench import FIRST_PASSWORD, Bench

pytestmark = pytest.mark.engine


class UntouchableEngine(Postgres):
    """An engine that nothing may log in with."""

    @override
    def login(self, credential: Credential) -> Any:
        raise AssertionError(f"a login was tried with {credential}")


def test_five_rotations_in_a_row_each_leave_a_login_that_works(bench: Bench) -> None:
    login = bench.login()
    seen = {FIRST_PASSWORD}

    for _ in range(5):
        bench.rotate(login.arn)

        current = bench.secrets_manager.document(login.arn)
        assert bench.is_live(login.arn)
        assert current["password"] not in seen
        assert not any(bench.server.accepts(login.username, password) for password in seen)
        seen.add(current["password"])


def test_a_rotation_ends_with_one_label_on_each_version(bench: Bench) -> None:
    login = bench.login()
    first = bench.secrets_manager.secrets[login.arn].stages["AWSCURRENT"]

    token = bench.rotate(login.arn)

    stages = bench.secrets_manager.secrets[login.arn].stages
    assert stages == {"AWSCURRENT": token, "AWSPREVIOUS": first}


def test_every_other_key_of_the_secret_is_kept(bench: Bench) -> None:
    login = bench.login(port=str(bench.server.port), masterarn="arn:x", note={"nested": [1]})
    before = bench.secrets_manager.document(login.arn)

    bench.rotate(login.arn)

    after = bench.secrets_manager.document(login.arn)
    assert {**after, "password": None} == {**before, "password": None}
    assert list(after) == list(before)


@pytest.mark.parametrize(
    "username",
    ['quo"te', "apo'strophe", "back\\slash", "MixedCase", "Ünïcødé \N{KEY}", "with space", "--"],
)
def test_any_role_name_is_rotated(bench: Bench, username: str) -> None:
    login = bench.login(f"{username} {uuid.uuid4().hex[:8]}")

    bench.rotate(login.arn)

    assert bench.is_live(login.arn)


@pytest.mark.parametrize(
    "password", ["'", '"', "\\", "';--", "%s", "ünï\N{KEY}", " ", "$1", "{}", "a=b c'd"]
)
def test_any_password_is_set(bench: Bench, password: str) -> None:
    login = bench.login()
    pending = bench.document(login.username, password)
    token = bench.secrets_manager.begin_rotation(login.arn, pending)

    bench.rotate(login.arn, token)

    assert bench.server.accepts(login.username, password)
    assert not bench.server.accepts(login.username, FIRST_PASSWORD)


def test_an_open_connection_is_not_dropped(bench: Bench) -> None:
    login = bench.login()

    with bench.server.connect(login.username, FIRST_PASSWORD) as connection:
        bench.rotate(login.arn)

        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_ordinary_rotation_tries_no_password_that_is_refused(bench: Bench) -> None:
    login = bench.login()
    before = bench.server.log.stat().st_size

    bench.rotate(login.arn)

    assert b"authentication failed" not in bench.server.log.read_bytes()[before:]


def test_a_current_password_that_is_wrong_is_reported_and_nothing_changes(bench: Bench) -> None:
    login = bench.login()
    bench.secrets_manager.put(login.arn, bench.document(login.username, "wrong"))
    bench.secrets_manager.secrets[login.arn].stages.pop("AWSPREVIOUS")

    with pytest.raises(LoginRefusedError, match=r"Unable to log into database .* with AWSCURRENT"):
        bench.rotate(login.arn)

    assert bench.server.accepts(login.username, FIRST_PASSWORD)
    assert bench.secrets_manager.document(login.arn)["password"] == "wrong"


def test_a_database_that_lost_its_last_change_is_recovered_with_previous(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    login = bench.login()
    bench.secrets_manager.put(login.arn, bench.document(login.username, "lost"))

    bench.rotate(login.arn)

    assert bench.is_live(login.arn)
    assert "recovered with AWSPREVIOUS" in caplog.text


@pytest.mark.parametrize("key", ["host", "port", "username", "dbname"])
def test_a_previous_version_for_another_place_recovers_nothing(bench: Bench, key: str) -> None:
    login = bench.login()
    elsewhere = {"host": "localhost", "port": 1, "username": "postgres", "dbname": "template1"}
    previous = bench.document(login.username, FIRST_PASSWORD) | {key: elsewhere[key]}
    bench.secrets_manager.put(login.arn, previous)
    bench.secrets_manager.put(login.arn, bench.document(login.username, "wrong"))

    with pytest.raises(LoginRefusedError, match="AWSCURRENT"):
        bench.rotate(login.arn)

    assert bench.server.accepts(login.username, FIRST_PASSWORD)


def test_a_database_that_is_down_is_not_asked_for_other_passwords(bench: Bench) -> None:
    login = bench.login(port=1)
    bench.secrets_manager.requests.clear()

    with pytest.raises(UnreachableError, match=r"Can't reach .* 127\.0\.0\.1:1"):
        bench.rotate(login.arn)

    read = [members for name, members in bench.secrets_manager.requests if name[:3] == "Get"]
    assert not any(members.get("VersionStage") == "AWSPREVIOUS" for members in read)


def test_a_password_that_the_server_refuses_says_so_and_changes_nothing(bench: Bench) -> None:
    login = bench.login()
    # PostgreSQL's own passwordcheck sees through a verifier only a password that is the name.
    bench.server.execute("ALTER SYSTEM SET session_preload_libraries = 'passwordcheck'")
    bench.server.execute("SELECT pg_reload_conf()")
    pending = bench.document(login.username, login.username)
    token = bench.secrets_manager.begin_rotation(login.arn, pending)

    try:
        with pytest.raises(PasswordRefusedError, match="refused the AWSPENDING password") as error:
            bench.rotate(login.arn, token)
    finally:
        bench.server.execute("ALTER SYSTEM RESET session_preload_libraries")
        bench.server.execute("SELECT pg_reload_conf()")

    assert "22023" in str(error.value)
    assert bench.server.accepts(login.username, FIRST_PASSWORD)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("host", "127.0.0.2"),
        ("port", 5432),
        ("username", "postgres"),
        ("dbname", "template1"),
        ("ssl", True),
    ],
)
def test_a_pending_version_for_another_place_is_refused_before_anything_is_sent(
    bench: Bench, key: str, value: object
) -> None:
    login = bench.login()
    pending = bench.document(login.username, "new") | {key: value}
    token = bench.secrets_manager.begin_rotation(login.arn, pending)
    rotation = bench.rotation(login.arn, token, SingleUser(UntouchableEngine()))

    with pytest.raises(DifferentTargetError, match=key) as error:
        rotation.run(Step.SET)

    assert error.value.keys == [key]


def test_a_port_and_a_database_may_be_spelt_otherwise(bench: Bench) -> None:
    login = bench.login()
    pending = bench.document(login.username, "new", dbname="postgres")
    pending["port"] = str(pending["port"])
    token = bench.secrets_manager.begin_rotation(login.arn, pending)

    bench.rotate(login.arn, token)

    assert bench.is_live(login.arn)


def test_no_password_reaches_a_log_that_holds_every_statement(bench: Bench) -> None:
    login = bench.login(password="canary-in-the-first-password")
    before = bench.server.log.stat().st_size

    bench.rotate(login.arn)
    bench.rotate(login.arn)

    logged = bench.server.log.read_text()[before:]
    assert "ALTER ROLE SESSION_USER PASSWORD 'SCRAM-SHA-256$" in logged
    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        assert bench.secrets_manager.document(login.arn, stage)["password"] not in logged
    assert "canary-in-the-first-password" not in logged


def test_configuration_test_logs_in_with_a_copy_of_current_and_changes_nothing(
    bench: Bench,
) -> None:
    login = bench.login()
    copy = bench.secrets_manager.document(login.arn)
    token = bench.secrets_manager.begin_rotation(login.arn, copy)

    bench.rotation(login.arn, token).run(Step.TEST)

    assert bench.server.accepts(login.username, FIRST_PASSWORD)
    assert bench.secrets_manager.document(login.arn) == copy
