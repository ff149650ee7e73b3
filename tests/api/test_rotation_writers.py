"""Who may write to a rotation's pending version, over HTTP and with real functions.

A function of these tests gives its session away when it is asked to, so that a test can do at
leisure, while a step waits, what the function itself might do.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import json
from pathlib import Path
from typing import Any

import pytest

from support.live_api import Caller, LiveApi, allow, policy, refusal, token
from support.live_rotation import ROTATES, Bench
from support.polling import wait_until
from support.rotation_functions import FOUR_STEPS
from support.shared_folder import SharedFolder

pytestmark = pytest.mark.server

#: Notes each event, waits while it is told to, and does the steps as AWS's template has them.
HELD: str = (
    FOUR_STEPS.replace("def lambda_handler(", "def rotate(")
    + """
import json, os, time

def lambda_handler(event, context):
    if "Step" not in event:
        names = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
        return [os.environ[name] for name in names]
    FOLDER.write(event["Step"], json.dumps(event))
    while FOLDER.has("hold-" + event["Step"]):
        time.sleep(0.005)
    rotate(event, context)
"""
)
#: Rotates as AWS's templates do, but for createSecret, which it leaves to another function.
LEAVES_IT_TO_ANOTHER: str = (
    FOUR_STEPS.replace("def lambda_handler(", "def rotate(")
    + """
def lambda_handler(event, context):
    if event["Step"] == "createSecret":
        import json
        answer = boto3.client("lambda").invoke(
            FunctionName={other!r}, Payload=json.dumps(event).encode()
        )
        print("the other one answered", answer["Payload"].read().decode())
    rotate(event, context)
"""
)
STORES_FOR_ANOTHER: str = """
import boto3

def lambda_handler(event, context):
    client = boto3.client("secretsmanager")
    client.put_secret_value(SecretId=event["SecretId"], SecretString="from another function",
                            ClientRequestToken=event["ClientRequestToken"],
                            RotationToken=event["RotationToken"], VersionStages=["AWSPENDING"])
"""

WRONG_ROTATION_TOKEN = (
    400,
    "InvalidParameterException",
    (
        "The RotationToken isn't valid. Use the RotationToken and the ClientRequestToken of the "
        "event that Secrets Manager invoked the rotation function with, and only while that "
        "rotation is under way."
    ),
)


@dataclass(frozen=True)
class Held:
    """A rotation that waits at a step, and those who might meddle with it.

    Attributes:
        own: the rotation function's session.
        other: the session of another function that has the same role.
    """

    bench: Bench
    folder: Path
    function: str
    own: LiveApi
    other: LiveApi
    version_id: str
    step: str

    def event(self) -> dict[str, str]:
        event: dict[str, str] = json.loads((self.folder / self.step).read_text())
        return event

    def let_go(self) -> None:
        (self.folder / f"hold-{self.step}").unlink(missing_ok=True)

    def finish(self) -> None:
        self.let_go()
        self.bench.wait_until_rotated(self.version_id)


Hold = Callable[[str], Held]


@pytest.fixture
def hold(bench: Bench, tmp_path: Path) -> Iterator[Hold]:
    """Begins a rotation that waits at a step; it is let go at the end."""
    held: list[Held] = []

    def begin(step: str) -> Held:
        (tmp_path / f"hold-{step}").touch()
        role = bench.make_role()
        code = SharedFolder(tmp_path).client + HELD
        function = bench.make_function(code, role=role, timeout=60)
        other = bench.make_function(code, role=role, timeout=60)
        version_id = bench.rotate(function)
        wait_until((tmp_path / step).exists, what=step)
        own, another = session_of(bench.api, function), session_of(bench.api, other)
        held.append(Held(bench, tmp_path, function, own, another, version_id, step))
        return held[-1]

    yield begin
    for rotation in held:
        rotation.let_go()


def session_of(api: LiveApi, function: str) -> LiveApi:
    """Return the API as it is for a function's own session."""
    answer = api.functions.invoke(FunctionName=function, Payload=b"{}")
    return api.acting_as(Caller(*json.loads(answer["Payload"].read())))


def promotion(held: Held) -> dict[str, str]:
    return {
        "SecretId": "a",
        "VersionStage": "AWSCURRENT",
        "MoveToVersionId": held.version_id,
        "RemoveFromVersionId": held.bench.version_id,
    }


