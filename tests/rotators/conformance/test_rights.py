"""Alternating users have the same rights, also when those change between rotations."""

from keyturn_rotators.strategies import AlternatingUsers
from support.conformance_bench import ConformanceBench
from support.kits.kit import StrategyName

STRATEGIES = [StrategyName.ALTERNATING_USERS]


def test_right_that_is_granted_between_rotations_is_kept(bench: ConformanceBench) -> None:
    arn = bench.secret()
    granted = bench.kit.powers[1]
    for _ in range(3):
        username, _ = bench.login(arn)
        bench.kit.allow(username, granted)

        bench.rotate(arn)

        assert bench.kit.can(*bench.login(arn), granted)
        assert bench.kit.can(*bench.login(arn, "AWSPREVIOUS"), granted)


def test_right_that_is_revoked_between_rotations_is_gone(bench: ConformanceBench) -> None:
    arn = bench.secret()
    first, second = bench.kit.powers
    owner, _ = bench.login(arn)
    bench.kit.allow(owner, second)
    bench.rotate(arn)
    bench.rotate(arn)

    bench.kit.forbid(owner, second)
    bench.rotate(arn)

    for stage in ("AWSCURRENT", "AWSPREVIOUS"):
        assert bench.kit.can(*bench.login(arn, stage), first)
        assert not bench.kit.can(*bench.login(arn, stage), second)


def test_drift_is_told_and_left_alone(bench: ConformanceBench) -> None:
    arn = bench.secret()
    bench.rotate(arn)
    bench.rotate(arn)
    strategy = bench.strategy
    assert isinstance(strategy, AlternatingUsers)
    assert not strategy.drift(bench.versions(arn))
    other, password = bench.login(arn, "AWSPREVIOUS")
    bench.kit.allow(other, bench.kit.powers[1])
    could = bench.kit.can(other, password, bench.kit.powers[1])

    drift = strategy.drift(bench.versions(arn))

    assert [right for right in drift.surplus if bench.kit.powers[1] in str(right)]
    assert bench.kit.can(other, password, bench.kit.powers[1]) is could


def test_drift_of_a_user_that_has_no_clone_yet_is_everything(bench: ConformanceBench) -> None:
    arn = bench.secret()
    strategy = bench.strategy
    assert isinstance(strategy, AlternatingUsers)

    drift = strategy.drift(bench.versions(arn))

    assert drift.missing
    assert not drift.surplus
