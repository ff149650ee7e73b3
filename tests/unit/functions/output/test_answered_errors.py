import json
from typing import Any

import pytest

from keyturn.functions.invocation import Invocation
from keyturn.functions.output.answered_errors import RedactedErrors
from keyturn.functions.output.seen_values import SeenValues

ARN = "arn:aws:lambda:us-east-1:123456789012:function:rotate"


class Answering:
    """Answers every invocation in the same way, once the function has seen a value."""

    def __init__(self, payload: bytes, function_error: str | None = "Unhandled") -> None:
        self.seen = SeenValues(lambda: 0.0)
        self.invoked: tuple[str, bytes] | None = None
        self._payload = payload
        self._function_error = function_error

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        self.invoked = function_arn, payload
        self.seen.note(ARN, b"hunter22abcd")
        return Invocation(
            request_id="r",
            function_error=self._function_error,
            payload=self._payload,
            log_tail=b"",
        )


def answer(answering: Answering, arn: str = ARN) -> bytes:
    return RedactedErrors(answering, answering.seen).invoke(arn, b"event").payload


def error(document: dict[str, Any], arn: str = ARN) -> Any:  # noqa: ANN401 - it is JSON
    return json.loads(answer(Answering(json.dumps(document).encode()), arn))


@pytest.mark.parametrize("arn", [ARN, f"{ARN}:live", f"{ARN}:7"])
def test_an_error_comes_without_the_values_that_the_function_has_seen(arn: str) -> None:
    redacted = error({"errorMessage": "no login with hunter22abcd", "errorType": "E"}, arn)

    assert redacted == {"errorMessage": "no login with ***", "errorType": "E"}


def test_a_value_over_several_members_is_taken_out_of_each() -> None:
    redacted = error({"errorMessage": "no hunter", "errorType": "22abcd", "stackTrace": ["x"]})

    assert redacted == {"errorMessage": "no ***", "errorType": "***", "stackTrace": '["x"]'}


@pytest.mark.parametrize("payload", [b"", b"hunter22abcd", b'["hunter22abcd"]', b"[" * 100_000])
def test_an_error_that_is_no_document_says_nothing(payload: bytes) -> None:
    assert answer(Answering(payload)) == b""


def test_an_answer_that_is_no_error_comes_as_it_is() -> None:
    answering = Answering(b'"hunter22abcd"', function_error=None)

    assert answer(answering) == b'"hunter22abcd"'
    assert answering.invoked == (ARN, b"event")
