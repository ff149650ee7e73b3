"""CloudWatch Logs for each test, on a store that a module's tests share."""

import pytest

from support.logs_bench import LogsBench


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> LogsBench:
    return LogsBench(tmp_path_factory.mktemp("logs"))


@pytest.fixture
def bench(shared: LogsBench) -> LogsBench:
    return shared.fresh()
