"""What a caller is told when a function has no program that can be started."""

import json

import pytest

from keyturn.functions.execution.answer import answer_of
from keyturn.functions.execution.runtime_api import Raised


def test_what_was_found_inside_names_the_request() -> None:
    document = {"errorType": "Runtime.InvalidEntrypoint", "errorMessage": "no program"}

    _, payload = answer_of(Raised(json.dumps(document).encode()), "the-request")

    assert json.loads(payload) == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": "RequestId: the-request Error: no program",
    }


@pytest.mark.parametrize(
    "payload",
    [
        b'{"errorType": "Runtime.InvalidEntrypoint", "errorMessage": ',
        b'{"errorType": "ValueError", "errorMessage": "Runtime.InvalidEntrypoint"}',
        b"\xff",
        b"",
    ],
)
def test_what_a_function_says_is_passed_on_as_it_is(payload: bytes) -> None:
    assert answer_of(Raised(payload), "the-request") == ("Unhandled", payload)
