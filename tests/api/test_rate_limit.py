"""A server with a limit of requests a second: who is refused, how, and what that leaves untouched.

Its limit is one request in a thousand seconds, so that nothing is admitted again while a test
runs, however long it takes. A second server, at two a second, is for clients that try again.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/CommonErrors.html,
https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html and
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
import botocore.session
import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import (
    ACCOUNT,
    Answer,
    Caller,
    LiveApi,
    allow,
    policy,
    refusal,
    send,
    unique_region,
)
from support.polling import wait_until

pytestmark = pytest.mark.server

ONE_IN_A_THOUSAND_SECONDS = "0.001"
API_PROCESSES = 2
USERS = 18
ROLE = "shared"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"

THROTTLED = (400, "ThrottlingException", "Rate exceeded")
THROTTLED_BY_LAMBDA = (429, "TooManyRequestsException", "Rate exceeded")
THROTTLED_BY_QUERY = (400, "Throttling", "Rate exceeded")

# A call of each service, by the client's method.
CALLS = {
    "secretsmanager": "list_secrets",
    "logs": "describe_log_groups",
    "lambda": "list_functions",
    "iam": "list_users",
    "sts": "get_caller_identity",
}

NewUser = Callable[[], LiveApi]


@dataclass(frozen=True)
class Prepared:
    """A data directory with callers in it, made while there was no limit.

    Attributes:
        users: may do anything, each of them once.
        two_keys: two access keys of one user.
        powerless: may do nothing.
    """

    folder: Path
    users: list[Caller]
    two_keys: list[Caller]
    powerless: Caller


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("limited") / "data"
    with KeyturnServer.start(folder) as server:
        api = administrator_of(server)
        make_role(api)
        callers = [api.user(policy(allow("*"))) for _ in range(USERS + 1)]
        powerless = api.user()
        two_keys = [callers[0].caller, second_key_of(callers[0])]
        api.close()
    users = [user.caller for user in callers[1:]]
    return Prepared(folder, users, two_keys, powerless.caller)


def administrator_of(server: KeyturnServer) -> LiveApi:
    variables = server.environment()
    caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    return LiveApi(server.endpoint, caller, unique_region())


def make_role(api: LiveApi) -> None:
    account = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    trust = policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": account})
    api.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
    api.iam.put_role_policy(
        RoleName=ROLE, PolicyName="p", PolicyDocument=json.dumps(policy(allow("*")))
    )


def second_key_of(user: LiveApi) -> Caller:
    name = user.sts.get_caller_identity()["Arn"].rpartition("/")[2]
    key = user.iam.create_access_key(UserName=name)["AccessKey"]
    return Caller(key["AccessKeyId"], key["SecretAccessKey"])


@pytest.fixture(scope="module")
def limited(prepared: Prepared) -> Iterator[KeyturnServer]:
    arguments = (
        "--api-processes",
        str(API_PROCESSES),
        "--requests-per-second",
        ONE_IN_A_THOUSAND_SECONDS,
    )
    with KeyturnServer.start(prepared.folder, arguments=arguments) as server:
        yield server


@pytest.fixture(scope="module")
def unused_users(prepared: Prepared) -> Iterator[Caller]:
    return iter(prepared.users)


@pytest.fixture
def nobody(limited: KeyturnServer) -> Iterator[LiveApi]:
    """The limited server, for whoever acts; in a region of the test's own."""
    api = LiveApi(limited.endpoint, Caller("", ""), unique_region())
    yield api
    api.close()


@pytest.fixture
def new_user(nobody: LiveApi, unused_users: Iterator[Caller]) -> NewUser:
    """Return, each time, a user who hasn't sent any request yet."""
    return lambda: nobody.acting_as(next(unused_users))


def listing(api: LiveApi) -> Answer:
    """Send a ListSecrets over a connection of its own."""
    return api.post("ListSecrets", {})


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("secretsmanager", THROTTLED),
        ("logs", THROTTLED),
        ("lambda", THROTTLED_BY_LAMBDA),
        ("iam", THROTTLED_BY_QUERY),
        ("sts", THROTTLED_BY_QUERY),
    ],
)
def test_one_too_many_is_refused_in_each_service_s_words(
    new_user: NewUser, service: str, expected: tuple[int, str, str]
) -> None:
    call = getattr(new_user().client(service), CALLS[service])
    call()

    assert refusal(call) == expected


def test_lambda_says_which_of_its_limits_it_was(new_user: NewUser) -> None:
    user = new_user()
    user.functions.list_functions()

    with pytest.raises(ClientError) as refused:
        user.functions.list_functions()

    members: dict[str, Any] = {**refused.value.response}
    assert (members["Type"], members["Reason"]) == ("User", "CallerRateLimitExceeded")


def test_limit_is_one_for_all_services(new_user: NewUser) -> None:
    user = new_user()
    user.sts.get_caller_identity()

    assert listing(user).refusal == THROTTLED


