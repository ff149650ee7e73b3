"""A running server for each test process, and the API of its administrator for each test."""

from collections.abc import Iterator

import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import Caller, LiveApi, unique_region


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyturnServer]:
    folder = tmp_path_factory.mktemp("keyturn") / "data"
    with KeyturnServer.start(folder, arguments=("--api-processes", "2")) as started:
        yield started


@pytest.fixture(scope="session")
def administrator(server: KeyturnServer) -> Caller:
    variables = server.environment()
    return Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])


@pytest.fixture
def api(server: KeyturnServer, administrator: Caller) -> Iterator[LiveApi]:
    """Everything is regional: in a region of its own, a test sees only what it made."""
    live = LiveApi(server.endpoint, administrator, unique_region())
    yield live
    live.close()
