"""What goes wrong at the target, and what is left then."""

import pytest

from keyturn_rotators.errors import (
    AdminLoginRefusedError,
    AdminSecretError,
    ConnectionLostError,
    EncryptionError,
    MissingRightError,
    PasswordRefusedError,
    RightsDifferError,
    UnreachableError,
)
from keyturn_rotators.steps import Step
from support.conformance_bench import ConformanceBench


def created(bench: ConformanceBench, arn: str) -> str:
    """Begin a rotation and do its first step; return its token."""
    token = bench.secrets_manager.begin_rotation(arn)
    bench.run(arn, token, Step.CREATE)
    return token


def assert_nothing_changed(bench: ConformanceBench, arn: str) -> None:
    assert bench.is_live(arn)
    assert not bench.is_live(arn, "AWSPENDING")


@pytest.mark.parametrize("step", [Step.SET, Step.TEST])
def test_target_that_is_down_is_named_and_can_be_rotated_when_it_is_up(
    bench: ConformanceBench, step: Step
) -> None:
    arn = bench.secret()
    token = created(bench, arn)
    if step is Step.TEST:
        bench.run(arn, token, Step.SET)

    with (
        bench.proxy.down(),
        pytest.raises((UnreachableError, ConnectionLostError), match=str(bench.proxy.port)),
    ):
        bench.run(arn, token, step)

    bench.rotate(arn, token)
    assert bench.is_live(arn)


def test_tls_that_is_asked_for_and_absent_sends_nothing_secret(bench: ConformanceBench) -> None:
    arn = bench.secret(ssl=True)
    _, password = bench.login(arn)
    token = bench.secrets_manager.begin_rotation(arn)
    bench.proxy.forget()

    with bench.kit.without_tls(), pytest.raises(EncryptionError):
        bench.rotate(arn, token)

    assert_nothing_changed(bench, arn)
    assert password.encode() not in bench.proxy.sent


@pytest.mark.kit_has("refused_password")
def test_password_that_the_target_refuses_is_named(bench: ConformanceBench) -> None:
    assert bench.kit.refused_password is not None
    arn = bench.secret()
    proposed = bench.proposed(arn, bench.kit.refused_password)
    token = bench.secrets_manager.begin_rotation(arn, proposed)

    with pytest.raises(PasswordRefusedError) as caught:
        bench.run(arn, token, Step.SET)

    assert_nothing_changed(bench, arn)
    assert bench.kit.refused_password not in str(caught.value)
    bench.rotate(arn)
    assert bench.is_live(arn)


def test_admin_is_asked_only_where_it_is_needed(bench: ConformanceBench) -> None:
    arn = bench.secret(admin=bench.kit.weak_admin_document())
    token = created(bench, arn)

    if bench.needs_admin:
        with pytest.raises((MissingRightError, RightsDifferError)):
            bench.run(arn, token, Step.SET)
        assert_nothing_changed(bench, arn)
    else:
        bench.rotate(arn, token)
        assert bench.is_live(arn)


def test_admin_with_another_password_is_named(bench: ConformanceBench) -> None:
    arn = bench.secret(admin={**bench.kit.admin_document(), "password": "another"})
    token = created(bench, arn)

    if bench.needs_admin:
        with pytest.raises(AdminLoginRefusedError):
            bench.run(arn, token, Step.SET)
        assert_nothing_changed(bench, arn)
    else:
        bench.rotate(arn, token)
        assert bench.is_live(arn)


def test_admin_of_another_place_is_not_asked(bench: ConformanceBench) -> None:
    arn = bench.secret()
    elsewhere = {**bench.kit.admin_document(), "port": 1}
    bench.secrets_manager.put(
        arn,
        {
            **bench.secrets_manager.document(arn),
            "masterarn": bench.secrets_manager.create(elsewhere),
        },
    )
    token = created(bench, arn)

    if bench.needs_admin:
        with pytest.raises(AdminSecretError):
            bench.run(arn, token, Step.SET)
        assert_nothing_changed(bench, arn)
    else:
        bench.rotate(arn, token)
        assert bench.is_live(arn)


@pytest.mark.kit_has("logs_statements")
def test_password_is_in_no_log_of_the_target(bench: ConformanceBench) -> None:
    arn = bench.secret()
    passwords = [bench.login(arn)[1]]

    for _ in range(2):
        bench.rotate(arn)
        passwords.append(bench.login(arn)[1])

    log = bench.kit.log()
    assert bench.login(arn)[0].encode() in log
    assert [password for password in passwords[1:] if password.encode() in log] == []
