"""What every engine and strategy does in an ordinary rotation."""

import pytest

from keyturn_rotators.errors import DifferentTargetError, LoginRefusedError
from keyturn_rotators.steps import Step
from support.conformance_bench import ConformanceBench
from support.kits.kit import StrategyName

ROTATIONS = 5


def test_each_of_five_rotations_leaves_a_login_that_works(bench: ConformanceBench) -> None:
    arn = bench.secret()
    logins = [bench.login(arn)]

    for _ in range(ROTATIONS):
        bench.rotate(arn)
        logins.append(bench.login(arn))
        assert bench.kit.accepts(*logins[-1])

    assert len({password for _, password in logins}) == ROTATIONS + 1
    # Of a user that is changed in place one password is left, of others the one before as well.
    left = 1 if bench.name is StrategyName.SINGLE_USER else 2
    assert [bench.kit.accepts(*login) for login in logins] == [
        False,
        *[False] * (ROTATIONS - left),
        *[True] * left,
    ]


@pytest.mark.kit_has("has_passwords")
def test_alternating_users_take_turns_and_others_stay(bench: ConformanceBench) -> None:
    arn = bench.secret()
    users = [bench.login(arn)[0]]

    for _ in range(3):
        bench.rotate(arn)
        users.append(bench.login(arn)[0])

    assert users == [users[0], users[1]] * 2
    assert (users[0] != users[1]) == bench.is_alternating


def test_every_step_may_be_done_twice(bench: ConformanceBench) -> None:
    arn = bench.secret()
    token = bench.secrets_manager.begin_rotation(arn)

    for step in Step:
        bench.run(arn, token, step)
        bench.run(arn, token, step)

    assert bench.is_live(arn)
    assert bench.secrets_manager.secrets[arn].stages["AWSCURRENT"] == token


def test_login_that_works_passes_the_test_of_a_configuration(bench: ConformanceBench) -> None:
    arn = bench.secret()
    # AWS: RotateSecret with RotateImmediately false has a copy of AWSCURRENT tested.
    token = bench.secrets_manager.begin_rotation(arn, bench.secrets_manager.document(arn))

    bench.run(arn, token, Step.TEST)

    assert bench.is_live(arn)


def test_current_works_at_every_step_unless_its_only_password_is_replaced(
    bench: ConformanceBench,
) -> None:
    arn = bench.secret()
    token = bench.secrets_manager.begin_rotation(arn)
    works = []

    for step in Step:
        bench.run(arn, token, step)
        works.append(bench.is_live(arn))

    has_gap = bench.name is StrategyName.SINGLE_USER
    assert works == [True, not has_gap, not has_gap, True]


def test_abandoned_rotation_takes_nothing_from_the_next(bench: ConformanceBench) -> None:
    arn = bench.secret()
    abandoned = bench.secrets_manager.begin_rotation(arn)
    bench.run(arn, abandoned, Step.CREATE)
    if bench.name is not StrategyName.SINGLE_USER:
        bench.run(arn, abandoned, Step.SET)
    left_over = bench.login(arn, "AWSPENDING")

    token = bench.secrets_manager.begin_rotation(arn)
    for step in (Step.CREATE, Step.SET):
        bench.run(arn, token, step)

    has_gap = bench.name is StrategyName.SINGLE_USER
    assert bench.is_live(arn) is not has_gap
    assert bench.is_live(arn, "AWSPENDING")
    assert not bench.kit.accepts(*left_over)


def test_second_rotation_that_is_abandoned_takes_nothing_from_the_next(
    bench: ConformanceBench,
) -> None:
    arn = bench.secret()
    bench.rotate(arn)
    abandoned = bench.secrets_manager.begin_rotation(arn)
    bench.run(arn, abandoned, Step.CREATE)
    if bench.name is not StrategyName.SINGLE_USER:
        bench.run(arn, abandoned, Step.SET)

    bench.rotate(arn)
    bench.rotate(arn)

    assert bench.is_live(arn)


@pytest.mark.kit_has("odd_usernames")
def test_odd_user_name_is_rotated(bench: ConformanceBench, subtests: pytest.Subtests) -> None:
    for username in bench.kit.odd_usernames:
        with subtests.test(username):
            arn = bench.secret(username)
            first, _ = bench.login(arn)

            bench.rotate(arn)
            bench.rotate(arn)

            assert bench.is_live(arn)
            assert bench.login(arn)[0] == first


@pytest.mark.kit_has("odd_passwords")
def test_odd_password_is_replaced_and_may_be_the_new_one(
    bench: ConformanceBench, subtests: pytest.Subtests
) -> None:
    for password in bench.kit.odd_passwords:
        with subtests.test(password):
            arn = bench.secret(password=password)
            bench.rotate(arn)
            token = bench.secrets_manager.begin_rotation(arn, bench.proposed(arn, password))

            bench.rotate(arn, token)

            assert bench.is_live(arn)
            assert bench.login(arn)[1] == password


@pytest.mark.kit_has("has_passwords")
def test_wrong_current_password_changes_nothing(bench: ConformanceBench) -> None:
    arn = bench.secret()
    username, _ = bench.login(arn)
    bench.kit.set_password(username, bench.kit.other_password)
    token = bench.secrets_manager.begin_rotation(arn)
    bench.run(arn, token, Step.CREATE)
    bench.proxy.forget()

    with pytest.raises(LoginRefusedError, match="AWSCURRENT"):
        bench.run(arn, token, Step.SET)

    assert bench.kit.accepts(username, bench.kit.other_password)
    assert not bench.is_live(arn, "AWSPENDING")
    admin = bench.kit.admin_document()["username"]
    assert admin.encode() not in bench.proxy.sent


@pytest.mark.kit_has("has_passwords")
def test_database_that_lost_its_last_change_is_recovered(bench: ConformanceBench) -> None:
    arn = bench.secret()
    bench.rotate(arn)
    username, _ = bench.login(arn)
    _, previous = bench.login(arn, "AWSPREVIOUS")
    bench.kit.set_password(username, previous)

    if bench.is_alternating:
        with pytest.raises(LoginRefusedError):
            bench.rotate(arn)
        return
    bench.rotate(arn)

    assert bench.is_live(arn)
    keeps_two = bench.name is StrategyName.DUAL_CREDENTIAL
    assert bench.kit.accepts(username, previous) is keeps_two


@pytest.mark.parametrize("step", [Step.SET, Step.TEST, Step.FINISH])
def test_pending_value_for_elsewhere_is_refused_at_every_step(
    bench: ConformanceBench, step: Step, subtests: pytest.Subtests
) -> None:
    arn = bench.secret()
    proposed = bench.proposed(arn)
    bench.proxy.forget()

    for key, value in bench.kit.elsewhere.items():
        token = bench.secrets_manager.begin_rotation(arn, {**proposed, key: value})
        with subtests.test(key), pytest.raises(DifferentTargetError, match=key):
            bench.run(arn, token, step)

    assert not bench.proxy.sent
