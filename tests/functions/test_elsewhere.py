"""Functions whose code is behind a real HTTP endpoint, or in what speaks Lambda's API."""

import base64
from concurrent.futures import ThreadPoolExecutor
import json
from pathlib import Path
import socket
import ssl
import struct
import threading
from typing import Any

import pytest

from keyturn.functions import concurrency, places, versions
from keyturn.functions.execution import elsewhere, in_aws, over_http, turns
from keyturn.functions.execution.reply import Errand
from keyturn.functions.execution.runtime_api import RESPONSE_BYTES_MAX
from keyturn.functions.execution.transcript import TAIL_BYTES_MAX
from keyturn.functions.invocation import PAYLOAD_BYTES_MAX
from keyturn.functions.names import read_arn
from keyturn.functions.places import INVOCATIONS_PATH
from keyturn.functions.refusals import (
    EnvironmentsBusyError,
    FunctionUnavailableError,
    PayloadTooLargeError,
)
from keyturn.model.function import Function
from keyturn.model.function_place import LambdaPlace, Place
from keyturn.model.rotation import Failure, Step
from keyturn.rotation.cause import cause_of
from keyturn.rotation.machine import may_be_set_after
from support.certificates import make_certificate
from support.function_bench import FunctionBench
from support.scripted_endpoint import Act, ScriptedEndpoint, closed_port, sends
from support.waiting import until

ERROR = b'{"errorType": "LoginRefusedError", "errorMessage": "no"}'
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:rotator"
ONE_SECOND = {"Timeout": 1}


def placed(bench: FunctionBench, url_or_place: str | Place, **params: object) -> Function:
    function = bench.create("raise RuntimeError('this is here')", **params)
    reference = read_arn(function.arn)
    assert reference is not None
    place = url_or_place
    if isinstance(place, str):
        place = places.http_place(place)
    with bench.database.write() as connection:
        return places.put(connection, reference, place)


def invoke(bench: FunctionBench, act: Act, **params: object) -> Any:  # noqa: ANN401 - it is JSON
    """Return what a function behind an endpoint that does ``act`` answers."""
    with ScriptedEndpoint.open(act) as endpoint:
        return bench.answer(placed(bench, endpoint.url, **params), {"a": 1})


def fail(bench: FunctionBench, act: Act, **params: object) -> dict[str, Any]:
    """Return the error of a function behind an endpoint that does ``act``."""
    with ScriptedEndpoint.open(act) as endpoint:
        return bench.error(placed(bench, endpoint.url, **params), {"a": 1})


def may_be_set(error: dict[str, Any]) -> bool:
    """Return what a rotation concludes from an error in setSecret."""
    cause = cause_of(error["errorType"], error["errorMessage"])
    return may_be_set_after(Step.SET, Failure(cause, ""), may_be_set=False)


def breaks_off(connection: socket.socket) -> None:
    # RST instead of FIN: socket(7), SO_LINGER.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_event_is_posted_as_it_is_to_the_emulator_s_path(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(200, b'{"b": 2}')) as endpoint:
        function = placed(bench, endpoint.url)

        answer = bench.answer(function, {"a": 1})

    (request,) = endpoint.requests
    assert answer == {"b": 2}
    assert (request.method, request.path) == ("POST", INVOCATIONS_PATH)
    assert json.loads(request.body) == {"a": 1}
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers.get_all("Host") == [endpoint.url.removeprefix("http://")]
    assert "Authorization" not in request.headers


def test_function_runs_here_again_when_its_place_is_taken_away(bench: FunctionBench) -> None:
    function = bench.create("def lambda_handler(event, context): return 'here'")
    reference = read_arn(function.arn)
    assert reference is not None
    with ScriptedEndpoint.open(sends(200, b'"there"')) as endpoint:
        with bench.database.write() as connection:
            places.put(connection, reference, places.http_place(endpoint.url))
        there = bench.answer(function)

    with bench.database.write() as connection:
        places.put(connection, reference, None)

    assert (there, bench.answer(function)) == ("there", "here")


def test_version_runs_at_the_function_s_place(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(200, b"1")) as endpoint:
        function = placed(bench, endpoint.url)
        with bench.database.write() as connection:
            version = versions.publish(connection, bench.keyring, function, bench.clock.now())

        invocation = bench.invoker.invoke(version.qualified_arn, b"{}")

    assert (invocation.payload, invocation.executed_version) == (b"1", version.version)
    assert version.version != function.version


