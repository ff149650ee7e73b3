"""Whatever is done to a secret, in whatever order, its versions and labels are as AWS documents.

The operations are Secrets Manager's own handlers and the engine's own ``Runner``, on a real store.
Beside them runs ``LabelModel``. After every command both must have given the same answer or the
same refusal; whatever was committed, DescribeSecret, ListSecretVersionIds and GetSecretValue must
show what the model holds. The rotation function is scripted: each step works, idles or fails, and
before each step anybody may do anything to the secret.

One run is one secret. All runs share a store: making one for each would take most of the time.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
import gc
import json
import logging
from pathlib import Path
import tempfile
from typing import Any, Final
import warnings

from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
import pytest
import structlog
from typing_extensions import override

from keyturn import app
from keyturn.api.calls import AuthorisedCall
from keyturn.api.common_faults import common_fault
from keyturn.core import Core
from keyturn.data_dir import DataDir
from keyturn.functions import package, permission, registry
from keyturn.functions.invocation import Invocation
from keyturn.functions.names import read_reference
from keyturn.functions.runtimes import OWN_PYTHON, Runtimes
from keyturn.model.errors import ServiceError
from keyturn.rotation.run import Runner
from keyturn.store import rotations, secrets
from rotation.label_commands import (
    AN_HOUR,
    CURRENT,
    FUNCTIONS,
    HOLDER,
    NTH,
    PENDING,
    PREVIOUS,
    TOKENS,
    UNKNOWN,
    Command,
    Get,
    Move,
    Put,
    Restore,
    Rotate,
    StepScript,
    Update,
    Value,
    commands,
    moves,
    others,
    puts,
    rotates,
    scripts,
    updates,
    values,
    waits,
)
from rotation.label_model import LABELS_MAX, Answer, LabelModel, Refused, Rotation
from rotation.simulator import EveryFunction
from support.clock import FixedClock
from support.function_bench import HANDLER, zipped
from support.iam_bench import ACCOUNT, START, IamBench

RUNS_MIN: Final = 2_000
STEPS_A_RUN: Final = 10

REGION: Final = "us-east-1"
PERMISSION: Final = {
    "StatementId": "SecretsManager",
    "Action": "lambda:InvokeFunction",
    "Principal": "secretsmanager.amazonaws.com",
}
GATE: Final = EveryFunction()
SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a temporary folder is made in it
NOW: Final = datetime(2026, 1, 14, 10, 30, tzinfo=UTC)
MOMENT: Final = timedelta(seconds=1)

# What so many runs can't fail to reach, or they test less than they seem to.
COMMON: Final = {
    *(("Get", code) for code in ("done", "InvalidRequest", "ResourceNotFound")),
    *(("Put", code) for code in ("done", "InvalidRequest", "ResourceExists", "LimitExceeded")),
    *(("Update", code) for code in ("done", "InvalidRequest", "ResourceExists")),
    *(("Move", code) for code in ("done", "InvalidParameter", "ResourceNotFound")),
    *(("Rotate", code) for code in ("done", "InvalidRequest", "AccessDenied")),
    *(("Cancel", code) for code in ("done", "InvalidRequest")),
    *(("Delete", code) for code in ("done", "InvalidRequest")),
    ("Restore", "done"),
    *(("rotation", how) for how in ("succeeded", "failed", "abandoned", "cancelled")),
    *(("rotation", how) for how in ("test succeeded", "test failed", "test abandoned")),
}

many = settings(
    max_examples=RUNS_MIN,
    stateful_step_count=STEPS_A_RUN,
    deadline=None,
    # A run is dozens of requests to a store, by design.
    suppress_health_check=[HealthCheck.too_slow],
)


class Bench:
    """Secrets Manager as an API process has it, on a store with two functions."""

    def __init__(self, folder: Path) -> None:
        iam = IamBench(folder)
        self.database, self.keyring = iam.database, iam.keyring
        self.runs = 0
        self.seen: Counter[tuple[str, str]] = Counter()
        self._caller = iam.administrator()
        core = Core(
            database=iam.database, keyring=iam.keyring, clock=iam.clock, authority=iam.authority
        )
        services = app._services(core, DataDir(folder), Runtimes())
        (self._api,) = (service for service in services if service.name == "secretsmanager")
        self._handlers = {entry.name: entry.handler for entry in self._api.operations}
        self._make_functions()

    def close(self) -> None:
        with warnings.catch_warnings():
            # An API process keeps its socket to the engine for as long as it lives.
            warnings.simplefilter("ignore", ResourceWarning)
            del self._api, self._handlers
            gc.collect()
        self.database.close()

    def ask(self, operation: str, now: datetime, **members: object) -> dict[str, Any]:
        """Return the members of the answer; a refusal is raised as the model raises it."""
        call = AuthorisedCall(
            caller=self._caller,
            region=REGION,
            request_id="request",
            received_at=now,
            source_ip="127.0.0.1",
            params={name: member for name, member in members.items() if member is not None},
        )
        try:
            answer = self._handlers[operation](call)
        except ServiceError as error:
            raise self._refused(error) from error
        return {name: member for name, member in answer.items() if member is not None}

    def _refused(self, error: ServiceError) -> Refused:
        fault = common_fault(self._api.name, error) or self._api.fault_of(error)
        assert fault is not None, error
        return Refused(fault.code, fault.message)

    def _make_functions(self) -> None:
        code = package.check(zipped({"lambda_function.py": ""}))
        request = {
            "Role": f"arn:aws:iam::{ACCOUNT}:role/rotation",
            "Runtime": OWN_PYTHON,
            "Handler": HANDLER,
            "Code": {"ZipFile": code.zipped},
        }
        with self.database.write() as connection:
            for name in FUNCTIONS:
                reference = read_reference(name, region=REGION, account=ACCOUNT)
                made = registry.create(connection, self.keyring, reference, request, code, START)
                if name == "permitted":
                    permission.add(connection, made, PERMISSION)


class LabelMachine(RuleBasedStateMachine):
    """One secret, its model, and the rotation function."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self.bench = bench
        self.model = LabelModel()
        self.clock = FixedClock(NOW)
        self.arn = ""
        self.script: list[StepScript] = []
        self.last_begun = ""
        self.had_current = False
        self.named_previous = False
        self.changes = 0

    @initialize(value=st.none() | values | values)
    def create(self, value: Value | None) -> None:
        members: dict[str, object] = {} if value is None else dict([value])
        made = self.bench.ask(
            "CreateSecret", self.clock.now(), Name="db", ClientRequestToken=TOKENS[0], **members
        )
        self.arn = made["ARN"]
        if value is not None:
            self.model.do(Put(TOKENS[0], value), self.clock.now())
        assert made.get("VersionId") == (None if value is None else TOKENS[0])

    @rule(command=puts | updates)
    def store(self, command: Command) -> None:
        self.do(command)

    @rule(command=moves)
    def move(self, command: Command) -> None:
        self.do(command)

    @rule(command=rotates, script=scripts, waits=waits)
    def rotate(self, command: Command, script: list[StepScript], waits: timedelta) -> None:
        if self.model.running is None:
            self.do(command)
        else:
            self.run_engine(script, waits)

    @rule(command=others, meanwhile=commands)
    def do_something_else(self, command: Command, meanwhile: Command) -> None:
        self.do(command)
        if self.model.is_deleted:
            self.do(meanwhile)
            self.run_engine([], AN_HOUR)
            self.do(Restore())

    def run_engine(self, script: list[StepScript], waits: timedelta) -> None:
        """Have an engine do whatever is due."""
        self.clock.advance(waits)
        self.script = script
        bench, before = self.bench, self.bench.database.stamp()
        runner = Runner(bench.database, bench.keyring, self, GATE, self.clock, "engine")
        while self.model.take_up(self.clock.now()):
            assert runner.run_next()
        assert not runner.run_next()
        if self.model.running is not None:
            self.model.wait_until(self._due_at())
        if bench.database.stamp() != before:
            self._check()

    def _due_at(self) -> datetime:
        with self.bench.database.read() as connection:
            secret = secrets.find_by_arn(connection, self.arn)
            assert secret is not None
            running = rotations.find_running(connection, secret.id)
        assert running is not None
        return running.due_at

    def invoke(self, function_arn: str, payload: bytes) -> Invocation:
        """Be the rotation function."""
        event, rotation = json.loads(payload), self.model.running
        assert function_arn == FUNCTIONS["permitted"]
        assert rotation is not None
        assert event["SecretId"] == self.arn
        assert (event["ClientRequestToken"], event["Step"]) == (rotation.token, rotation.steps[0])
        script = self.script.pop(0) if self.script else StepScript("works")
        if script.interference is not None:
            self.do(script.interference)
        has_succeeded = self._perform(script.behaviour, event["Step"], rotation)
        self.model.end_step(rotation, self.clock.now(), has_succeeded=has_succeeded)
        return Invocation(
            request_id="request",
            function_error=None if has_succeeded else "Unhandled",
            payload=b"null",
            log_tail=b"",
        )

    def do(self, command: Command) -> Answer | Refused:
        """Do it to the secret and to the model, and compare."""
        command = self._meant(command)
        if self._is_left_out(command):
            return Refused("left out")
        self.clock.advance(MOMENT)
        self.named_previous = self.named_previous or names_previous(command)
        before = self.bench.database.stamp()
        answer = self._answer(command)
        is_changed = self.bench.database.stamp() != before
        expected = self._expected(command, answer)
        assert_as_expected(command, answer, expected)
        if isinstance(expected, Refused):
            assert not is_changed, f"a refusal changed the store: {command}"
        if is_changed:
            self._check()
        outcome = expected.code if isinstance(expected, Refused) else "done"
        self.bench.seen[type(command).__name__, outcome.removesuffix("Exception")] += 1
        return answer

    @override
    def teardown(self) -> None:
        self.bench.runs += 1
        self.bench.seen.update(("rotation", how) for how in self.model.endings)
        if self.arn:
            self._show("DeleteSecret", ForceDeleteWithoutRecovery=True)

    def _meant(self, command: Command) -> Command:
        match command:
            case Get(version_id, stage):
                return Get(self._meant_id(version_id), stage)
            case Move(stage, remove_from, move_to) if remove_from == HOLDER:
                return Move(stage, self.model.labels.get(stage), self._meant_id(move_to))
            case Move(stage, remove_from, move_to):
                return Move(stage, self._meant_id(remove_from), self._meant_id(move_to))
            case _:
                return command

    def _meant_id(self, version_id: str | None) -> str | None:
        if version_id not in NTH:
            return version_id
        known = list(self.model.versions) or [UNKNOWN]
        return known[min(NTH.index(version_id), len(known) - 1)]

    def _is_left_out(self, command: Command) -> bool:
        model, running = self.model, self.model.running
        current = model.labels.get(CURRENT)
        is_current_previous = current is not None and current == model.labels.get(PREVIOUS)
        match command:
            case Rotate(token, is_immediate):
                is_pending = token == model.labels.get(PENDING)
                return (
                    (len(model.labels) == LABELS_MAX and PENDING not in model.labels)
                    or (is_pending and model.versions[token] is not None)
                    or (not is_immediate and current is not None and not model.versions[current])
                    or token == model.last_rotated != self.last_begun
                    or (running is not None and running.is_test and model.is_pointless(running))
                )
            case Move(stage, _, move_to):
                return is_current_previous and stage == CURRENT and move_to == current
            case Put(token) | Update(token):
                return is_current_previous and token == current
            case _:
                return False

    def _answer(self, command: Command) -> Answer | Refused:
        operation, members = command.request
        try:
            return self._show(operation, **members)
        except Refused as refused:
            return refused

    def _expected(self, command: Command, answer: Answer | Refused) -> Answer | Refused:
        fresh_id = "" if isinstance(answer, Refused) else str(answer.get("VersionId"))
        before = self.model.running
        try:
            expected = self.model.do(command, self.clock.now(), fresh_id)
        except Refused as refused:
            return refused
        running = self.model.running
        if running is not None and running is not before:
            self.last_begun = running.token
        return expected

    def _perform(self, behaviour: str, step: str, rotation: Rotation) -> bool:
        if behaviour in ("idles", "fails"):
            return behaviour == "idles"
        if step == "createSecret":
            return self._make_value(rotation.token)
        if step == "finishSecret":
            return self._promote(rotation.token, is_tidy=behaviour != "works")
        return True

    def _make_value(self, token: str) -> bool:
        found = self.do(Get(token, PENDING))
        if not isinstance(found, Refused) or found.code != "ResourceNotFoundException":
            return not isinstance(found, Refused)
        made = Put(token, ("SecretString", f"made for {token}"), (PENDING,))
        return not isinstance(self.do(made), Refused)

    def _promote(self, token: str, *, is_tidy: bool) -> bool:
        current = self.model.labels.get(CURRENT)
        moves = [Move(CURRENT, current, token)] if current != token else []
        moves += [Move(PENDING, token)] if is_tidy else []
        return not any(isinstance(self.do(move), Refused) for move in moves)

    def _check(self) -> None:
        shown = self._show("DescribeSecret")
        labelled = shown.get("VersionIdsToStages", {})
        assert labelled == self.model.labelled()
        assert ("VersionIdsToStages" in shown) == bool(labelled)
        assert shown.get("RotationEnabled") == self.model.is_rotating
        assert ("DeletedDate" in shown) == self.model.is_deleted
        self._check_rules(labelled)
        # In turn: either takes as long as the command itself.
        self.changes += 1
        if self.changes % 2:
            self._check_versions()
        else:
            self._check_current_value()

    def _check_rules(self, labelled: Mapping[str, list[str]]) -> None:
        holders = {label: version_id for version_id, held in labelled.items() for label in held}
        assert len(holders) == sum(map(len, labelled.values())), "a label is on one version"
        assert len(holders) <= LABELS_MAX
        self.had_current = self.had_current or CURRENT in holders
        assert (CURRENT in holders) == self.had_current, "AWSCURRENT is never lost"
        if PREVIOUS in holders and not self.named_previous:
            assert holders[PREVIOUS] != holders.get(CURRENT)

    def _check_versions(self) -> None:
        for with_deprecated in (True, False):
            expected = self.model.listed(with_deprecated=with_deprecated)
            assert self._shown_versions(with_deprecated=with_deprecated) == expected
            if [] not in expected.values():
                return

    def _shown_versions(self, *, with_deprecated: bool) -> dict[str, list[str]]:
        shown = self._show("ListSecretVersionIds", IncludeDeprecated=with_deprecated)["Versions"]
        created = [version["CreatedDate"] for version in shown]
        assert created == sorted(created)
        # One that is None is left out on the wire.
        assert all(version.get("VersionStages") != [] for version in shown)
        return {version["VersionId"]: version.get("VersionStages") or [] for version in shown}

    def _check_current_value(self) -> None:
        assert_as_expected(Get(), self._answer(Get()), self._expected(Get(), {}))

    def _show(self, operation: str, **members: object) -> dict[str, Any]:
        return self.bench.ask(operation, self.clock.now(), SecretId=self.arn, **members)


