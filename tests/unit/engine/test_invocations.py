from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
import socket
import stat
import threading

import msgspec
import pytest

from keyturn.engine.invocations import InvocationServer
from keyturn.functions.execution.remote import FRAME_BYTES_MAX, RemoteInvoker
from keyturn.functions.execution.runtime_api import RESPONSE_BYTES_MAX
from keyturn.functions.invocation import Invocation
from keyturn.functions.refusals import (
    EnvironmentsBusyError,
    ExecutionRoleError,
    FunctionNotFoundError,
    FunctionUnavailableError,
    PayloadTooLargeError,
)
from keyturn.model.errors import ServiceError

ARN = "arn:aws:lambda:us-east-1:123456789012:function:rotate"
REFUSALS = [
    FunctionNotFoundError(ARN),
    FunctionUnavailableError("It can't be run."),
    EnvironmentsBusyError(60),
    ExecutionRoleError("arn:aws:iam::123456789012:role/r"),
    PayloadTooLargeError(7_000_000),
]


class Echo:
    """An invoker whose functions answer with their events, or are refused."""

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        if self._failure is not None:
            raise self._failure
        return Invocation(
            request_id=function_arn, function_error="Unhandled", payload=payload, log_tail=b"log"
        )


@contextmanager
def engine(path: Path, failure: Exception | None = None) -> Iterator[RemoteInvoker]:
    """Serve invocations on a socket; yield what asks for them."""
    server = InvocationServer(path, Echo(failure))
    try:
        yield RemoteInvoker(path)
    finally:
        server.close()


def test_an_invocation_crosses_the_socket_whole(tmp_path: Path) -> None:
    largest = b"x" * RESPONSE_BYTES_MAX

    with engine(tmp_path / "engine.sock") as remote:
        invocation = remote.invoke(ARN, largest)

    assert invocation == Invocation(
        request_id=ARN, function_error="Unhandled", payload=largest, log_tail=b"log"
    )


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
def test_a_refusal_crosses_the_socket_as_what_it_is(tmp_path: Path, refusal: ServiceError) -> None:
    with (
        engine(tmp_path / "engine.sock", refusal) as remote,
        pytest.raises(type(refusal)) as refused,
    ):
        remote.invoke(ARN, b"{}")

    assert type(refused.value) is type(refusal)
    assert refused.value.args == refusal.args


def test_the_socket_is_its_owner_s_alone(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"

    with engine(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_without_an_engine_a_function_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    with engine(path):
        pass

    with pytest.raises(FunctionUnavailableError, match="isn't there"):
        RemoteInvoker(path).invoke(ARN, b"{}")
    with pytest.raises(FunctionUnavailableError, match="isn't there"):
        RemoteInvoker(tmp_path / "never.sock").invoke(ARN, b"{}")


def test_a_failure_of_our_own_breaks_one_invocation_and_not_the_next(tmp_path: Path) -> None:
    with engine(tmp_path / "engine.sock", RuntimeError("a bug")) as remote:
        for _ in range(2):
            with pytest.raises(FunctionUnavailableError):
                remote.invoke(ARN, b"{}")


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0\0",
        (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
        b"\0\0\0\x01\xc1",
        b"\0\0\0\x03\x81\xa1a",
    ],
)
def test_what_is_no_request_is_answered_with_silence(tmp_path: Path, sent: bytes) -> None:
    path = tmp_path / "engine.sock"

    with engine(path) as remote:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(path))
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(1)
        still_serves = remote.invoke(ARN, b"1").payload

    assert (answer, still_serves) == (b"", b"1")


@pytest.mark.parametrize("answer", [b"", b"\0\0\0\x05ab", b"\0\0\0\x01\xc1"])
def test_an_engine_that_breaks_off_makes_the_function_unavailable(
    tmp_path: Path, answer: bytes
) -> None:
    path = tmp_path / "engine.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        listening.bind(str(path))
        listening.listen()

        def answer_once() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        thread = threading.Thread(target=answer_once)
        thread.start()
        with pytest.raises(FunctionUnavailableError):
            RemoteInvoker(path).invoke(ARN, b"{}")
        thread.join()


def test_a_frame_is_four_bytes_of_length_and_messagepack(tmp_path: Path) -> None:
    path = tmp_path / "engine.sock"
    body = msgspec.msgpack.encode({"function_arn": ARN, "payload": b"1"})

    with engine(path), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(path))
        connection.sendall(len(body).to_bytes(4, "big") + body)
        with connection.makefile("rb") as answered:
            length = int.from_bytes(answered.read(4), "big")
            members = msgspec.msgpack.decode(answered.read(length))

    assert members["payload"] == b"1"
