"""Two hundred rotations of real passwords, while the engine is killed thirty times.

Everything is real: the server, the packaged function, PostgreSQL and SIGKILL. A seed says at which
of the steps the engine is killed; a failure names it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import json
from pathlib import Path
from random import Random  # noqa: TID251 - it comes in with its seed, so that a failure repeats
from secrets import randbits
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import select

from keyturn import commands
from keyturn.model.rotation import State, Step
from keyturn.rotation.history import RotationRecord
from keyturn.store.database import Database
from keyturn.store.rotation_steps import steps
from support.account import client, make_rotation_function
from support.engine_killer import EngineKiller
from support.keyturn_server import KeyturnServer
from support.polling import wait_until
from support.postgres_server import PostgresServer, installed_programs
from support.processes import command_lines
from support.version_prober import VersionProber

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

pytestmark = [
    pytest.mark.server,
    pytest.mark.engine,
    pytest.mark.skipif(not installed_programs(), reason="NO POSTGRESQL SERVER HERE"),
]

USERS: Final = [f"user{number}" for number in range(20)]
ROTATIONS_EACH: Final = 10
KILLS: Final = 30
STEPS: Final = len(USERS) * ROTATIONS_EACH * len(Step)
# Those that begin after the last kill are for the engine that follows it.
STEPS_WITH_KILLS: Final = STEPS - 50
SECONDS_MAX: Final = 300
MILLISECOND: Final = timedelta(milliseconds=1)
# What the server's log says of a request that it answered with a 5xx, and of a job that failed.
FAULTS: Final = ("request failed", "refusal without a fault", "failed; the", "runner failed")


@dataclass(kw_only=True)
class RotatedSecret:
    """A secret, and what became of it. ``version_ids`` begins with that of its first value."""

    name: str
    version_ids: list[str]
    rotated_at: list[datetime | None] = field(default_factory=lambda: [None])

    @property
    def is_done(self) -> bool:
        return len(self.rotated_at) > ROTATIONS_EACH


@dataclass(frozen=True, kw_only=True)
class Account:
    """The secrets of every user, the function that rotates them, and where it is noted."""

    store: Database
    api: "SecretsManagerClient"
    function: str
    secrets: dict[str, RotatedSecret]

    def rotate_all(self) -> None:
        """Rotate each secret again as soon as its last rotation is over."""
        for secret in self.secrets.values():
            self._rotate(secret)
        wait_until(self._are_done, what="the end of every rotation", seconds_max=SECONDS_MAX)

    def _are_done(self) -> bool:
        for listed in self.api.list_secrets(MaxResults=100)["SecretList"]:
            secret, rotated_at = self.secrets[listed["Name"]], listed.get("LastRotatedDate")
            if rotated_at != secret.rotated_at[-1]:
                secret.rotated_at.append(rotated_at)
                if not secret.is_done:
                    self._rotate(secret)
        # A kill must not cost an attempt: what a failed one waits for is a minute.
        assert self._failures() == []
        return all(secret.is_done for secret in self.secrets.values())

    def _failures(self) -> Sequence[str]:
        failed = select(steps.c.reason).where(steps.c.reason.is_not(None))
        with self.store.read() as connection:
            return connection.execute(failed).scalars().all()

    def _rotate(self, secret: RotatedSecret) -> None:
        answer = self.api.rotate_secret(
            SecretId=secret.name,
            RotationLambdaARN=self.function,
            RotationRules={"AutomaticallyAfterDays": 30},
        )
        secret.version_ids.append(answer["VersionId"])

    def credential(self, name: str, stage: str) -> dict[str, Any]:
        answer = self.api.get_secret_value(SecretId=name, VersionStage=stage)
        credential: dict[str, Any] = json.loads(answer["SecretString"])
        return credential


@pytest.fixture
def database(tmp_path: Path) -> Iterator[PostgresServer]:
    with PostgresServer.start(tmp_path / "postgres") as started:
        for user in USERS:
            started.make_role(user, first_password(user))
        yield started


@pytest.fixture
def server(tmp_path: Path) -> Iterator[KeyturnServer]:
    with KeyturnServer.start(tmp_path / "keyturn", arguments=("--api-processes", "2")) as started:
        yield started


@pytest.fixture
def store(server: KeyturnServer) -> Iterator[Database]:
    opened = Database(server.data_dir / "keyturn.db")
    yield opened
    opened.close()


@pytest.fixture
def account(
    tmp_path: Path, server: KeyturnServer, store: Database, database: PostgresServer
) -> Account:
    variables = server.environment()
    api = client(variables, "secretsmanager")
    made = {
        user: api.create_secret(Name=user, SecretString=json.dumps(credential(user, database)))
        for user in USERS
    }
    return Account(
        store=store,
        api=api,
        function=make_rotation_function(variables, "rotate", packaged_function(tmp_path)),
        secrets={
            user: RotatedSecret(name=user, version_ids=[answer["VersionId"]])
            for user, answer in made.items()
        },
    )


def first_password(user: str) -> str:
    return f"first-password-of-{user}"


def credential(user: str, database: PostgresServer) -> dict[str, object]:
    return {
        "engine": "postgres",
        "host": database.host,
        "port": database.port,
        "username": user,
        "password": first_password(user),
        "ssl": False,
    }


def packaged_function(folder: Path) -> bytes:
    made = folder / "function.zip"
    command = (*("function", "package", "postgres", "single-user"), "-o", str(made))
    subprocess.run([sys.executable, "-m", "keyturn", *command], check=True, capture_output=True)
    return made.read_bytes()


def test_200_rotations_end_well_although_the_engine_is_killed_30_times(
    server: KeyturnServer, account: Account, database: PostgresServer
) -> None:
    seed = randbits(32)
    print(f"the seed is {seed}")  # noqa: T201 - shown when the test fails
    random = Random(seed)  # noqa: S311 - nothing secret
    killer = EngineKiller(server, account.store, random.sample(range(1, STEPS_WITH_KILLS), KILLS))
    prober = VersionProber(client(server.environment(), "secretsmanager"), USERS, random)

    with ThreadPoolExecutor(2) as threads:
        under_way = [threads.submit(killer.run), threads.submit(prober.run)]
        try:
            account.rotate_all()
        finally:
            prober.stop()
    for each in under_way:
        each.result()
    prober.read_everything()

    histories = {user: history(server, user) for user in USERS}
    assert_every_rotation_succeeded_at_its_first_attempt(histories)
    assert_kills_hit_engines_at_work(killer, histories)
    for secret in account.secrets.values():
        assert_labels_and_dates_are_right(account, secret, histories[secret.name])
        assert_only_the_current_password_logs_in(account, secret, database)
    assert_no_version_had_two_values(prober, account)
    assert_server_is_clean(server)


def history(server: KeyturnServer, user: str) -> list[RotationRecord]:
    return commands.rotation_history(server.data_dir, user, most=100, region="us-east-1")


def assert_every_rotation_succeeded_at_its_first_attempt(
    histories: dict[str, list[RotationRecord]],
) -> None:
    rotations = [record.rotation for records in histories.values() for record in records]
    attempts = {
        step.attempt for each in histories.values() for record in each for step in record.steps
    }
    assert attempts == {1}
    assert Counter(rotation.state for rotation in rotations) == {
        State.SUCCEEDED: len(USERS) * ROTATIONS_EACH
    }
    assert {len(records) for records in histories.values()} == {ROTATIONS_EACH}


def assert_kills_hit_engines_at_work(
    killer: EngineKiller, histories: dict[str, list[RotationRecord]]
) -> None:
    records = [record for each in histories.values() for record in each]
    cut_off = Counter(
        step.step for record in records for step in record.steps if step.ended_at is None
    )
    print("steps cut off:", dict(cut_off))  # noqa: T201
    assert len(killer.kills) == KILLS
    assert all(kill.open_steps for kill in killer.kills)
    assert cut_off.keys() == set(Step)
    for record in records:
        # One that was cut off is repeated, and none is skipped.
        assert [step.step for step in record.steps if step.ended_at is not None] == list(Step)
    assert [kill.outlived for kill in killer.kills if kill.outlived] == []


def assert_labels_and_dates_are_right(
    account: Account, secret: RotatedSecret, records: Sequence[RotationRecord]
) -> None:
    described = account.api.describe_secret(SecretId=secret.name)
    listed = account.api.list_secret_version_ids(SecretId=secret.name, IncludeDeprecated=True)
    assert described["VersionIdsToStages"] == {
        secret.version_ids[-1]: ["AWSCURRENT"],
        secret.version_ids[-2]: ["AWSPREVIOUS"],
    }
    assert {each["VersionId"] for each in listed["Versions"]} == set(secret.version_ids)
    assert len(listed["Versions"]) == ROTATIONS_EACH + 1
    ended_at = records[0].rotation.ended_at
    assert ended_at is not None
    assert abs(described["LastRotatedDate"] - ended_at) < MILLISECOND


def assert_only_the_current_password_logs_in(
    account: Account, secret: RotatedSecret, database: PostgresServer
) -> None:
    current = account.credential(secret.name, "AWSCURRENT")
    previous = account.credential(secret.name, "AWSPREVIOUS")
    assert database.accepts(secret.name, current["password"])
    assert not database.accepts(secret.name, previous["password"])
    assert not database.accepts(secret.name, first_password(secret.name))


def assert_no_version_had_two_values(prober: VersionProber, account: Account) -> None:
    versions = {each for secret in account.secrets.values() for each in secret.version_ids}
    hashes = Counter(each for seen in prober.seen.values() for each in seen)
    assert prober.seen.keys() == versions
    assert {len(seen) for seen in prober.seen.values()} == {1}
    assert set(hashes.values()) == {1}
    # Each was read more than once, or nothing could have been noticed.
    assert prober.reads > 2 * len(versions)


def assert_server_is_clean(server: KeyturnServer) -> None:
    """Stop the server: nothing of it is left but its files, and it has no fault to tell of."""
    assert server.stop() == 0
    assert command_lines(containing=str(server.data_dir)) == []
    cache = server.data_dir / "cache"
    assert list((cache / "sandboxes" / "shown").iterdir()) == []
    assert len(list((cache / "code").iterdir())) == 1
    assert len(list((cache / "runtimes").iterdir())) == 1
    log = server.log.read_text()
    assert [line for line in log.splitlines() if any(fault in line for fault in FAULTS)] == []
    assert log.count("process died; starting it again") == KILLS
