"""A rotation on a real store, with a scripted function and a crash wherever one wants it.

The store is SQLite, the runner and the label rules are Keyturn's own. Scripted are only the two
things outside: the function (``Script``), which does what a rotation function does to a target
that knows one password, and the power supply, which fails before or after any commit
(``CrashingDatabase``), or before or after a step's work while the function runs.

    simulation = Simulation(tmp_path)
    simulation.rotate()
    simulation.database.crash_at = 3                               # the third commit is the last
    simulation.script.stumbles[Step.SET] = [Stumble("Sandbox.Timedout", is_after=True)]
    simulation.run_to_the_end()                    # every crash is followed by a new engine
    simulation.assert_sound()
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

from keyturn.functions.invocation import Invocation
from keyturn.keys.keyring import Keyring
from keyturn.model.plaintext import Plaintext
from keyturn.model.rotation import Rotation, Step
from keyturn.model.secret import AWSCURRENT, AWSPREVIOUS, Secret, SecretValue
from keyturn.rotation import due, request as requests
from keyturn.rotation.run import Runner
from keyturn.rotation.schedule import parse
from keyturn.secrets import lifecycle, lookup, versions
from keyturn.store import rotation_claims, rotations, secret_versions as version_rows
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
        self._writes_refused = 0

    def refuse_writes(self, count: int) -> None:
        """Let the next writes fail, as those to a full disk do."""
        self._writes_refused = count

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        if self.is_off:
            raise PowerCutError
        if self._writes_refused:
            self._writes_refused -= 1
            raise OSError("the disk is full")
        self.commits += 1
        crashes = self.crash_at is not None and self.commits == self.crash_at
        with self._database.write() as connection:
            yield connection
            if crashes and self.crashes_before_commit:
                self.cut_power()
        if crashes:
            self.cut_power()

    def cut_power(self) -> NoReturn:
        """Stop the machine here."""
        self.is_off = True
        raise PowerCutError

    def close(self) -> None:
        self._database.close()


@dataclass(frozen=True)
class Stumble:
    """How a step fails once: with which error, and whether it had done its work by then."""

    error_type: str
    is_after: bool = False


@dataclass
class Script:
    """A rotation function, and the target whose password it changes.

    Attributes:
        failures: how often each step fails, before its work, before it succeeds.
        stumbles: how each step fails before it succeeds.
        cuts_power: the call, counted from 1, during which the engine dies; and whether the
            function had done its work by then.
        accepted: the password that the target takes.
        refuses: how many passwords in a row the target doesn't take.
        before_step: called with each step's event, to interfere.
    """

    database: Database
    keyring: Keyring
    clock: FixedClock
    cut_power: Callable[[], None]
    failures: dict[Step, int] = field(default_factory=dict)
    stumbles: dict[Step, list[Stumble]] = field(default_factory=dict)
    cuts_power: tuple[int, bool] | None = None
    accepted: str = "first"
    refuses: int = 0
    events: list[dict[str, str]] = field(default_factory=list)
    before_step: Callable[[Step], None] = lambda _step: None
    after_step: Callable[[Step], None] = lambda _step: None
    moves_current: bool = True

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        assert function_arn == FUNCTION
        event = json.loads(payload)
        self.events.append(event)
        step = Step(event["Step"])
        self.before_step(step)
        if self.failures.get(step, 0) > 0:
            self.failures[step] -= 1
            return _failed("StatementFailedError")
        if self.cuts_power == (len(self.events), False):
            self.cut_power()
        planned = self.stumbles.get(step)
        stumble = planned.pop(0) if planned else None
        error_type = None
        if stumble is None or stumble.is_after:
            error_type = getattr(self, f"_{step.name.lower()}")(event)
        if self.cuts_power == (len(self.events), True):
            self.cut_power()
        self.after_step(step)
        if stumble is not None:
            return _failed(stumble.error_type)
        return _failed(error_type) if error_type else _invocation(None, None)

    def _create(self, event: dict[str, str]) -> None:
        token = event["ClientRequestToken"]
        with self.database.write() as connection:
            secret = self._secret(connection, event)
            version = version_rows.find_version(connection, secret.id, token)
            if version is None or version.sealed is None:
                value = SecretValue("string", Plaintext(f"made-for-{token}".encode()))
                new = versions.NewVersion(token=token, value=value, stages=["AWSPENDING"])
                versions.store_value(connection, self.keyring, secret, new, self.clock.now())

    def _set(self, event: dict[str, str]) -> str | None:
        """Log in as functions do, with what the labels name, and change the password."""
        pending = self._value(event, event["ClientRequestToken"])
        if self.accepted == pending:
            return None
        if self.accepted not in self._labelled(event):
            return "LoginRefusedError"
        if self.refuses:
            self.refuses -= 1
            return "PasswordRefusedError"
        self.accepted = pending
        return None

    def _test(self, event: dict[str, str]) -> str | None:
        is_accepted = self.accepted == self._value(event, event["ClientRequestToken"])
        return None if is_accepted else "LoginRefusedError"

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

    def _labelled(self, event: dict[str, str]) -> set[str]:
        with self.database.read() as connection:
            stages = version_rows.stages_of(connection, self._secret(connection, event).id)
        known = [stages[stage] for stage in (AWSCURRENT, AWSPREVIOUS) if stage in stages]
        return {self._value(event, version_id) for version_id in known}

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

    def __init__(self, database: Path | Database, *, expression: str = "rate(10 days)") -> None:
        self.clock = FixedClock(NOW)
        self.keyring = Keyring(Plaintext(b"k" * 32))
        # Many simulations may share a store: each has a secret of its own there.
        self.plain = make_database(database) if isinstance(database, Path) else database
        self.name = f"db-{uuid4()}"
        self.database = CrashingDatabase(self.plain)
        self.script = Script(self.plain, self.keyring, self.clock, self.database.cut_power)
        self.gate = EveryFunction()
        self.crashes = 0
        self.crash_again_at: int | None = None
        self._make_secret()
        self.rules = parse(
            automatically_after_days=None, schedule_expression=expression, duration=None
        )

    def rotate(self, *, token: str = TOKEN, is_immediate: bool = True) -> str:
        """Call RotateSecret."""
        with self.plain.write() as connection:
            return requests.rotate(
                connection,
                self.keyring,
                self.gate,
                self.secret(connection),
                requests.RotateRequest(
                    token=token,
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
                while self.runner().run_next():
                    continue
            except PowerCutError:
                self.restart()
                continue
            rotation = self.running()
            if rotation is None:
                return
            self.clock.advance(max(rotation.due_at - self.clock.now(), timedelta(0)))
        raise AssertionError("the rotation is stuck")

    def run_until(self, end: datetime) -> None:
        """Run engines until no rotation is under way, or none is due until ``end``."""
        while (rotation := self.running()) is not None and rotation.due_at <= end:
            self.clock.advance(max(rotation.due_at - self.clock.now(), timedelta(0)))
            while self.runner().run_next():
                continue

    def begin_due(self) -> int:
        """Begin what is due, as the engine's job does; return how many were looked at."""
        with self.plain.read() as connection:
            found = due.secret_ids(connection, self.clock.now(), 100)
        for secret_id in found:
            with self.plain.write() as connection:
                due.begin(connection, self.keyring, secret_id, self.clock.now())
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

    def history(self) -> list[Rotation]:
        """Return every rotation of the secret, the latest first."""
        with self.plain.read() as connection:
            return rotations.list_latest(connection, self.secret(connection).id, 100)

    def stages(self) -> dict[str, str]:
        """Return the secret's labels."""
        with self.plain.read() as connection:
            return version_rows.stages_of(connection, self.secret(connection).id)

    def secret(self, connection: Connection) -> Secret:
        """Return the secret."""
        return lookup.find(connection, ACCOUNT, REGION, self.name)

    def current_value(self) -> str:
        """Return what GetSecretValue gives."""
        with self.plain.read() as connection:
            secret = self.secret(connection)
            found = versions.find_value(connection, secret, version_id=None, stage=None)
        value = versions.open_value(self.keyring, secret, found.version)
        return value.plaintext.reveal().decode()

    def assert_sound(self) -> None:
        """Nothing is under way or held, and the target takes the one AWSCURRENT."""
        assert self.running() is None
        with self.plain.read() as connection:
            assert not rotation_claims.is_any_held(connection)
        assert AWSCURRENT in self.stages()
        assert self.current_value() == self.script.accepted

    def runner(self) -> Runner:
        """Return an engine's runner."""
        return Runner(
            self.database,  # type: ignore[arg-type]  # a store that crashes is one all the same
            self.keyring,
            self.script,
            self.gate,
            self.clock,
            OWNER,
        )

    def restart(self) -> None:
        """Start the machine again after a power cut."""
        self.crashes += 1
        self.database.crash_at, self.crash_again_at = self.crash_again_at, None
        self.database.commits = 0
        self.script.cuts_power = None
        self.database.is_off = False
        with self.plain.write() as connection:
            rotation_claims.release_leases_of(connection, OWNER)

    def _make_secret(self) -> None:
        value = SecretValue("string", Plaintext(b"first"))
        new = lifecycle.NewSecret(
            account=ACCOUNT,
            region=REGION,
            name=self.name,
            first_version=versions.NewVersion(token=FIRST, value=value),
            description=None,
            kms_key_id=None,
            tags=None,
        )
        with self.plain.write() as connection:
            lifecycle.create(connection, self.keyring, new, NOW)


def _failed(error_type: str) -> Invocation:
    return _invocation("Unhandled", {"errorType": error_type, "errorMessage": "no"})


def _invocation(function_error: str | None, document: object) -> Invocation:
    return Invocation(
        request_id="request",
        function_error=function_error,
        payload=json.dumps(document).encode(),
        log_tail=b"",
    )
