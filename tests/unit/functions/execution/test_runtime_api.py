"""What a function's process may say to the runtime API, over real connections."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
import json

import pytest

from keyturn.functions.execution.runtime_api import (
    HEAD_BYTES_MAX,
    HEAD_LINE_BYTES_MAX,
    RESPONSE_BYTES_MAX,
    Answered,
    Channel,
    Event,
    Raised,
    RuntimeApi,
    TooLarge,
)
from support.waiting import SECONDS_MAX, until


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
        self._connection = HTTPConnection(host, timeout=SECONDS_MAX)

    def close(self) -> None:
        self._connection.close()

    @property
    def is_disconnected(self) -> bool:
        return self._connection.sock is None

    def take(self, request_id: str) -> bytes:
        """Ask for an event and get this one."""
        event = Event(request_id=request_id, function_arn="f", deadline_ms=1, payload=b"{}")
        with ThreadPoolExecutor(1) as threads:
            taken = threads.submit(self.send, "GET", "invocation/next")
            until(lambda: self.channel.is_waiting, "it asks")
            self.channel.give(event)
            _, body = taken.result()
        return body

    def begin(self, endpoint: str, **headers: str) -> tuple[int, bytes]:
        """Post the head alone."""
        self._connection.putrequest("POST", f"/{self._path}/2018-06-01/runtime/{endpoint}")
        for name, value in headers.items():
            self._connection.putheader(name, value)
        self._connection.endheaders()
        response = self._connection.getresponse()
        return response.status, response.read()

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
    assert process.send("POST", "invocation/r1/response", b"1")[0] == 202


@pytest.mark.parametrize("endpoint", ["invocation/r0/response", "invocation/r1/else", "else"])
def test_what_nobody_waits_for_is_refused_unread_and_ends_its_connection(
    process: Process, endpoint: str
) -> None:
    process.take("r1")

    status, body = process.begin(endpoint, **{"Content-Length": "6000000"})

    assert (status, json.loads(body)["errorType"]) == (400, "InvalidRequestID")
    assert process.is_disconnected
    assert process.send("POST", "invocation/r1/response", b"1")[0] == 202


def test_a_second_answer_is_not_read_before_the_first_is(process: Process) -> None:
    process.take("r1")
    endpoint = "invocation/r1/response"

    with ThreadPoolExecutor(1) as threads:
        with process.channel.posting(endpoint) as is_awaited:
            second = threads.submit(process.begin, endpoint, **{"Content-Length": "6000000"})
            process.channel.post(endpoint, Answered(b"1"))
        status, _ = second.result()

    assert (is_awaited, status) == (True, 400)
    assert process.channel.outcome() == Answered(b"1")
    assert process.channel.outcome() is None


def test_a_line_of_a_head_that_is_too_long_is_as_if_not_there(process: Process) -> None:
    process.take("r1")
    shortest = HEAD_LINE_BYTES_MAX - len("Cause: \r\n") + 1

    status, _ = process.send(
        "POST", "invocation/r1/error", b"why", Cause="x" * (1 << 20), Other="x" * shortest
    )

    assert status == 202
    assert process.channel.outcome() == Raised(b"why")


def test_a_head_has_only_so_many_bytes(process: Process) -> None:
    process.take("r1")
    count = HEAD_BYTES_MAX // 1_000
    few = {f"X-{number:02}": "x" * (1_000 - len("X-00: \r\n")) for number in range(count)}

    refused = process.send("POST", "invocation/r1/error", b"why", **few, Other="x" * 1_000)
    taken = process.send("POST", "invocation/r1/error", b"why", **dict(list(few.items())[:-1]))

    assert (refused[0], taken[0]) == (431, 202)