@pytest.mark.parametrize("step", ["createSecret", "setSecret", "testSecret"])
def test_rotation_function_can_not_promote_before_finish_secret(hold: Hold, step: str) -> None:
    held = hold(step)
    before = held.bench.described()

    refused = refusal(held.own.secrets.update_secret_version_stage, **promotion(held))

    assert refused == (
        400,
        "InvalidRequestException",
        (
            f"A rotation function can't make the new version AWSCURRENT during {step}, because "
            "testSecret has to accept it first. Store it with the VersionStages AWSPENDING, and "
            "move AWSCURRENT to it during finishSecret."
        ),
    )
    assert held.bench.described() == before
    assert held.bench.current() == "old"
    held.finish()


def test_rotation_function_promotes_during_finish_secret(hold: Hold) -> None:
    held = hold("finishSecret")

    held.own.secrets.update_secret_version_stage(**promotion(held))

    assert held.bench.stages()[held.version_id] == ["AWSCURRENT", "AWSPENDING"]


def test_rotation_function_stores_no_current_value(hold: Hold) -> None:
    held = hold("createSecret")
    before = held.bench.described()

    secrets = held.own.secrets
    forgotten = refusal(
        secrets.put_secret_value,
        SecretId="a",
        SecretString="untested",
        ClientRequestToken=held.version_id,
    )
    elsewhere = refusal(secrets.put_secret_value, SecretId="a", SecretString="elsewhere")

    assert forgotten[:2] == elsewhere[:2] == (400, "InvalidRequestException")
    assert "because testSecret has to accept it first" in forgotten[2]
    assert "(createSecret is under way)" in elsewhere[2]
    assert held.bench.described() == before
    held.finish()


def test_other_function_can_not_rotate(hold: Hold) -> None:
    held = hold("createSecret")
    before = held.bench.described()
    secrets = held.other.secrets
    pending = {"SecretId": "a", "ClientRequestToken": held.version_id, "SecretString": "x"}
    label = {"SecretId": "a", "VersionStage": "AWSPENDING"}
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (secrets.put_secret_value, pending | {"VersionStages": ["AWSPENDING"]}),
        (secrets.put_secret_value, pending),
        (secrets.put_secret_value, {**pending, "RotationToken": held.event()["RotationToken"]}),
        (
            secrets.put_secret_value,
            pending | {"ClientRequestToken": token(), "VersionStages": ["AWSPENDING"]},
        ),
        (secrets.update_secret_version_stage, promotion(held)),
        (
            secrets.update_secret_version_stage,
            label | {"RemoveFromVersionId": held.version_id},
        ),
    ]

    refusals = [refusal(call, **members) for call, members in calls]

    assert {refused[:2] for refused in refusals} == {(400, "InvalidRequestException")}
    for _, _, text in refusals:
        assert "You can't use the Lambda function arn:aws:lambda:" in text
        assert "(createSecret is under way)" in text
        assert "Make this request in the rotation function itself." in text
    assert held.bench.described() == before
    held.finish()


def test_other_function_may_write_other_versions(hold: Hold) -> None:
    held = hold("createSecret")

    stored = held.other.secrets.put_secret_value(
        SecretId="a", SecretString="x", VersionStages=["mine"]
    )

    assert stored["VersionStages"] == ["mine"]
    held.finish()


def test_operator_may_take_the_pending_label_away_and_promote(hold: Hold) -> None:
    held = hold("setSecret")

    held.bench.api.secrets.update_secret_version_stage(**promotion(held))
    held.bench.api.secrets.update_secret_version_stage(
        SecretId="a", VersionStage="AWSPENDING", RemoveFromVersionId=held.version_id
    )

    assert held.bench.stages()[held.version_id] == ["AWSCURRENT"]


def test_any_function_may_write_to_a_version_whose_rotation_was_cancelled(hold: Hold) -> None:
    held = hold("createSecret")
    held.bench.api.secrets.cancel_rotate_secret(SecretId="a")

    held.other.secrets.put_secret_value(
        SecretId="a",
        SecretString="x",
        ClientRequestToken=held.version_id,
        VersionStages=["AWSPENDING"],
    )

    assert held.bench.stages()[held.version_id] == ["AWSPENDING"]


