"""Real PostgreSQL servers of each kind that is here, and a simulated Secrets Manager."""

from collections.abc import Iterator

import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from support.postgres_server import PostgresServer, installed_programs, version_of
from support.rotation_bench import Bench
from support.simulated_secretsmanager import SimulatedSecretsManager

_NO_SERVER = pytest.param(
    None,
    id="none",
    marks=pytest.mark.skip(reason="NO POSTGRESQL SERVER HERE: install postgresql-15"),
)
_SERVERS = [pytest.param(path, id=version_of(path)) for path in installed_programs()]


@pytest.fixture(scope="session", params=_SERVERS or [_NO_SERVER])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PostgresServer]:
    folder = tmp_path_factory.mktemp("postgres") / "cluster"
    rules = (
        "host all trusted 127.0.0.1/32 trust",
        "host all clear 127.0.0.1/32 password",
        "host all shutout 127.0.0.1/32 reject",
        "host all oldtimer 127.0.0.1/32 md5",
    )
    with PostgresServer.start(folder, programs=request.param, rules=rules) as started:
        yield started


@pytest.fixture(scope="session")
def secrets_manager() -> Iterator[SimulatedSecretsManager]:
    with SimulatedSecretsManager.start() as started:
        yield started


@pytest.fixture
def client(secrets_manager: SimulatedSecretsManager) -> Iterator[SecretsManagerClient]:
    client = secrets_manager.client()
    yield client
    client.close()


@pytest.fixture
def bench(
    server: PostgresServer, secrets_manager: SimulatedSecretsManager, client: SecretsManagerClient
) -> Bench:
    return Bench(server=server, secrets_manager=secrets_manager, client=client)
