"""A rotation on a real store, with a scripted function and a crash wherever one wants it.

The store is SQLite, the runner and the label rules are Keyturn's own. Scripted are only the two
things outside: the function (``Script``), which does what a rotation function does and keeps its
own record of the target's password, and the power supply (``CrashingDatabase``), which fails
before or after any commit.

    simulation = Simulation(tmp_path)
    simulation.crash_at = 3           # the third commit from now on is the last
    simulation.run_to_the_end()       # every crash is followed by a new engine
    simulation.assert_sound()
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path

from keyturn.functions.invocation import Invocation
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Rotation, Step
from keyturn.model.secret import AWSCURRENT, Secret, SecretValue
from keyturn.rotation import due, request as requests
from keyturn.rotation.run import Runner
from keyturn.rotation.schedule import parse
from keyturn.secrets import lifecycle, lookup, versions
from keyturn.store import rotations, secret_versions as version_rows
from keyturn.store.database import Connection, Database
from support.clock import FixedClock
from support.store import make_database

NOW = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
ACCOUNT, REGION = "123456789012", "us-east-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate"
TOKEN = "11111111-1111-4111-8111-111111111111"
FIRST = "00000000-0000-4000-8000-000000000000"
OWNER = "engine"
_ROUNDS_MAX = 200


class PowerCutError(BaseException):
    """The machine stops here. Not an Exception: nothing may catch it and go on."""


class CrashingDatabase:
    """A store whose machine stops around the commit that ``crash_at`` counts down to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.crash_at: int | None = None
        self.crashes_before_commit = False
        self.commits = 0
        self.is_off = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.is_off:
            raise PowerCutError
        self.commits += 1
        crashes = self.crash_at is not None and self.commits == self.crash_at
        with self._database.write() as connection:
            yield connection
            if crashes and self.crashes_before_commit:
                self.is_off = True
                raise PowerCutError
        if crashes:
            self.is_off = True
            raise PowerCutError

    def close(self) -> None:
        self._database.close()


@dataclass
class Script:
    """A rotation function, and the target whose password it changes.

    Attributes:
        failures: how often each step fails before it succeeds.
        accepted: the password that the target takes.
        before_step: called with each step's event, to interfere.
    """

    database: Database
    keyring: Keyring
    clock: FixedClock
    failures: dict[Step, int] = field(default_factory=dict)
    accepted: str = "first"
    events: list[dict[str, str]] = field(default_factory=list)
    before_step: Callable[[Step], None] = lambda _step: None
    moves_current: bool = True

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        assert function_arn == FUNCTION
        event = json.loads(payload)
        self.events.append(event)
        step = Step(event["Step"])
        self.before_step(step)
        if self.failures.get(step, 0) > 0:
            self.failures[step] -= 1
            return _invocation("Unhandled", {"errorType": "Refused", "errorMessage": "no"})
        getattr(self, f"_{step.name.lower()}")(event)
        return _invocation(None, None)

    def _create(self, event: dict[str, str]) -> None:
        token = event["ClientRequestToken"]
        with self.database.write() as connection:
            secret = self._secret(connection, event)
            version = version_rows.find_version(connection, secret.id, token)
            if version is None or version.sealed is None:
                value = SecretValue("string", Plaintext(f"made-for-{token}".encode()))
                new = versions.NewVersion(token=token, value=value, stages=["AWSPENDING"])
                versions.store_value(connection, self.keyring, secret, new, self.clock.now())

    def _set(self, event: dict[str, str]) -> None:
        self.accepted = self._value(event, event["ClientRequestToken"])

    def _test(self, event: dict[str, str]) -> None:
        assert self.accepted == self._value(event, event["ClientRequestToken"])

    def _finish(self, event: dict[str, str]) -> None:
        if not self.moves_current:
            return
        token = event["ClientRequestToken"]
        with self.database.write() as connection:
            secret = self._secret(connection, event)
            current = version_rows.stages_of(connection, secret.id)[AWSCURRENT]
            if current != token:
                versions.move_stage(
                    connection,
                    secret,
                    AWSCURRENT,
                    remove_from=current,
                    move_to=token,
                    now=self.clock.now(),
                )

    def _secret(self, connection: Connection, event: dict[str, str]) -> Secret:
        return lookup.find_alive(connection, ACCOUNT, REGION, event["SecretId"])

    def _value(self, event: dict[str, str], version_id: str) -> str:
        with self.database.read() as connection:
            secret = self._secret(connection, event)
            found = versions.find_value(connection, secret, version_id=version_id, stage=None)
        value = versions.open_value(self.keyring, secret, found.version)
        return value.plaintext.reveal().decode()


