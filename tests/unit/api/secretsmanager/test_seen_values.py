"""What the engine is told when a function sees a value."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Operation, Output, ServiceApi, anything
from keyturn.api.secretsmanager.seen_values import VALUE_MEMBERS, telling
from keyturn.iam.principal import Principal
from keyturn.iam.session import SessionPrincipal
from keyturn.model.limits import SECRET_VALUE_BYTES_MAX
from keyturn.wire.fault import INTERNAL_FAILURE, Fault

ACCOUNT = "123456789012"
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:rotate"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/role"
USER_ARN = f"arn:aws:iam::{ACCOUNT}:user/bob"
USER = Principal("user", ACCOUNT, USER_ARN, "AIDA", USER_ARN)
SESSION = SessionPrincipal("assumed-role", ACCOUNT, "arn", "AROA:s", ROLE_ARN, None, None)
FUNCTION = SessionPrincipal("assumed-role", ACCOUNT, "arn", "AROA:s", ROLE_ARN, None, FUNCTION_ARN)


class Bench:
    """An operation, what it was called with, and what was told in which order."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self.output: Output = {}
        self.error: OSError | None = None
        operation = Operation("Do", "secretsmanager:Do", anything, self._handle)
        service = ServiceApi("secretsmanager", (operation,), lambda _: None)
        [self._operation] = telling(service, self._tell).operations

    def call(self, caller: Principal, **params: object) -> Output:
        return self._operation.handler(
            AuthorisedCall(
                caller=caller,
                region="us-east-1",
                request_id="r",
                received_at=datetime(2026, 1, 14, tzinfo=UTC),
                source_ip="127.0.0.1",
                params=params,
            )
        )

    def _handle(self, _call: AuthorisedCall) -> Output:
        self.events.append("done")
        return self.output

    def _tell(self, function_arn: str, value: bytes) -> None:
        if self.error is not None:
            raise self.error
        assert function_arn == FUNCTION_ARN
        self.events.append(value)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(
    ("params", "value"),
    [
        ({"SecretString": "wörd"}, "wörd".encode()),
        ({"SecretBinary": b"\xff"}, b"\xff"),
        ({"SecretString": "v" * SECRET_VALUE_BYTES_MAX}, b"v" * SECRET_VALUE_BYTES_MAX),
        ({"RotationToken": "token"}, b"token"),
    ],
)
def test_a_value_that_a_function_gives_is_told_before_anything_is_done(
    bench: Bench, params: Mapping[str, object], value: bytes
) -> None:
    bench.call(FUNCTION, **params)

    assert bench.events == [value, "done"]


@pytest.mark.parametrize(
    ("output", "values"),
    [
        ({"SecretString": "wörd"}, ["wörd".encode()]),
        ({"SecretBinary": b"\xff"}, [b"\xff"]),
        ({"RandomPassword": "random"}, [b"random"]),
        ({"SecretValues": [{"SecretString": "a"}, {"SecretBinary": b"b"}]}, [b"a", b"b"]),
        ({"SecretValues": [], "Errors": [{"SecretId": "a"}]}, []),
        ({"ARN": "arn", "Name": "name"}, []),
    ],
)
def test_a_value_that_a_function_is_given_is_told_before_it_is(
    bench: Bench, output: Output, values: list[bytes]
) -> None:
    bench.output = output

    answered = bench.call(FUNCTION, SecretId="a")

    assert bench.events == ["done", *values]
    assert answered is output


@pytest.mark.parametrize("caller", [USER, SESSION])
def test_what_others_see_is_not_told(bench: Bench, caller: Principal) -> None:
    bench.output = {"SecretString": "value"}

    bench.call(caller, SecretString="other")

    assert bench.events == ["done"]


def test_a_value_that_is_too_long_is_left_to_its_refusal(bench: Bench) -> None:
    bench.call(FUNCTION, SecretString="v" * (SECRET_VALUE_BYTES_MAX + 1))

    assert bench.events == ["done"]


def test_nothing_is_done_with_a_value_that_can_not_be_told(bench: Bench) -> None:
    bench.error = BlockingIOError(11, "no room")

    with pytest.raises(Fault) as refused:
        bench.call(FUNCTION, SecretString="value")

    assert refused.value.code == INTERNAL_FAILURE
    assert bench.events == []


def test_a_value_that_can_not_be_told_is_not_given(bench: Bench) -> None:
    bench.output, bench.error = {"SecretString": "value"}, FileNotFoundError(2, "no socket")

    with pytest.raises(Fault) as refused:
        bench.call(FUNCTION, SecretId="a")

    assert "value" not in str(refused.value)


def test_every_member_that_aws_calls_sensitive_is_looked_at() -> None:
    model = botocore.session.Session().get_service_model("secretsmanager")

    def sensitive(shape: Any) -> Iterator[str]:  # noqa: ANN401 - botocore has no types
        for name, member in getattr(shape, "members", {}).items():
            if member.metadata.get("sensitive"):
                yield name
            yield from sensitive(getattr(member, "member", member))

    operations = [model.operation_model(name) for name in model.operation_names]

    found = {
        name
        for operation in operations
        for shape in (operation.input_shape, operation.output_shape)
        for name in sensitive(shape)
    }

    assert found == set(VALUE_MEMBERS)
