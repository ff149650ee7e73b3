"""Every engine that has a kit, with each of its strategies."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
import importlib
from types import ModuleType

import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from support.conformance_bench import ConformanceBench
from support.cutting_proxy import CuttingProxy
from support.kits.kit import Kit, StrategyName
from support.kits.registry import KITS
from support.simulated_secretsmanager import SimulatedSecretsManager

Case = tuple[str, StrategyName]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for ``bench`` each engine and strategy."""
    if "case" in metafunc.fixturenames:
        only = getattr(metafunc.module, "STRATEGIES", list(StrategyName))
        cases = [case for name in KITS for case in _cases(name, metafunc, only)]
        metafunc.parametrize("case", cases)


def _cases(name: str, metafunc: pytest.Metafunc, only: Sequence[StrategyName]) -> Iterator[object]:
    """Yield an engine's cases, without those that a test is not about.

    A module's ``STRATEGIES`` are those that its tests are about; a test marked ``kit_has(NAME)``
    is about the kits in which that attribute isn't empty, ``kit_lacks(NAME)`` about the others.
    """
    module = _module(name)
    asked = [
        (mark.args[0], is_needed)
        for name, is_needed in (("kit_has", True), ("kit_lacks", False))
        for mark in metafunc.definition.iter_markers(name)
    ]
    if any(bool(getattr(module.KIT, attribute)) != is_needed for attribute, is_needed in asked):
        return
    marks = [pytest.mark.engine]
    if missing := module.missing():
        marks.append(pytest.mark.skip(reason=f"NO SERVER HERE FOR {name}: install {missing}"))
    for strategy in [each for each in module.KIT.strategies if each in only]:
        yield pytest.param((name, strategy), id=f"{name}-{strategy}", marks=marks)


def _module(name: str) -> ModuleType:
    return importlib.import_module(KITS[name])


@pytest.fixture(scope="session")
def kit_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Kit]]:
    """Return the kit of an engine; its server runs from then on."""
    started: dict[str, Kit] = {}
    with ExitStack() as stack:

        def find(name: str) -> Kit:
            if name not in started:
                folder = tmp_path_factory.mktemp(name) / "server"
                started[name] = stack.enter_context(_module(name).start(folder))
            return started[name]

        yield find


@pytest.fixture
def bench(
    case: Case,
    kit_of: Callable[[str], Kit],
    secrets_manager: SimulatedSecretsManager,
    client: SecretsManagerClient,
) -> Iterator[ConformanceBench]:
    """Return a bench with a proxy of its own."""
    name, strategy = case
    kit = kit_of(name)
    with kit.driver(), CuttingProxy.start(kit.address) as proxy:
        yield ConformanceBench(
            kit=kit,
            name=strategy,
            proxy=proxy,
            secrets_manager=secrets_manager,
            client=client,
        )