def names_previous(command: Command) -> bool:
    """Tell whether AWSPREVIOUS goes somewhere because somebody says so."""
    match command:
        case Move(stage, _, move_to):
            return stage == PREVIOUS and move_to is not None
        case Put(_, _, wanted):
            return PREVIOUS in (wanted or ())
        case _:
            return False


def assert_as_expected(
    command: Command, answer: Answer | Refused, expected: Answer | Refused
) -> None:
    shown = f"{command}: {answer!r}, expected {expected!r}"
    if isinstance(expected, Refused) or isinstance(answer, Refused):
        assert isinstance(expected, Refused), shown
        assert isinstance(answer, Refused), shown
        assert answer.code == expected.code, shown
        assert expected.words in answer.words, shown
        return
    assert {name: answer.get(name) for name in expected} == expected, shown
    assert ("VersionId" in answer) == ("VersionId" in expected), shown


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(
        dir=SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    ) as folder:
        bench = Bench(Path(folder))
        yield bench
        bench.close()
    structlog.reset_defaults()


def test_every_change_of_labels_is_as_aws_documents_it(bench: Bench) -> None:
    machine = partial(LabelMachine, bench)

    run_state_machine_as_test(machine, settings=many)  # type: ignore[arg-type]  # a function will do

    assert bench.runs >= RUNS_MIN
    assert COMMON - bench.seen.keys() == set()
