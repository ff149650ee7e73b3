"""A bench for each test process; each test has functions of its own."""

from collections.abc import Iterator

import pytest

from support.function_bench import FunctionBench


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FunctionBench]:
    with FunctionBench.open(tmp_path_factory.mktemp("functions")) as opened:
        yield opened