def test_function_that_may_not_run_at_all_does_not_run_elsewhere(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(200, b"1")) as endpoint:
        function = placed(bench, endpoint.url)
        with bench.database.write() as connection:
            concurrency.reserve(connection, function, 0)

        with pytest.raises(FunctionUnavailableError, match="reserved concurrency is 0"):
            bench.invoke(function)

    assert endpoint.requests == []


def test_event_that_is_longer_than_lambda_takes_is_not_sent(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(200, b"1")) as endpoint:
        function = placed(bench, endpoint.url)

        with pytest.raises(PayloadTooLargeError):
            bench.invoker.invoke(function.arn, b" " * (PAYLOAD_BYTES_MAX + 1))

    assert endpoint.requests == []


@pytest.mark.parametrize(
    "act",
    [
        sends(200, ERROR),
        # When the process ended, or couldn't start.
        sends(502, ERROR),
        sends(200, ERROR, X_Amz_Function_Error="Unhandled"),
    ],
)
def test_error_of_the_function_is_passed_on_whatever_the_status(
    bench: FunctionBench, act: Act
) -> None:
    assert fail(bench, act) == json.loads(ERROR)


def test_answer_that_is_called_an_error_is_one_whatever_it_looks_like(
    bench: FunctionBench,
) -> None:
    assert fail(bench, sends(200, b'{"a": 1}', Error_Type="Runtime.Unknown")) == {"a": 1}


def test_answer_with_one_half_of_an_error_is_an_answer(bench: FunctionBench) -> None:
    assert invoke(bench, sends(200, b'{"errorType": "a"}')) == {"errorType": "a"}


def test_sentence_with_which_the_emulator_times_out_is_a_timeout(bench: FunctionBench) -> None:
    error = fail(bench, sends(200, b"Task timed out after 3.00 seconds"))

    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 3.00 seconds" in error["errorMessage"]


@pytest.mark.parametrize(
    "act",
    [
        sends(200, b"<html>It works!</html>"),
        sends(200, b""),
        sends(204, b""),
        sends(500, b""),
        sends(502, b"Bad Gateway"),
        sends(503, b"upstream reset"),
        sends(504, b""),
        sends(400, b"what?"),
        sends(413, b""),
        sends(599, b"{}"),
        sends(200, b"12", claims=100),
        lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"),
        lambda connection: connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5"
        ),
        lambda _: None,
        breaks_off,
    ],
)
def test_answer_that_tells_nothing_of_the_function_is_an_error_after_which_the_target_may_be_set(
    bench: FunctionBench, act: Act
) -> None:
    with ScriptedEndpoint.open(act) as endpoint:
        function = placed(bench, endpoint.url)

        error = bench.error(function)

    assert error["errorType"] == "Runtime.ExitError"
    assert endpoint.url in error["errorMessage"]
    assert may_be_set(error)
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (sends(400, b""), "busy with another invocation"),
        (sends(404, b"404 page not found"), "no function at that path"),
        (sends(401, b""), "HTTP status 401"),
        (sends(403, b""), "HTTP status 403"),
        (sends(405, b""), "HTTP status 405"),
        (sends(407, b""), "HTTP status 407"),
        (sends(429, b""), "HTTP status 429"),
        (sends(307, b"", Location="http://127.0.0.1:1/"), "redirect"),
    ],
)
def test_refusal_before_the_function_is_said_to_be_one_and_names_the_place(
    bench: FunctionBench, act: Act, reason: str
) -> None:
    with ScriptedEndpoint.open(act) as endpoint:
        function = placed(bench, endpoint.url)

        with pytest.raises(FunctionUnavailableError, match=reason) as refused:
            bench.invoke(function)

    assert endpoint.url in str(refused.value)


def test_connection_that_is_refused_is_said_to_be(bench: FunctionBench) -> None:
    function = placed(bench, f"http://127.0.0.1:{closed_port()}")

    with pytest.raises(FunctionUnavailableError, match="Connection refused"):
        bench.invoke(function)


