"""Fixtures: a running server for each test process, and its administrator's API for each test.

A folder's ``conftest.py`` takes them with ``from support.live_fixtures import ...``.
"""

from collections.abc import Iterator

import pytest

from support.keyturn_server import KeyturnServer
from support.live_api import OTHER_ACCOUNT, Caller, LiveApi, unique_region
from support.live_rotation import Bench


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyturnServer]:
    folder = tmp_path_factory.mktemp("keyturn") / "data"
    with KeyturnServer.start(folder, arguments=("--api-processes", "2")) as started:
        yield started


@pytest.fixture(scope="session")
def administrator(server: KeyturnServer) -> Caller:
    variables = server.environment()
    return Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])


@pytest.fixture(scope="session")
def other_administrator(server: KeyturnServer) -> Caller:
    """The administrator of ``OTHER_ACCOUNT`` on the same server."""
    variables = server.create_account(OTHER_ACCOUNT)
    return Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])


@pytest.fixture
def api(server: KeyturnServer, administrator: Caller) -> Iterator[LiveApi]:
    """Everything is regional: in a region of its own, a test sees only what it made."""
    live = LiveApi(server.endpoint, administrator, unique_region())
    yield live
    live.close()


@pytest.fixture
def other(api: LiveApi, other_administrator: Caller) -> LiveApi:
    """The administrator of another account, in the same region."""
    return api.acting_as(other_administrator)


@pytest.fixture
def bench(api: LiveApi) -> Bench:
    """A secret ``a`` with the value ``old``."""
    return Bench(api, api.secrets.create_secret(Name="a", SecretString="old")["VersionId"])