def test_another_user_is_not_affected(new_user: NewUser) -> None:
    user, other = new_user(), new_user()

    statuses = [listing(user).status for _ in range(5)]

    assert statuses == [200, 400, 400, 400, 400]
    assert listing(other).status == 200


def test_access_keys_of_a_user_share_its_limit(nobody: LiveApi, prepared: Prepared) -> None:
    first, second = (nobody.acting_as(caller) for caller in prepared.two_keys)

    assert [listing(first).status, listing(second).status] == [200, 400]


def test_sessions_of_a_role_share_its_limit(new_user: NewUser) -> None:
    first, second = session_of(new_user()), session_of(new_user())

    assert listing(first).status == 200
    assert listing(second).refusal == THROTTLED


def session_of(user: LiveApi) -> LiveApi:
    keys = user.sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="me")["Credentials"]
    caller = Caller(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    return user.acting_as(caller)


def test_refused_write_changes_nothing(new_user: NewUser) -> None:
    writer, reader = new_user(), new_user()
    listing(writer)

    refused = refusal(writer.secrets.create_secret, Name="a", SecretString="x")

    assert refused == THROTTLED
    assert reader.secrets.list_secrets()["SecretList"] == []


def test_requests_that_are_not_proven_use_up_nobody_s_limit(new_user: NewUser) -> None:
    user = new_user()
    forger = user.acting_as(Caller(user.caller.access_key_id, "not the secret key"))

    codes = {listing(forger).refusal[1] for _ in range(5)}
    unsigned = send(user.request({}, target="secretsmanager.ListSecrets"))

    assert codes == {"InvalidSignatureException"}
    assert unsigned.refusal[1] == "MissingAuthenticationTokenException"
    assert listing(user).status == 200


def test_request_that_is_not_allowed_is_counted(nobody: LiveApi, prepared: Prepared) -> None:
    powerless = nobody.acting_as(prepared.powerless)

    codes = [listing(powerless).refusal[1] for _ in range(2)]

    assert codes == ["AccessDeniedException", "ThrottlingException"]


@contextmanager
def halted(pid: int) -> Iterator[None]:
    """Keep a process from running within the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        wait_until(lambda: state_of(pid) == "T", what="the process's halt")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def api_pids(server: KeyturnServer) -> list[int]:
    # The server says where it listens before it has started them.
    wait_until(lambda: len(_found(server)) == API_PROCESSES, what="the API processes")
    return _found(server)


def _found(server: KeyturnServer) -> list[int]:
    return [pid for name, pid in server.child_pids().items() if name.startswith("keyturn-api")]


def test_api_processes_share_the_limit(limited: KeyturnServer, new_user: NewUser) -> None:
    user = new_user()
    one, other = api_pids(limited)

    with halted(other):
        answer_of_one = listing(user)
    with halted(one):
        answer_of_other = listing(user)

    assert answer_of_one.status == 200
    assert answer_of_other.refusal == THROTTLED


def test_api_processes_that_are_started_again_know_who_was_admitted(
    limited: KeyturnServer, new_user: NewUser
) -> None:
    user, other = new_user(), new_user()
    listing(user)
    killed = set(api_pids(limited))

    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: len(set(_found(limited)) - killed) == API_PROCESSES, what="two API processes"
    )

    assert listing(user).refusal == THROTTLED
    assert listing(other).status == 200


@pytest.fixture(scope="module")
def at_two_a_second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveApi]:
    folder = tmp_path_factory.mktemp("slow") / "data"
    environment = {"KEYTURN_REQUESTS_PER_SECOND": "2"}
    with KeyturnServer.start(folder, environment=environment) as server:
        yield administrator_of(server)


@pytest.mark.parametrize("service", CALLS)
def test_sdk_that_tries_again_succeeds_in_the_end(at_two_a_second: LiveApi, service: str) -> None:
    client = patient_client(at_two_a_second, service)
    call = getattr(client, CALLS[service])

    answers = (call()["ResponseMetadata"] for _ in range(1000))
    first_tried_again = next(answer for answer in answers if answer["RetryAttempts"])

    assert first_tried_again["HTTPStatusCode"] == 200
    client.close()


def patient_client(api: LiveApi, service: str) -> Any:  # noqa: ANN401 - one type for each service
    return botocore.session.Session().create_client(
        service,
        region_name=api.region,
        endpoint_url=api.endpoint,
        aws_access_key_id=api.caller.access_key_id,
        aws_secret_access_key=api.caller.secret_access_key,
        config=Config(retries={"mode": "standard", "total_max_attempts": 10}),
    )


@pytest.mark.parametrize("text", ["0", "nan"])
def test_server_does_not_start_with_a_setting_that_is_no_rate(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "data"
    command = ("-m", "keyturn", "serve", "--port", "0", "--data-dir", str(folder))

    done = subprocess.run(
        [sys.executable, *command, "--requests-per-second", text],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("keyturn: The requests per second must be a number from ")
    assert len(done.stderr.splitlines()) == 1
    assert not folder.exists()
