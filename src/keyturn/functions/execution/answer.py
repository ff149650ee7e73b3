"""How an invocation ended, in the words of Lambda's answer. Pure.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
"""

import json
from typing import Final, assert_never

from keyturn.functions.execution.environment import Died, Ending, TimedOut
from keyturn.functions.execution.runtime_api import RESPONSE_BYTES_MAX, Answered, Raised, TooLarge
from keyturn.functions.execution.transcript import EXIT_ERROR, exited_text, timed_out_text

INVALID_ENTRYPOINT: Final = "Runtime.InvalidEntrypoint"
_MADE_INSIDE: Final = f'{{"errorType": "{INVALID_ENTRYPOINT}", "errorMessage": '.encode()


def answer_of(ending: Ending, request_id: str) -> tuple[str | None, bytes]:
    """Return the function error, None for none, and the payload."""
    match ending:
        case Answered(payload):
            return None, payload
        case Raised(payload):
            return "Unhandled", _with_request(payload, request_id)
        case TooLarge():
            text = (
                "Response payload size exceeded maximum allowed payload size "
                f"({RESPONSE_BYTES_MAX} bytes)."
            )
            return _error("Function.ResponseSizeTooLarge", text)
        case TimedOut():
            text = f"RequestId: {request_id} Error: {timed_out_text(ending)}"
            return _error("Sandbox.Timedout", text)
        case Died():
            text = f"RequestId: {request_id} Error: {exited_text(ending)}"
            return _error(EXIT_ERROR, text)
        case _:
            assert_never(ending)


def _with_request(payload: bytes, request_id: str) -> bytes:
    """Return an error document, with the invocation in it if Lambda itself made it.

    What finds that a function has no program that can be started is inside, and knows no request.
    """
    if not payload.startswith(_MADE_INSIDE):
        return payload
    try:
        message = json.loads(payload)["errorMessage"]
    except (ValueError, KeyError):
        # The function's own imitation.
        return payload
    return _error(INVALID_ENTRYPOINT, f"RequestId: {request_id} Error: {message}")[1]


def _error(kind: str, message: str) -> tuple[str, bytes]:
    return "Unhandled", json.dumps({"errorType": kind, "errorMessage": message}).encode()