def test_role_that_the_function_takes_on_stores_with_the_rotation_token(hold: Hold) -> None:
    held = hold("createSecret")
    taken_on = take_on_a_role(held)
    members: dict[str, Any] = {
        "SecretId": "a",
        "SecretString": "stored by the role",
        "ClientRequestToken": held.version_id,
        "VersionStages": ["AWSPENDING"],
        "RotationToken": held.event()["RotationToken"],
    }

    taken_on.secrets.put_secret_value(**members)

    held.finish()
    assert held.bench.current() == "stored by the role"
    assert refusal(taken_on.secrets.put_secret_value, **members) == WRONG_ROTATION_TOKEN


def take_on_a_role(held: Held) -> LiveApi:
    """Take on a further role as the rotation function does."""
    api, name = held.bench.api, f"{held.function.rpartition(':')[2]}-writer"
    execution_role = held.own.sts.get_caller_identity()["Arn"].split("/")[1]
    trusted = {"AWS": f"arn:aws:iam::123456789012:role/{execution_role}"}
    api.iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps(
            policy({"Effect": "Allow", "Principal": trusted, "Action": "sts:AssumeRole"})
        ),
    )
    api.iam.put_role_policy(
        RoleName=name, PolicyName="rotate", PolicyDocument=json.dumps(policy(ROTATES))
    )
    credentials = held.own.sts.assume_role(
        RoleArn=f"arn:aws:iam::123456789012:role/{name}", RoleSessionName="writer"
    )["Credentials"]
    return api.acting_as(
        Caller(
            credentials["AccessKeyId"],
            credentials["SecretAccessKey"],
            credentials["SessionToken"],
        )
    )


def test_wrong_rotation_token_is_refused_and_not_repeated(hold: Hold) -> None:
    held = hold("createSecret")
    pending = {
        "SecretId": "a",
        "SecretString": "x",
        "ClientRequestToken": held.version_id,
        "VersionStages": ["AWSPENDING"],
    }
    right = held.event()["RotationToken"]
    before = held.bench.described()

    for api in (held.bench.api, held.own):
        put = api.secrets.put_secret_value
        assert refusal(put, **pending, RotationToken=f"{right[:-1]}g") == WRONG_ROTATION_TOKEN
        assert refusal(put, **pending, RotationToken=token()) == WRONG_ROTATION_TOKEN
        other_version = pending | {"ClientRequestToken": token()}
        assert refusal(put, **other_version, RotationToken=right) == WRONG_ROTATION_TOKEN

    assert held.bench.described() == before
    held.finish()


def test_rotation_token_is_refused_for_a_secret_that_is_not_in_rotation(bench: Bench) -> None:
    assert (
        refusal(
            bench.api.secrets.put_secret_value,
            SecretId="a",
            SecretString="x",
            RotationToken=token(),
        )
        == WRONG_ROTATION_TOKEN
    )
    assert bench.current() == "old"


def test_rotation_function_can_not_leave_a_step_to_another_function(bench: Bench) -> None:
    role = role_that_may_invoke(bench)
    other = bench.make_function(STORES_FOR_ANOTHER, role=role)
    function = bench.make_function(LEAVES_IT_TO_ANOTHER.format(other=other), role=role)

    version_id = bench.rotate(function)
    bench.wait_until_rotated(version_id)

    bench.wait_for_log(function, "the other one answered")
    log = bench.log(function)
    assert "InvalidRequestException" in log
    assert f"You can't use the Lambda function {other} to rotate the secret" in log
    assert bench.current() != "from another function"


def role_that_may_invoke(bench: Bench) -> str:
    role = bench.make_role()
    bench.api.iam.put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="invoke",
        PolicyDocument=json.dumps(policy(allow("lambda:InvokeFunction"))),
    )
    return role


def test_policy_of_a_role_tells_its_functions_apart(bench: Bench, tmp_path: Path) -> None:
    role = bench.make_role(may_rotate=False)
    code = HELD.format(folder=str(tmp_path))
    named, other = (bench.make_function(code, role=role) for _ in range(2))
    reads = allow("secretsmanager:GetSecretValue") | {
        "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": named}}
    }
    bench.api.iam.put_role_policy(
        RoleName=role.rpartition("/")[2],
        PolicyName="read",
        PolicyDocument=json.dumps(policy(reads)),
    )

    value = session_of(bench.api, named).secrets.get_secret_value(SecretId="a")["SecretString"]
    refused = refusal(session_of(bench.api, other).secrets.get_secret_value, SecretId="a")

    assert value == "old"
    assert refused[1] == "AccessDeniedException"
