"""A container with a rotation function in it, as far as its network shows: a stand-in.

AWS's images have the runtime interface emulator (aws-lambda-rie), a program that is on no package
index. Here AWS's own runtime client (awslambdaric) runs the function in a process of its own, and
this serves what the emulator serves: ``/2015-03-31/functions/function/invocations``, one event at
a time, 400 without a body meanwhile, and an error of the function with 200.

with Emulator.open(folder, source, {"AWS_REGION": "eu-west-1", ...}) as emulator:
    emulator.url
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import os
from pathlib import Path
import select
import subprocess
import sys
import threading
from urllib.request import Request, urlopen

from typing_extensions import override

from keyturn.functions.execution.runtime_api import Channel, Event, Outcome, RuntimeApi, TooLarge
from keyturn.functions.places import INVOCATIONS_PATH

_SECONDS_MAX = 30
_ARN = "arn:aws:lambda:us-east-1:012345678912:function:test_function"


class Emulator(ThreadingHTTPServer):
    """The emulator, and how many events it was given."""

    daemon_threads = True

    def __init__(self, channel: Channel) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.events = 0
        self._channel = channel
        self._turn = threading.Lock()

    def invoke(self, event: Mapping[str, object]) -> object:
        """Return what the function answers to an event."""
        request = Request(f"{self.url}{INVOCATIONS_PATH}", json.dumps(event).encode())  # noqa: S310
        with urlopen(request) as answer:  # noqa: S310 - loopback, over HTTP
            return json.load(answer)

    @classmethod
    @contextmanager
    def open(cls, folder: Path, source: str, variables: Mapping[str, str]) -> "Iterator[Emulator]":
        """Yield an emulator that runs ``source``; end it with its function."""
        folder.mkdir()
        (folder / "lambda_function.py").write_text(source)
        with cls.run(folder, variables) as emulator:
            yield emulator

    @classmethod
    @contextmanager
    def run(cls, folder: Path, variables: Mapping[str, str]) -> "Iterator[Emulator]":
        """Yield an emulator that runs what is in a folder; end it with its function."""
        api = RuntimeApi()
        channel = api.open_channel()
        process = subprocess.Popen(
            [sys.executable, "-m", "awslambdaric", "lambda_function.lambda_handler"],
            cwd=folder,
            env={
                "PATH": os.defpath,
                "AWS_LAMBDA_RUNTIME_API": channel.address,
                "AWS_LAMBDA_FUNCTION_NAME": "test_function",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
                "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/Functions",
                "AWS_LAMBDA_LOG_STREAM_NAME": "$LATEST",
                "LAMBDA_TASK_ROOT": str(folder),
                **variables,
            },
        )
        with process, cls(channel) as emulator:
            threading.Thread(target=emulator.serve_forever, daemon=True).start()
            try:
                yield emulator
            finally:
                process.kill()
                emulator.shutdown()
        api.close_channel(channel)
        api.close()

    def outcome(self, payload: bytes) -> Outcome | None:
        """Return what the function made of an event; None when it has another one."""
        if not self._turn.acquire(blocking=False):
            return None
        try:
            while not self._channel.is_waiting:
                self._await_channel()
            self.events += 1
            self._channel.give(
                Event(
                    request_id=f"request-{self.events}",
                    function_arn=_ARN,
                    deadline_ms=2**42,
                    payload=payload,
                )
            )
            while (outcome := self._channel.outcome()) is None:
                self._await_channel()
            return outcome
        finally:
            self._turn.release()

    def _await_channel(self) -> None:
        readable, _, _ = select.select([self._channel], [], [], _SECONDS_MAX)
        assert readable, "the function says nothing"
        self._channel.clear()


class _Handler(BaseHTTPRequestHandler):
    server: Emulator

    def do_POST(self) -> None:
        payload = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != INVOCATIONS_PATH:
            self._reply(404, b"404 page not found\n")
            return
        outcome = self.server.outcome(payload)
        if outcome is None:
            self._reply(400, b"")
        else:
            assert not isinstance(outcome, TooLarge)
            self._reply(200, outcome.payload)

    def _reply(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
