"""Functions on a store of their own, run as real processes, without a server.

with FunctionBench.open(tmp_path) as bench:
    function = bench.create("def lambda_handler(event, context): return event")
    bench.invoke(function, {"a": 1}).payload
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import io
import json
from pathlib import Path
import secrets
from time import monotonic
from typing import Any, Final
import zipfile

from keyturn.functions import package, registry
from keyturn.functions.execution.code_cache import CodeCache
from keyturn.functions.execution.isolation import Wanted
from keyturn.functions.execution.local import LocalInvoker, Means
from keyturn.functions.execution.pool import Pool
from keyturn.functions.execution.process_variables import SessionKeys
from keyturn.functions.execution.workshop import open_workshop
from keyturn.functions.invocation import Invocation
from keyturn.functions.names import read_reference
from keyturn.functions.output.log_writer import LogWriter
from keyturn.functions.output.seen_values import SeenValues
from keyturn.functions.runtimes import OWN_PYTHON, Runtimes
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import SystemClock
from keyturn.model.function import Function
from keyturn.model.plaintext import Plaintext
from keyturn.store import functions as rows, logs
from keyturn.store.logs import EventQuery, LogEvent
from support.store import make_database

ACCOUNT: Final = "123456789012"
REGION: Final = "us-east-1"
ROLE_ARN: Final = f"arn:aws:iam::{ACCOUNT}:role/rotation-lambda-role"
ENDPOINT: Final = "http://127.0.0.1:8585"
HANDLER: Final = "lambda_function.lambda_handler"

SESSION_SECRET: Final = "the-secret-half-of-the-session"


class FunctionBench:
    """A store, an invoker, and where both keep their files."""

    def __init__(
        self, folder: Path, wanted: Wanted = Wanted.AUTO, runtimes: Runtimes | None = None
    ) -> None:
        self.folder = folder
        self.database = make_database(folder)
        self.keyring = Keyring(Plaintext(b"k" * 32))
        self.clock = SystemClock()
        self.seen = SeenValues(monotonic)
        self.logs = LogWriter(self.database, self.clock, self.seen)
        self.code = folder / "code"
        self.workshop = open_workshop(folder, wanted)
        self.pool = Pool(self.workshop.sandboxes)
        means = Means(
            runtimes=runtimes or Runtimes(),
            code=CodeCache(self.database, self.code),
            pool=self.pool,
            endpoint=ENDPOINT,
        )
        self.invoker = LocalInvoker(
            self.database, self.keyring, self.clock, self.logs, _session, means
        )

    @classmethod
    @contextmanager
    def open(
        cls, folder: Path, wanted: Wanted = Wanted.AUTO, runtimes: Runtimes | None = None
    ) -> "Iterator[FunctionBench]":
        """Yield a bench; end its functions at the end of the block."""
        bench = cls(folder, wanted, runtimes)
        try:
            yield bench
        finally:
            bench.pool.close()
            bench.logs.close()
            bench.database.close()

    def create(self, source: str | Mapping[str, str], **params: object) -> Function:
        """Make a function of this code, or of these files, under a name of its own."""
        files = {"lambda_function.py": source} if isinstance(source, str) else source
        name = str(params.get("FunctionName", f"f{secrets.token_hex(6)}"))
        reference = read_reference(name, region=REGION, account=ACCOUNT)
        request = {
            "Role": ROLE_ARN,
            "Runtime": OWN_PYTHON,
            "Handler": HANDLER,
            "Code": {"ZipFile": zipped(files)},
            **params,
        }
        given = request["Code"]
        assert isinstance(given, dict)
        code, now = package.check(given["ZipFile"]), self.clock.now()
        with self.database.write() as connection:
            return registry.create(connection, self.keyring, reference, request, code, now)

    def update_code(self, function: Function, source: str) -> None:
        """Give a function other code."""
        code = package.check(zipped({"lambda_function.py": source}))
        request = {"ZipFile": code.zipped}
        with self.database.write() as connection:
            registry.update_code(connection, function, request, code, self.clock.now())

    def delete(self, function: Function) -> None:
        """Delete a function."""
        with self.database.write() as connection:
            rows.delete_function(connection, function)

    def invoke(self, function: Function, event: object = None) -> Invocation:
        """Invoke a function."""
        return self.invoker.invoke(function.arn, json.dumps(event).encode())

    def answer(self, function: Function, event: object = None) -> Any:  # noqa: ANN401 - it is JSON
        """Return what a function answers, which must not be an error."""
        invocation = self.invoke(function, event)
        assert invocation.function_error is None, invocation.payload
        return json.loads(invocation.payload)

    def error(self, function: Function, event: object = None) -> dict[str, Any]:
        """Return the error that a function answers with."""
        invocation = self.invoke(function, event)
        assert invocation.function_error == "Unhandled", invocation.payload
        error: dict[str, Any] = json.loads(invocation.payload)
        return error

    def logged(self, function: Function) -> list[LogEvent]:
        """Return what a function logged, of all that was stored so far."""
        with self.database.read() as connection:
            group = logs.find_group(connection, ACCOUNT, REGION, function.log_group)
            if group is None:
                return []
            return logs.read(connection, EventQuery(group_id=group.id, most=10_000))


def zipped(files: Mapping[str, str]) -> bytes:
    """Return a ZIP of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _session(_function: Function) -> SessionKeys:
    return SessionKeys(
        access_key_id="ASIAEXAMPLE", secret_access_key=SESSION_SECRET, session_token="token"
    )
