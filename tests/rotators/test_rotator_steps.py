"""The guard before every step, and what each step does to the secret; no database is touched."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
import uuid

from botocore.exceptions import ClientError
import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.postgres import Postgres
from keyturn_rotators.errors import MissingKeyError, NotRotatableError
from keyturn_rotators.steps import Rotation, Step
from keyturn_rotators.strategies import SingleUser
from keyturn_rotators.target import Administration, Session
from keyturn_rotators.versions import SecretVersions
from support.no_rds import NO_RDS
from support.simulated_secretsmanager import SimulatedSecretsManager

DOCUMENT = {"engine": "postgres", "host": "h", "username": "app", "password": "first"}
WRITES = {"PutSecretValue", "UpdateSecretVersionStage"}


@dataclass(frozen=True)
class UntouchableEngine:
    defaults: Defaults = Postgres().defaults

    def login(self, credential: Credential) -> AbstractContextManager[Session]:
        raise AssertionError(f"a login was tried with {credential}")

    def administer(
        self, admin: Credential, current: Credential
    ) -> AbstractContextManager[Administration]:
        raise AssertionError(f"a login was tried with {admin} for {current}")


@dataclass(frozen=True)
class Attempt:
    """A rotation of one secret, against the simulation."""

    secrets_manager: SimulatedSecretsManager
    client: SecretsManagerClient
    arn: str

    def begin(self) -> str:
        return self.secrets_manager.begin_rotation(self.arn)

    def run(self, step: str, token: str, rotation_token: str | None = None) -> None:
        self.secrets_manager.requests.clear()
        versions = SecretVersions(
            client=self.client,
            secret_id=self.arn,
            token=token,
            rotation_token=rotation_token,
            defaults=Postgres().defaults,
            rds=NO_RDS,
        )
        Rotation(
            versions=versions,
            strategy=SingleUser(UntouchableEngine()),
            make_password=lambda _: uuid.uuid4().hex,
        ).run(step)

    def operations(self) -> list[str]:
        return [name for name, _ in self.secrets_manager.requests]

    def stages(self) -> dict[str, str]:
        return self.secrets_manager.secrets[self.arn].stages


@pytest.fixture
def attempt(secrets_manager: SimulatedSecretsManager, client: SecretsManagerClient) -> Attempt:
    return Attempt(secrets_manager, client, secrets_manager.create(DOCUMENT))


@pytest.mark.parametrize("step", list(Step))
def test_a_secret_whose_rotation_is_off_is_left_alone(attempt: Attempt, step: Step) -> None:
    token = attempt.begin()
    attempt.secrets_manager.secrets[attempt.arn].is_rotated = False

    with pytest.raises(NotRotatableError, match="Rotation isn't turned on"):
        attempt.run(step, token)

    assert attempt.operations() == ["DescribeSecret"]


@pytest.mark.parametrize("step", list(Step))
def test_a_token_that_is_no_version_is_refused(attempt: Attempt, step: Step) -> None:
    with pytest.raises(NotRotatableError, match="no version of this rotation"):
        attempt.run(step, str(uuid.uuid4()))

    assert attempt.operations() == ["DescribeSecret"]


@pytest.mark.parametrize("step", [*Step, "anything"])
def test_a_version_that_is_current_already_is_done(attempt: Attempt, step: str) -> None:
    attempt.run(step, attempt.stages()["AWSCURRENT"])

    assert attempt.operations() == ["DescribeSecret"]


@pytest.mark.parametrize("step", list(Step))
def test_a_version_that_lost_awspending_is_left_alone(attempt: Attempt, step: Step) -> None:
    token = attempt.begin()
    attempt.stages()["custom"] = attempt.stages().pop("AWSPENDING")

    with pytest.raises(NotRotatableError, match="isn't labelled AWSPENDING"):
        attempt.run(step, token)

    assert attempt.operations() == ["DescribeSecret"]


def test_an_unknown_step_is_refused_with_those_there_are(attempt: Attempt) -> None:
    with pytest.raises(NotRotatableError, match="'create_secret'; they are createSecret, "):
        attempt.run("create_secret", attempt.begin())


def test_create_stores_a_fresh_password_under_the_token(attempt: Attempt) -> None:
    token = attempt.begin()

    attempt.run(Step.CREATE, token)

    pending = attempt.secrets_manager.document(attempt.arn, "AWSPENDING")
    assert attempt.stages()["AWSPENDING"] == token
    assert {**pending, "password": "first"} == DOCUMENT
    assert pending["password"] != "first"
    assert attempt.secrets_manager.document(attempt.arn) == DOCUMENT


def test_create_keeps_the_value_that_it_finds(attempt: Attempt) -> None:
    token = attempt.begin()
    attempt.run(Step.CREATE, token)
    found = attempt.secrets_manager.document(attempt.arn, "AWSPENDING")

    attempt.run(Step.CREATE, token)

    assert attempt.secrets_manager.document(attempt.arn, "AWSPENDING") == found
    assert not WRITES & set(attempt.operations())


def test_create_accepts_that_another_run_came_first(attempt: Attempt) -> None:
    token = attempt.begin()
    # Between this run's look and its write, the other one writes.
    attempt.client.meta.events.register(
        "before-call.secretsmanager.PutSecretValue",
        lambda **_: attempt.secrets_manager.secrets[attempt.arn].values.update({token: '{"a":1}'}),
    )

    attempt.run(Step.CREATE, token)

    assert attempt.secrets_manager.document(attempt.arn, "AWSPENDING") == {"a": 1}


def test_only_not_found_means_that_there_is_no_pending_value(attempt: Attempt) -> None:
    token = attempt.begin()

    def refuse(params: dict[str, object], **_: object) -> None:
        if params.get("VersionStage") == "AWSPENDING":
            raise ClientError({"Error": {"Code": "DecryptionFailure"}}, "GetSecretValue")

    attempt.client.meta.events.register(
        "provide-client-params.secretsmanager.GetSecretValue", refuse
    )

    with pytest.raises(ClientError, match="DecryptionFailure"):
        attempt.run(Step.CREATE, token)

    assert not WRITES & set(attempt.operations())


def test_create_refuses_a_secret_without_a_value(attempt: Attempt) -> None:
    token = attempt.begin()
    del attempt.stages()["AWSCURRENT"]

    with pytest.raises(NotRotatableError, match="no AWSCURRENT value"):
        attempt.run(Step.CREATE, token)


def test_create_refuses_a_secret_that_lacks_a_key(attempt: Attempt) -> None:
    attempt.secrets_manager.put(attempt.arn, {"engine": "postgres", "username": "a"})

    with pytest.raises(MissingKeyError, match="host"):
        attempt.run(Step.CREATE, attempt.begin())

    assert not WRITES & set(attempt.operations())


def test_the_rotation_token_is_passed_on(attempt: Attempt) -> None:
    rotation_token = str(uuid.uuid4())

    attempt.run(Step.CREATE, attempt.begin(), rotation_token)

    put = dict(attempt.secrets_manager.requests)["PutSecretValue"]
    assert put["RotationToken"] == rotation_token


def test_a_boto3_that_knows_no_rotation_token_is_not_given_one(attempt: Attempt) -> None:
    model = attempt.client.meta.service_model.operation_model("PutSecretValue")
    shape = model.input_shape
    assert shape is not None
    known = shape.members.pop("RotationToken")

    try:
        attempt.run(Step.CREATE, attempt.begin(), str(uuid.uuid4()))
    finally:
        shape.members["RotationToken"] = known

    assert "RotationToken" not in dict(attempt.secrets_manager.requests)["PutSecretValue"]


@pytest.mark.parametrize("step", [Step.SET, Step.TEST])
def test_a_step_before_create_is_refused(attempt: Attempt, step: Step) -> None:
    with pytest.raises(NotRotatableError, match="has no value yet"):
        attempt.run(step, attempt.begin())


def test_finish_moves_current_and_takes_pending_off(attempt: Attempt) -> None:
    first = attempt.stages()["AWSCURRENT"]
    token = attempt.begin()
    attempt.run(Step.CREATE, token)

    attempt.run(Step.FINISH, token)

    assert attempt.stages() == {"AWSCURRENT": token, "AWSPREVIOUS": first}


def test_a_value_put_meanwhile_is_not_replaced(attempt: Attempt) -> None:
    token = attempt.begin()
    attempt.run(Step.CREATE, token)
    attempt.secrets_manager.put(attempt.arn, {**DOCUMENT, "password": "by hand"})

    with pytest.raises(NotRotatableError):
        attempt.run(Step.FINISH, token)

    assert attempt.secrets_manager.document(attempt.arn)["password"] == "by hand"
