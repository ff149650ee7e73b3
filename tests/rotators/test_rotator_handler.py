"""The function as Lambda calls it, and what it logs."""

from collections.abc import Iterator
import io
import logging
import uuid

import pytest

from keyturn_rotators import handler
from keyturn_rotators.engines.postgres import ROLE_NAME_BYTES_MAX, Postgres
from keyturn_rotators.errors import (
    LoginRefusedError,
    NotRotatableError,
    SecretsManagerUnreachableError,
    SettingError,
    UsernameTooLongError,
)
from keyturn_rotators.logs import keep_values_out
from keyturn_rotators.steps import Step
from keyturn_rotators.strategies import AlternatingUsers
from keyturn_rotators.templates import postgres_alternating_users as alternating_users
from keyturn_rotators.templates.postgres_single_user import lambda_handler
from support.postgres_server import ADMIN, ADMIN_PASSWORD
from support.rotation_bench import Bench, Login

pytestmark = pytest.mark.engine
CANARY = "canary-in-the-first-password"


@pytest.fixture(autouse=True)
def lambda_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSIMULATED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "simulated")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", bench.secrets_manager.endpoint)
    handler.secrets_manager.cache_clear()
    yield
    handler.secrets_manager().close()
    handler.secrets_manager.cache_clear()


@pytest.fixture
def everything_logged() -> Iterator[io.StringIO]:
    """All that is logged while the root logger is at DEBUG."""
    text = io.StringIO()
    stream = logging.StreamHandler(text)
    root = logging.getLogger()
    level = root.level
    root.addHandler(stream)
    root.setLevel(logging.DEBUG)
    yield text
    root.removeHandler(stream)
    root.setLevel(level)


def events(arn: str, token: str) -> Iterator[dict[str, str]]:
    for step in Step:
        yield {
            "Step": step.value,
            "SecretId": arn,
            "ClientRequestToken": token,
            "RotationToken": str(uuid.uuid4()),
        }


def rotate(bench: Bench, login: Login) -> str:
    token = bench.secrets_manager.begin_rotation(login.arn)
    for event in events(login.arn, token):
        lambda_handler(event, None)
    return token


def test_the_four_events_rotate_the_secret(bench: Bench) -> None:
    login = bench.login()

    token = rotate(bench, login)

    assert bench.secrets_manager.secrets[login.arn].stages["AWSCURRENT"] == token
    assert bench.is_live(login.arn)


