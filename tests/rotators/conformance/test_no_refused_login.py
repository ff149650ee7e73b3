"""An application that reads its secret and logs in is never refused, whenever it does so."""

from keyturn_rotators.steps import Step
from support.conformance_bench import ConformanceBench
from support.kits.kit import StrategyName
from support.login_prober import LoginProber

STRATEGIES = [StrategyName.ALTERNATING_USERS, StrategyName.DUAL_CREDENTIAL]
ROTATIONS = 50


def test_no_login_is_refused_through_50_rotations(bench: ConformanceBench) -> None:
    arn = bench.secret()

    with LoginProber.running(bench, arn) as prober:
        for _ in range(ROTATIONS):
            token = bench.secrets_manager.begin_rotation(arn)
            for step in Step:
                bench.run(arn, token, step)
                prober.await_login()

    assert prober.logins >= ROTATIONS * len(Step)
    assert prober.refused == []
