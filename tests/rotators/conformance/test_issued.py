"""Targets that make what logs in: what is withdrawn was made for the secret, and nothing else."""

import pytest

from keyturn_rotators.errors import LoginRefusedError, NoRoomError, NotRotatableError
from keyturn_rotators.steps import Step
from support.conformance_bench import ConformanceBench
from support.kits.kit import IssuingKit

pytestmark = pytest.mark.kit_lacks("has_passwords")


def kit_of(bench: ConformanceBench) -> IssuingKit:
    assert isinstance(bench.kit, IssuingKit)
    return bench.kit


def issued(bench: ConformanceBench, arn: str) -> set[str]:
    return kit_of(bench).issued(bench.secrets_manager.document(arn))


def test_each_rotation_issues_another_and_withdraws_the_one_before_the_last(
    bench: ConformanceBench,
) -> None:
    arn = bench.secret()
    names = [bench.login(arn)[0]]

    for _ in range(3):
        bench.rotate(arn)
        names.append(bench.login(arn)[0])
        assert issued(bench, arn) == set(names[-2:])

    assert len(set(names)) == len(names)


def test_current_that_somebody_else_withdrew_is_named_and_nothing_is_issued(
    bench: ConformanceBench,
) -> None:
    arn = bench.secret()
    kit_of(bench).withdraw(bench.secrets_manager.document(arn))

    with pytest.raises(LoginRefusedError, match="AWSCURRENT"):
        bench.rotate(arn)

    assert issued(bench, arn) == set()


def test_previous_goes_on_where_somebody_else_withdrew_current(bench: ConformanceBench) -> None:
    arn = bench.secret()
    bench.rotate(arn)
    kit_of(bench).withdraw(bench.secrets_manager.document(arn))

    bench.rotate(arn)

    assert bench.is_live(arn)


def test_what_was_issued_to_somebody_else_is_left_alone(bench: ConformanceBench) -> None:
    arn = bench.secret()
    strangers = kit_of(bench).issue_another(bench.secrets_manager.document(arn))
    token = bench.secrets_manager.begin_rotation(arn)
    # Targets tell whole seconds, and what comes in the rotation's own is taken for its leftover.
    bench.secrets_manager.secrets[arn].created_at[token] += 2

    if kit_of(bench).is_full_with_two:
        with pytest.raises(NoRoomError):
            bench.rotate(arn, token)
    else:
        bench.rotate(arn, token)

    assert bench.kit.accepts(*strangers)
    assert bench.is_live(arn)


def test_pending_value_that_is_the_current_one_is_refused(bench: ConformanceBench) -> None:
    arn = bench.secret()
    token = bench.secrets_manager.begin_rotation(arn, bench.secrets_manager.document(arn))

    with pytest.raises(NotRotatableError, match="the one to replace"):
        bench.run(arn, token, Step.SET)