def test_no_value_is_logged_also_under_debug(
    bench: Bench, everything_logged: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    login = bench.login(password=CANARY)

    rotate(bench, login)

    current = bench.secrets_manager.document(login.arn)["password"]
    written = everything_logged.getvalue() + "".join(capfd.readouterr())
    assert CANARY not in written
    assert current not in written
    assert "SCRAM-SHA-256$" not in written


def test_the_loggers_that_are_held_back_would_tell_values(
    bench: Bench, everything_logged: io.StringIO
) -> None:
    login = bench.login(password=CANARY)
    keep_values_out()
    logging.getLogger("botocore").setLevel(logging.DEBUG)

    bench.client.get_secret_value(SecretId=login.arn)

    assert CANARY in everything_logged.getvalue()


def test_a_failing_step_logs_and_says_no_value(
    bench: Bench, everything_logged: io.StringIO
) -> None:
    login = bench.login()
    bench.secrets_manager.put(login.arn, bench.document(login.username, CANARY))
    bench.secrets_manager.put(login.arn, bench.document(login.username, CANARY + "-2"))
    token = bench.secrets_manager.begin_rotation(login.arn)
    create, change, *_ = events(login.arn, token)
    lambda_handler(create, None)

    try:
        lambda_handler(change, None)
    except LoginRefusedError:
        logging.getLogger("test").exception("as Lambda logs it")

    assert "Unable to log into database" in everything_logged.getvalue()
    assert CANARY not in everything_logged.getvalue()


def test_each_step_is_logged_with_secret_and_token(
    bench: Bench, everything_logged: io.StringIO
) -> None:
    login = bench.login()

    token = rotate(bench, login)

    lines = everything_logged.getvalue().splitlines()
    for step in Step:
        for word in ("begun", "finished"):
            assert f"{step}: {word}, secret={login.arn} token={token}" in lines


@pytest.mark.parametrize("member", ["SecretId", "ClientRequestToken", "Step"])
def test_an_event_without_a_member_is_refused_by_name(member: str) -> None:
    event = next(events("arn", str(uuid.uuid4())))
    del event[member]

    with pytest.raises(NotRotatableError, match=f"The event has no {member}"):
        lambda_handler(event, None)


def test_a_wrong_setting_fails_the_configuration_test_already(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = bench.login()
    token = bench.secrets_manager.begin_rotation(login.arn)
    monkeypatch.setenv("PASSWORD_LENGTH", "many")

    with pytest.raises(SettingError, match="PASSWORD_LENGTH"):
        lambda_handler(
            {"Step": "testSecret", "SecretId": login.arn, "ClientRequestToken": token}, None
        )


def test_an_endpoint_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRETS_MANAGER_ENDPOINT", "http://127.0.0.1:1")

    with pytest.raises(SecretsManagerUnreachableError, match=r"http://127\.0\.0\.1:1"):
        lambda_handler(next(events("arn", str(uuid.uuid4()))), None)


def test_drift_of_alternating_users_is_reported_by_an_invocation_of_its_own(bench: Bench) -> None:
    admin = bench.secrets_manager.create(bench.document(ADMIN, ADMIN_PASSWORD))
    login = bench.login(masterarn=admin)
    token = bench.secrets_manager.begin_rotation(login.arn)
    for event in events(login.arn, token):
        assert alternating_users.lambda_handler(event, None) is None
    bench.server.execute(f'ALTER ROLE "{login.username}" CONNECTION LIMIT 3')

    report = alternating_users.lambda_handler({"Step": "reportDrift", "SecretId": login.arn}, None)

    assert report == {
        "Model": f"{login.username}_clone",
        "Follower": login.username,
        "Missing": ["attribute CONNECTION LIMIT -1"],
        "Surplus": [],
    }


def test_limit_of_user_names_is_the_environments(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = bench.login()
    token = bench.secrets_manager.begin_rotation(login.arn)
    create = next(events(login.arn, token))
    needed = len(f"{login.username}_clone")

    monkeypatch.setenv("USERNAME_CHARACTER_LIMIT", str(needed - 1))
    with pytest.raises(UsernameTooLongError, match=f"may be {len(login.username) - 1} "):
        alternating_users.lambda_handler(create, None)
    monkeypatch.setenv("USERNAME_CHARACTER_LIMIT", str(needed))
    alternating_users.lambda_handler(create, None)

    pending = bench.secrets_manager.document(login.arn, "AWSPENDING")
    assert pending["username"] == f"{login.username}_clone"


def test_limit_of_user_names_raises_no_database_s_own() -> None:
    strategy = AlternatingUsers(Postgres(), username_length_max=1000)

    with pytest.raises(UsernameTooLongError):
        strategy.other("a" * ROLE_NAME_BYTES_MAX)


@pytest.mark.parametrize("limit", ["0", "-1", "many", "\N{ARABIC-INDIC DIGIT NINE}"])
def test_limit_of_user_names_that_is_no_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setenv("USERNAME_CHARACTER_LIMIT", limit)

    with pytest.raises(SettingError, match="USERNAME_CHARACTER_LIMIT"):
        alternating_users.lambda_handler(next(events("arn", str(uuid.uuid4()))), None)


def test_drift_of_a_single_user_is_refused_by_name(bench: Bench) -> None:
    login = bench.login()

    with pytest.raises(NotRotatableError, match="reportDrift is about two users"):
        lambda_handler({"Step": "reportDrift", "SecretId": login.arn}, None)


def test_password_policy_of_the_secret_comes_before_the_environments(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD_LENGTH", "40")
    monkeypatch.setenv("EXCLUDE_PUNCTUATION", "true")
    login = bench.login(passwordPolicy={"PasswordLength": 50, "ExcludeNumbers": True})

    rotate(bench, login)

    document = bench.secrets_manager.document(login.arn)
    assert len(document["password"]) == 50
    assert document["password"].isalpha()
    assert document["passwordPolicy"] == {"PasswordLength": 50, "ExcludeNumbers": True}