class EveryFunction:
    """Lets Secrets Manager invoke everything."""

    def may_invoke(self, function_arn: str, secret: Secret) -> bool:
        del function_arn, secret
        return True


class Simulation:
    """One secret, one rotation, and as many engines as it takes."""

    def __init__(self, folder: Path, *, expression: str = "rate(10 days)") -> None:
        self.clock = FixedClock(NOW)
        self.keyring = Keyring(Plaintext(b"k" * 32))
        self.plain = make_database(folder)
        self.database = CrashingDatabase(self.plain)
        self.script = Script(self.plain, self.keyring, self.clock)
        self.gate = EveryFunction()
        self.crashes = 0
        self._make_secret()
        self.rules = parse(
            automatically_after_days=None, schedule_expression=expression, duration=None
        )

    def rotate(self, *, is_immediate: bool = True) -> str:
        """Call RotateSecret."""
        with self.plain.write() as connection:
            return requests.rotate(
                connection,
                self.keyring,
                self.gate,
                self.secret(connection),
                requests.RotateRequest(
                    token=TOKEN,
                    lambda_arn=FUNCTION,
                    rules=self.rules,
                    is_immediate=is_immediate,
                ),
                self.clock.now(),
            )

    def run_to_the_end(self) -> None:
        """Run engines until no rotation is under way, moving the clock when one waits."""
        for _ in range(_ROUNDS_MAX):
            try:
                while self._runner().run_next():
                    continue
            except PowerCutError:
                self._restart()
                continue
            rotation = self.running()
            if rotation is None:
                return
            self.clock.advance(max(rotation.due_at - self.clock.now(), timedelta(0)))
        raise AssertionError("the rotation is stuck")

    def begin_due(self) -> int:
        """Begin what is due, as the engine's job does; return how many were looked at."""
        with self.plain.read() as connection:
            found = due.secret_ids(connection, self.clock.now(), 100)
        for secret_id in found:
            with self.plain.write() as connection:
                due.begin(connection, secret_id, self.clock.now())
        return len(found)

    def running(self) -> Rotation | None:
        """Return the rotation under way."""
        with self.plain.read() as connection:
            return rotations.find_running(connection, self.secret(connection).id)

    def latest(self) -> Rotation:
        """Return the rotation that began last."""
        with self.plain.read() as connection:
            rotation = rotations.find_latest(connection, self.secret(connection).id)
        assert rotation is not None
        return rotation

    def stages(self) -> dict[str, str]:
        """Return the secret's labels."""
        with self.plain.read() as connection:
            return version_rows.stages_of(connection, self.secret(connection).id)

    def secret(self, connection: Connection) -> Secret:
        """Return the secret."""
        return lookup.find(connection, ACCOUNT, REGION, "db")

    def current_value(self) -> str:
        """Return what GetSecretValue gives."""
        with self.plain.read() as connection:
            secret = self.secret(connection)
            found = versions.find_value(connection, secret, version_id=None, stage=None)
        value = versions.open_value(self.keyring, secret, found.version)
        return value.plaintext.reveal().decode()

    def assert_sound(self) -> None:
        """Nothing is under way, and the target takes the one AWSCURRENT."""
        assert self.running() is None
        assert AWSCURRENT in self.stages()
        assert self.current_value() == self.script.accepted

    def _runner(self) -> Runner:
        return Runner(
            self.database,  # type: ignore[arg-type]  # a store that crashes is one all the same
            self.keyring,
            self.script,
            self.gate,
            self.clock,
            OWNER,
        )

    def _restart(self) -> None:
        self.crashes += 1
        self.database.crash_at = None
        self.database.is_off = False
        with self.plain.write() as connection:
            rotations.release_leases_of(connection, OWNER)

    def _make_secret(self) -> None:
        value = SecretValue("string", Plaintext(b"first"))
        new = lifecycle.NewSecret(
            account=ACCOUNT,
            region=REGION,
            name="db",
            first_version=versions.NewVersion(token=FIRST, value=value),
            description=None,
            kms_key_id=None,
            tags=None,
        )
        with self.plain.write() as connection:
            lifecycle.create(connection, self.keyring, new, NOW)


def _invocation(function_error: str | None, document: object) -> Invocation:
    return Invocation(
        request_id="request",
        function_error=function_error,
        payload=json.dumps(document).encode(),
        log_tail=b"",
    )
