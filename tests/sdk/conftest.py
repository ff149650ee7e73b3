"""A running server for other people's clients, and what ``keyturn env`` tells a shell about it."""

from collections.abc import Mapping

import pytest

from support.keyturn_server import KeyturnServer
from support.live_fixtures import administrator, api, server

__all__ = ["administrator", "api", "server", "shell_variables"]


@pytest.fixture(scope="session")
def shell_variables(server: KeyturnServer) -> Mapping[str, str]:
    return server.environment()
