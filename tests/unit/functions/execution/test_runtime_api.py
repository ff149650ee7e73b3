"""What a function's process may say to the runtime API, over real connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
import json

import pytest

from keyturn.functions.execution.runtime_api import (
    RESPONSE_BYTES_MAX,
    Answered,
    Channel,
    Event,
    Raised,
    RuntimeApi,
    TooLarge,
)
from support.waiting import until


@pytest.fixture(scope="module")
def api() -> Iterator[RuntimeApi]:
    opened = RuntimeApi()
    yield opened
    opened.close()


class Process:
    """What a function's process does, on a connection of its own."""

    def __init__(self, api: RuntimeApi) -> None:
        self.channel: Channel = api.open_channel()
        host, _, self._path = self.channel.address.partition("/")
        self._connection = HTTPConnection(host)

    def close(self) -> None:
        self._connection.close()

    def take(self, request_id: str) -> bytes:
        """Ask for an event and get this one."""
        event = Event(request_id=request_id, function_arn="f", deadline_ms=1, payload=b"{}")
        with ThreadPoolExecutor(1) as threads:
            taken = threads.submit(self.send, "GET", "invocation/next")
            until(lambda: self.channel.is_waiting, "it asks")
            self.channel.give(event)
            _, body = taken.result()
        return body

    def send(
        self, method: str, endpoint: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        path = f"/{self._path}/2018-06-01/runtime/{endpoint}"
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return response.status, response.read()


@pytest.fixture
def process(api: RuntimeApi) -> Iterator[Process]:
    opened = Process(api)
    yield opened
    opened.close()


def test_an_event_is_answered_once(process: Process) -> None:
    assert process.take("r1") == b"{}"

    first = process.send("POST", "invocation/r1/response", b"1")
    second = process.send("POST", "invocation/r1/response", b"2")

    assert first[0] == 202
    assert (second[0], json.loads(second[1])["errorType"]) == (400, "InvalidRequestID")
    assert process.channel.outcome() == Answered(b"1")
    assert process.channel.outcome() is None


def test_an_answer_of_before_is_not_the_answer_to_the_next_event(process: Process) -> None:
    process.take("r1")
    process.send("POST", "invocation/r1/response", b"1")
    process.channel.outcome()
    process.take("r2")

    late = process.send("POST", "invocation/r1/error", b"late")

    assert late[0] == 400
    assert process.channel.outcome() is None
    assert process.send("POST", "invocation/r2/error", b"2")[0] == 202
    assert process.channel.outcome() == Raised(b"2")


def test_a_failed_start_is_told_before_the_first_event_alone(process: Process) -> None:
    started = process.send("POST", "init/error", b"why")
    process.take("r1")
    later = process.send("POST", "init/error", b"why")

    assert (started[0], later[0]) == (202, 400)


def test_an_answer_in_chunks_is_an_answer(process: Process) -> None:
    process.take("r1")

    status, _ = process.send(
        "POST",
        "invocation/r1/response",
        b"2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n",
        **{"Transfer-Encoding": "chunked"},
    )

    assert status == 202
    assert process.channel.outcome() == Answered(b"[1]")


def test_a_longer_answer_than_lambda_takes_is_too_large(process: Process) -> None:
    process.take("r1")

    process.send("POST", "invocation/r1/response", b"x" * (RESPONSE_BYTES_MAX + 1))

    assert process.channel.outcome() == TooLarge()


@pytest.mark.parametrize("length", ["-1", "many"])
def test_a_length_that_is_none_is_refused_and_nothing_is_read(
    process: Process, length: str
) -> None:
    process.take("r1")

    status, _ = process.send("POST", "invocation/r1/response", b"", **{"Content-Length": length})

    assert status == 400
    assert process.channel.outcome() is None
