"""Invoke a function whose code runs elsewhere: an HTTP endpoint, or AWS Lambda.

The rules, which every caller may rely on:

* Who may invoke the function was decided before, as for every function; here, only where its code
  is differs. All versions and aliases are at the same place.
* The event is sent once. When it surely reached no function, that is a
  ``FunctionUnavailableError``; when nobody knows, it is an error of the function, one from which a
  rotation concludes that the target may have the new value.
* An endpoint works on one event at a time, as AWS's emulator does, unless concurrency is reserved
  for the function; AWS Lambda on as many as this machine would.
* The function's log has Lambda's own lines, what AWS's log ends with, and why an invocation
  failed that the function says nothing of. Values that the event is about are taken out.
* No session is issued: code elsewhere signs with keys of its own.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/images-test.html,
https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from collections.abc import Callable
import json
import time
from typing import Final, assert_never

from keyturn.functions.execution import in_aws, over_http
from keyturn.functions.execution.answer import answer_of
from keyturn.functions.execution.environment import Ending, TimedOut
from keyturn.functions.execution.pool import ENVIRONMENTS_PER_FUNCTION_MAX
from keyturn.functions.execution.reply import GRACE_SECONDS, Errand, Lost, Reply
from keyturn.functions.execution.runtime_api import Raised
from keyturn.functions.execution.transcript import EXIT_ERROR, Transcript, timed_out_text
from keyturn.functions.execution.turns import Turns
from keyturn.functions.invocation import Invocation
from keyturn.functions.output.log_writer import LogWriter
from keyturn.functions.refusals import FunctionUnavailableError
from keyturn.model.clock import Clock
from keyturn.model.function import Function
from keyturn.model.function_place import HttpPlace, LambdaPlace, Place
from keyturn.model.ids import new_uuid

#: AWS's emulator has one process.
HTTP_AT_ONCE: Final = 1

NoteValues = Callable[[Function, bytes], None]
"""Notes the secret values that an event of a function is about, as seen by the function."""


class Elsewhere:
    """Runs functions at their places."""

    def __init__(self, clock: Clock, logs: LogWriter, note_values: NoteValues) -> None:
        self._clock = clock
        self._logs = logs
        self._note_values = note_values
        self._turns = Turns()

    def invoke(self, function: Function, place: Place, payload: bytes) -> Invocation:
        """Invoke a function at its place.

        Raises:
            FunctionUnavailableError: it surely wasn't run; the message names the place.
        """
        with self._turns.turn(function.id, _at_once(function, place)) as name:
            stream = f"{self._clock.now():%Y/%m/%d}/[{function.version}]{name}"
            transcript = Transcript(self._logs, function, stream, new_uuid())
            transcript.write_start()
            began = time.monotonic()
            try:
                reply = self._sent(function, place, transcript.request_id, payload)
            except FunctionUnavailableError as error:
                transcript.write(str(error))
                self._end(transcript, Raised(b""), time.monotonic() - began)
                raise
            return self._concluded(function, place, transcript, reply, began)

    def _sent(self, function: Function, place: Place, request_id: str, payload: bytes) -> Reply:
        errand = Errand(
            request_id=request_id,
            payload=payload,
            seconds=function.timeout_seconds + GRACE_SECONDS,
        )
        try:
            match place:
                case HttpPlace():
                    return over_http.send(place, errand)
                case LambdaPlace():
                    return in_aws.send(place, errand)
                case _:
                    assert_never(place)
        finally:
            # By now it may have made another value than the event was about at first.
            self._note_values(function, payload)

    def _concluded(
        self,
        function: Function,
        place: Place,
        transcript: Transcript,
        reply: Reply,
        began: float,
    ) -> Invocation:
        for line in reply.log:
            transcript.write(line)
        ending = reply.ending
        if isinstance(ending, Lost):
            transcript.write(f"{ending.reason}: whether the function did its work isn't known")
            ending = Raised(_document(EXIT_ERROR, transcript.request_id, _lost(ending)))
        self._end(transcript, ending, time.monotonic() - began)
        function_error, payload = answer_of(ending, transcript.request_id)
        if isinstance(ending, TimedOut):
            text = f"{timed_out_text(ending)}. Its code is at {place}"
            payload = _document("Sandbox.Timedout", transcript.request_id, text)
        return Invocation(
            request_id=transcript.request_id,
            function_error=function_error,
            payload=payload,
            log_tail=transcript.tail(),
            executed_version=function.version,
        )

    def _end(self, transcript: Transcript, ending: Ending, seconds: float) -> None:
        transcript.write_end(ending, self._clock.now())
        transcript.write_report(ending, seconds, None, None)


def _at_once(function: Function, place: Place) -> int:
    most = HTTP_AT_ONCE if isinstance(place, HttpPlace) else ENVIRONMENTS_PER_FUNCTION_MAX
    return most if function.reserved_concurrency is None else function.reserved_concurrency


def _lost(ending: Lost) -> str:
    return f"{ending.reason}. Whether the function did its work isn't known."


def _document(kind: str, request_id: str, text: str) -> bytes:
    message = f"RequestId: {request_id} Error: {text}"
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
