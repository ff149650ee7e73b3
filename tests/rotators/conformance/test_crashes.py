"""A function may die at any message to the server; the next attempt has to end right."""

from itertools import count

import pytest

from keyturn_rotators.errors import RotationError
from keyturn_rotators.steps import Step
from support.conformance_bench import ConformanceBench
from support.kits.kit import IssuingKit, StrategyName


@pytest.mark.kit_has("is_crashed")
def test_rotation_that_died_at_any_message_and_is_resumed_ends_right(
    bench: ConformanceBench,
) -> None:
    for place in count():
        arn = bench.secret()
        if not _dies_at(place, bench, arn):
            break

    # Before and after each message of a login, a change and a test, at the least.
    assert place > 2 * 3


@pytest.mark.kit_has("is_crashed")
def test_second_rotation_that_died_at_any_message_and_is_resumed_ends_right(
    bench: ConformanceBench,
) -> None:
    # Before a message the server is as it was when it had answered the one before: these are all
    # the states that it can be left in. That the function dies before one has its test above.
    for place in count(1, 2):
        arn = bench.secret()
        bench.rotate(arn)
        if not _dies_at(place, bench, arn):
            break

    assert place > 2 * 3


def _dies_at(place: int, bench: ConformanceBench, arn: str) -> bool:
    """Rotate, die at a place and rotate on; return whether the rotation was that long."""
    current = bench.login(arn)
    token = bench.secrets_manager.begin_rotation(arn)
    bench.proxy.arm(place)
    try:
        for step in Step:
            bench.run(arn, token, step)
    except RotationError:
        assert bench.proxy.has_cut
        _check_after_crash(bench, arn, current)
    bench.proxy.disarm()

    bench.rotate(arn, token)

    assert bench.is_live(arn)
    assert bench.login(arn, "AWSPREVIOUS") == current
    assert bench.kit.can(*bench.login(arn), bench.kit.powers[0])
    assert not bench.kit.can(*bench.login(arn), bench.kit.powers[1])
    if isinstance(bench.kit, IssuingKit):
        left = {bench.login(arn)[0], current[0]}
        assert bench.kit.issued(bench.secrets_manager.document(arn)) == left
    return bench.proxy.has_cut


def _check_after_crash(bench: ConformanceBench, arn: str, current: tuple[str, str]) -> None:
    if bench.name is StrategyName.SINGLE_USER:
        # The gap of a single user is the only time when AWSCURRENT may be refused.
        assert bench.is_live(arn) or bench.is_live(arn, "AWSPENDING")
    else:
        assert bench.kit.accepts(*current)
    if bench.is_alternating and bench.is_live(arn, "AWSPENDING"):
        assert not bench.kit.can(*bench.login(arn, "AWSPENDING"), bench.kit.powers[1])
