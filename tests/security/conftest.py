"""Engines to attack: one with sandboxes, one whose functions are bare processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keyturn.functions.execution.isolation import NoSandboxError, Wanted
from support.sandbox_attacks import Attacker


@pytest.fixture(scope="session")
def _engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacker]:
    try:
        with Attacker.open(tmp_path_factory.mktemp("sandboxed"), Wanted.BUBBLEWRAP) as opened:
            yield opened
    except NoSandboxError as error:
        pytest.skip(str(error))


@pytest.fixture
def sandboxed(_engine: Attacker) -> Iterator[Attacker]:
    """Attack from a sandbox; another function is to be served afterwards."""
    yield _engine
    assert _engine.neighbour_is_served()


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacker]:
    """Attack from a bare process, where it succeeds."""
    with Attacker.open(tmp_path_factory.mktemp("bare"), Wanted.NONE) as opened:
        yield opened


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Attacker]:
    """An engine that is this test's alone, to be attacked."""
    try:
        with Attacker.open(tmp_path, Wanted.BUBBLEWRAP) as opened:
            assert opened.neighbour_is_served()
            yield opened
            assert opened.neighbour_is_served()
    except NoSandboxError as error:
        pytest.skip(str(error))
