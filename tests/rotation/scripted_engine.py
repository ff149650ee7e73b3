"""An engine process of its own on a store, with a scripted function: ``scripted_engine.py STORE``.

It is Keyturn's rotation job with its threads and leases; scripted is only the function, which does
its API calls straight on the store. It ends when nothing is due and nobody is at anything, and
then writes each call of the function as a line: the secret's ARN and the step.
"""

from datetime import UTC, datetime, timedelta
import json
import os
from pathlib import Path
import sys
import threading
import time

from keyturn.engine.rotations import RotationJob
from keyturn.functions.invocation import Invocation
from keyturn.keys.keyring import Keyring
from keyturn.logs import configure_logs
from keyturn.model.clock import truncated_to_ms
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Step
from keyturn.model.secret import AWSCURRENT, Secret, SecretValue
from keyturn.rotation import due
from keyturn.rotation.run import Runner
from keyturn.secrets import versions
from keyturn.store import secret_versions as version_rows, secrets as rows
from keyturn.store.database import Connection, Database

KEYRING = Keyring(Plaintext(b"k" * 32))
#: Every secret's moment is in the first half of its window, which is an hour; so this is later.
STARTS_AT = datetime(2026, 1, 14, 8, 31, tzinfo=UTC)
_LOOK_SECONDS = 0.2


class ScriptedClock:
    """A clock that starts at ``STARTS_AT`` and runs."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def now(self) -> datetime:
        passed = timedelta(seconds=time.monotonic() - self._began)
        return truncated_to_ms(STARTS_AT + passed)


class ScriptedFunction:
    """Stores a value in createSecret, moves AWSCURRENT in finishSecret, and notes each call."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.calls: list[tuple[str, str]] = []

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        del function_arn
        event = json.loads(payload)
        arn, token = event["SecretId"], event["ClientRequestToken"]
        self.calls.append((arn, event["Step"]))
        if event["Step"] == Step.CREATE:
            self._create(arn, token)
        elif event["Step"] == Step.FINISH:
            self._finish(arn, token)
        return Invocation(request_id="r", function_error=None, payload=b"null", log_tail=b"")

    def may_invoke(self, function_arn: str, secret: Secret) -> bool:
        """Return whether the function may be called, as an InvocationGate does."""
        del function_arn, secret
        return True

    def _create(self, arn: str, token: str) -> None:
        value = SecretValue("string", Plaintext(f"made-for-{token}".encode()))
        new = versions.NewVersion(token=token, value=value, stages=["AWSPENDING"])
        with self._database.write() as connection:
            secret = _secret(connection, arn)
            versions.store_value(connection, KEYRING, secret, new, STARTS_AT)

    def _finish(self, arn: str, token: str) -> None:
        with self._database.write() as connection:
            secret = _secret(connection, arn)
            current = version_rows.stages_of(connection, secret.id)[AWSCURRENT]
            versions.move_stage(
                connection,
                secret,
                AWSCURRENT,
                remove_from=current,
                move_to=token,
                now=STARTS_AT,
            )


def main(store: Path) -> None:
    """Rotate whatever is due, and print what was called."""
    configure_logs()
    database, clock, wake = Database(store), ScriptedClock(), threading.Event()
    function = ScriptedFunction(database)
    runner = Runner(database, KEYRING, function, function, clock, f"engine-{os.getpid()}")
    job = RotationJob(database, KEYRING, runner, clock, wake)
    thread = threading.Thread(target=job.run)
    thread.start()
    pause = threading.Event()
    while not _is_idle(database, clock.now()):
        pause.wait(_LOOK_SECONDS)
    job.stop(1)
    thread.join()
    sys.stdout.writelines(f"{arn} {step}\n" for arn, step in function.calls)


def _is_idle(database: Database, now: datetime) -> bool:
    with database.read() as connection:
        return due.is_idle(connection, now)


def _secret(connection: Connection, arn: str) -> Secret:
    secret = rows.find_by_arn(connection, arn)
    assert secret is not None
    return secret


if __name__ == "__main__":
    main(Path(sys.argv[1]))