def test_name_that_is_not_known_is_said_to_be(bench: FunctionBench) -> None:
    # RFC 6761, 6.4: never a name of anything.
    function = placed(bench, "http://rotator.invalid:8080")

    with pytest.raises(FunctionUnavailableError, match="its name isn't known"):
        bench.invoke(function)


def test_address_that_takes_no_connection_in_time_is_said_to(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over_http, "CONNECT_SECONDS_MAX", 0.2)
    with socket.socket() as listening, socket.socket() as waiting:
        # One place in the queue, which is taken.
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        waiting.connect(listening.getsockname())
        function = placed(bench, f"http://127.0.0.1:{listening.getsockname()[1]}")

        with pytest.raises(FunctionUnavailableError, match="nothing answered within"):
            bench.invoke(function)


def trickles(connection: socket.socket) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    pause = threading.Event()
    for byte in head + b" " * 1_000_000:
        connection.sendall(bytes([byte]))
        pause.wait(0.01)


def hangs(connection: socket.socket) -> None:
    connection.recv(1)


@pytest.mark.parametrize("act", [hangs, trickles])
def test_function_that_takes_longer_than_its_timeout_may_have_set_the_target(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch, act: Act
) -> None:
    monkeypatch.setattr(elsewhere, "GRACE_SECONDS", 0)

    with ScriptedEndpoint.open(act) as endpoint:
        error = bench.error(placed(bench, endpoint.url, **ONE_SECOND))

    assert error["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in error["errorMessage"]
    assert endpoint.url in error["errorMessage"]
    assert may_be_set(error)


def test_answer_is_taken_up_to_the_limit_whatever_its_head_says(bench: FunctionBench) -> None:
    longest = b'"' + b"a" * (RESPONSE_BYTES_MAX - 2) + b'"'
    endless = b"HTTP/1.0 200 OK\r\n\r\n" + longest + b" "

    assert len(invoke(bench, sends(200, longest))) == RESPONSE_BYTES_MAX - 2
    error = fail(bench, lambda connection: connection.sendall(endless))

    assert error["errorType"] == "Function.ResponseSizeTooLarge"


def test_proxies_of_the_environment_are_not_asked(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")

    assert invoke(bench, sends(200, b"1")) == 1


class Https:
    """A certificate, and the endpoint's half of TLS with it."""

    def __init__(self, folder: Path) -> None:
        self.made = make_certificate(folder, "127.0.0.1")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.made.certificate_file, self.made.key_file)


def test_certificate_of_an_authority_that_the_system_knows_is_taken(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    https = Https(tmp_path)
    # How OpenSSL is told the system's authorities: SSL_CTX_set_default_verify_paths(3).
    monkeypatch.setenv("SSL_CERT_FILE", str(https.made.ca_file))

    with ScriptedEndpoint.open(sends(200, b"1"), https.context) as endpoint:
        assert bench.answer(placed(bench, endpoint.url)) == 1


def test_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent(
    bench: FunctionBench, tmp_path: Path
) -> None:
    with ScriptedEndpoint.open(sends(200, b"1"), Https(tmp_path).context) as endpoint:
        function = placed(bench, endpoint.url)

        with pytest.raises(FunctionUnavailableError, match="certificate isn't trusted"):
            bench.invoke(function)

    assert endpoint.requests == []


def test_plain_http_where_https_is_said_is_a_refusal(bench: FunctionBench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        function = placed(bench, f"https://127.0.0.1:{listening.getsockname()[1]}")

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        with ThreadPoolExecutor() as threads:
            answered = threads.submit(answer)
            with pytest.raises(FunctionUnavailableError, match="TLS failed"):
                bench.invoke(function)
            answered.result()


class Held:
    """An endpoint that keeps what comes until it is let go, and counts."""

    def __init__(self) -> None:
        self.at_once, self.most = 0, 0
        self._go, self._lock = threading.Event(), threading.Lock()

    def act(self, connection: socket.socket) -> None:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self._go.wait(30)
        with self._lock:
            self.at_once -= 1
        sends(200, b"1")(connection)

    def let_go(self) -> None:
        self._go.set()


@pytest.mark.parametrize(("reserved", "most"), [(None, 1), (2, 2)])
def test_endpoint_gets_one_event_at_a_time_or_as_many_as_are_reserved(
    bench: FunctionBench, reserved: int | None, most: int
) -> None:
    held = Held()
    with ScriptedEndpoint.open(held.act) as endpoint, ThreadPoolExecutor() as threads:
        function = placed(bench, endpoint.url)
        if reserved is not None:
            with bench.database.write() as connection:
                concurrency.reserve(connection, function, reserved)
        running = [threads.submit(bench.answer, function) for _ in range(4)]
        until(lambda: held.at_once == most, "events at the endpoint")

        held.let_go()

        assert [each.result() for each in running] == [1] * 4
    assert held.most == most


def test_who_waits_too_long_for_a_turn_is_told_that_it_is_busy(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held()
    with ScriptedEndpoint.open(held.act) as endpoint, ThreadPoolExecutor() as threads:
        function = placed(bench, endpoint.url)
        first = threads.submit(bench.answer, function)
        until(lambda: held.at_once, "an event at the endpoint")
        monkeypatch.setattr(turns, "WAIT_SECONDS_MAX", 0.1)

        with pytest.raises(EnvironmentsBusyError):
            bench.invoke(function)

        held.let_go()
        assert first.result() == 1


def test_log_has_lambda_s_lines_and_why_it_failed(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(502, b"")) as endpoint:
        function = placed(bench, endpoint.url)
        invocation = bench.invoke(function)

    def messages() -> list[str]:
        return [event.message for event in bench.logged(function)]

    until(lambda: len(messages()) == 4, "the log")
    start, why, end, report = messages()
    assert start.startswith(f"START RequestId: {invocation.request_id} ")
    assert f"{endpoint.url}{INVOCATIONS_PATH} answered with HTTP status 502" in why
    assert end == f"END RequestId: {invocation.request_id}"
    assert report.startswith(f"REPORT RequestId: {invocation.request_id}\tDuration: ")
    assert why in invocation.log_tail.decode()


def test_log_says_why_no_function_was_reached(bench: FunctionBench) -> None:
    function = placed(bench, f"http://127.0.0.1:{closed_port()}")

    with pytest.raises(FunctionUnavailableError):
        bench.invoke(function)

    until(
        lambda: any("Connection refused" in event.message for event in bench.logged(function)),
        "the log",
    )


def of_lambda(bench: FunctionBench, endpoint_url: str, **params: object) -> Function:
    return placed(bench, LambdaPlace(arn=f"{ARN}:prod", endpoint_url=endpoint_url), **params)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")


def tail(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.usefixtures("credentials")
def test_function_of_lambda_is_invoked_signed_with_the_qualifier_and_its_log_is_kept(
    bench: FunctionBench,
) -> None:
    act = sends(200, b'{"b": 2}', X_Amz_Log_Result=tail("START there\nhello\rworld\nEND there\n"))
    with ScriptedEndpoint.open(act) as endpoint:
        function = of_lambda(bench, endpoint.url)

        invocation = bench.invoke(function, {"a": 1})

    (request,) = endpoint.requests
    assert json.loads(invocation.payload) == {"b": 2}
    assert request.path.endswith("function%3Arotator%3Aprod/invocations")
    assert "/eu-west-1/lambda/aws4_request" in request.headers["Authorization"]
    assert json.loads(request.body) == {"a": 1}
    lines = invocation.log_tail.decode().splitlines()
    assert lines[1:5] == ["START there", "hello", "world", "END there"]


@pytest.mark.usefixtures("credentials")
def test_line_that_lambda_s_log_begins_in_the_middle_of_is_dropped(bench: FunctionBench) -> None:
    cut = "half a value\n" + "x" * (TAIL_BYTES_MAX - 13)
    with ScriptedEndpoint.open(sends(200, b"1", X_Amz_Log_Result=tail(cut))) as endpoint:
        function = of_lambda(bench, endpoint.url)
        bench.invoke(function)

    def messages() -> list[str]:
        return [event.message for event in bench.logged(function)]

    until(lambda: any(message.startswith("REPORT") for message in messages()), "the log")
    assert "x" * (TAIL_BYTES_MAX - 13) in messages()
    assert "half a value" not in messages()


@pytest.mark.usefixtures("credentials")
def test_log_of_lambda_that_can_not_be_read_costs_no_answer(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(200, b"1", X_Amz_Log_Result="?")) as endpoint:
        assert bench.answer(of_lambda(bench, endpoint.url)) == 1


@pytest.mark.usefixtures("credentials")
def test_error_of_a_function_of_lambda_is_passed_on(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(200, ERROR, X_Amz_Function_Error="Unhandled")) as endpoint:
        assert bench.error(of_lambda(bench, endpoint.url)) == json.loads(ERROR)


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDeniedException"), (429, "TooManyRequestsException")]
)
def test_refusal_of_lambda_is_one_here(bench: FunctionBench, status: int, code: str) -> None:
    act = sends(status, b'{"Message": "no"}', X_Amzn_ErrorType=code)
    with ScriptedEndpoint.open(act) as endpoint:
        function = of_lambda(bench, endpoint.url)

        with pytest.raises(FunctionUnavailableError, match=f"{ARN}:prod.*{code}: no"):
            bench.invoke(function)

    assert len(endpoint.requests) == 1


@pytest.mark.usefixtures("credentials")
def test_refusal_of_lambda_with_half_a_character_is_one_that_can_be_sent_on(
    bench: FunctionBench,
) -> None:
    act = sends(400, b'{"Message": "no \\ud800"}', X_Amzn_ErrorType="InvalidParameter")
    with ScriptedEndpoint.open(act) as endpoint:
        function = of_lambda(bench, endpoint.url)

        with pytest.raises(FunctionUnavailableError) as refused:
            bench.invoke(function)

    assert str(refused.value).encode().endswith(b"InvalidParameter: no \xef\xbf\xbd.")


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize(
    "act",
    [
        sends(500, b'{"Message": "oops"}', X_Amzn_ErrorType="ServiceException"),
        sends(503, b"no JSON"),
        sends(200, b"<html>It works!</html>"),
        sends(200, b'{"a"', claims=100),
        lambda _: None,
        breaks_off,
    ],
)
def test_failure_of_lambda_itself_is_an_error_after_which_the_target_may_be_set(
    bench: FunctionBench, act: Act
) -> None:
    with ScriptedEndpoint.open(act) as endpoint:
        error = bench.error(of_lambda(bench, endpoint.url))

    assert error["errorType"] == "Runtime.ExitError"
    assert ARN in error["errorMessage"]
    assert may_be_set(error)
    assert len(endpoint.requests) == 1


@pytest.mark.usefixtures("credentials")
def test_function_of_lambda_that_takes_too_long_may_have_set_the_target(
    bench: FunctionBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "GRACE_SECONDS", 0)

    with ScriptedEndpoint.open(hangs) as endpoint:
        error = bench.error(of_lambda(bench, endpoint.url, **ONE_SECOND))

    assert error["errorType"] == "Sandbox.Timedout"
    assert may_be_set(error)
    assert len(endpoint.requests) == 1


@pytest.mark.usefixtures("credentials")
def test_answer_of_lambda_that_is_too_long_is_not_kept(bench: FunctionBench) -> None:
    with ScriptedEndpoint.open(sends(200, b" " * (RESPONSE_BYTES_MAX + 1))) as endpoint:
        error = bench.error(of_lambda(bench, endpoint.url))

    assert error["errorType"] == "Function.ResponseSizeTooLarge"


@pytest.mark.usefixtures("credentials")
def test_lambda_that_can_not_be_reached_is_said_to_be(bench: FunctionBench) -> None:
    function = of_lambda(bench, f"http://127.0.0.1:{closed_port()}")

    with pytest.raises(FunctionUnavailableError, match="Could not connect"):
        bench.invoke(function)


def test_missing_profile_is_named(bench: FunctionBench) -> None:
    function = placed(bench, LambdaPlace(arn=ARN, profile="nobody's"))

    with pytest.raises(FunctionUnavailableError, match="nobody's"):
        bench.invoke(function)


@pytest.mark.usefixtures("credentials")
def test_endpoints_of_the_environment_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:8585")
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:8585")

    client = in_aws._client(LambdaPlace(arn=ARN), 10)

    assert client.meta.endpoint_url == "https://lambda.eu-west-1.amazonaws.com"


def test_errand_shows_no_event() -> None:
    errand = Errand(request_id="r", payload=b"a token", seconds=1)

    assert "token" not in repr(errand)
