"""One rotation, from its claim to its end. Read it downwards.

    claim    lease the longest-due rotation, so that nobody else takes it
    begin    record the step that comes next; from here a crash repeats it
    invoke   call the function and wait for it
    record   write down how it ended, and decide what follows: the next step, a later attempt,
             the end

Each of these is one transaction or one call, never both. A holder that lost its lease to another
finds its write refused, and lets go. What to do next is decided by ``keyturn.rotation.machine``.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
import json
import threading
from typing import Final

import structlog

from keyturn.functions.invocation import Invocation, Invoker
from keyturn.functions.refusals import FunctionNotFoundError, FunctionUnavailableError
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.model.rotation import Rotation
from keyturn.model.secret import Secret
from keyturn.rotation import transition
from keyturn.rotation.failure import reason_of
from keyturn.rotation.machine import Failed, Outcome, Position, Succeeded, next_move
from keyturn.rotation.request import InvocationGate
from keyturn.store import rotation_steps, rotations
from keyturn.store.database import Connection, Database
from keyturn.store.rotations import LeaseLostError

_log = structlog.get_logger(__name__)

# Lambda's longest timeout, and a minute to record the outcome.
LEASE: Final = timedelta(seconds=900 + 60)
PAUSE_AFTER_ERROR: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunStep:
    """A step that is recorded as begun and must be invoked."""

    secret: Secret
    lambda_arn: str
    position: Position
    step_id: int
    event: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedStep:
    """A step that was invoked, and how it ended."""

    begun: BegunStep
    outcome: Outcome
    request_id: str | None


class Runner:
    """Runs rotations, one at a time, for one owner of leases. Threads may share it."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        invoker: Invoker,
        gate: InvocationGate,
        clock: Clock,
        owner: str,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._invoker = invoker
        self._gate = gate
        self._clock = clock
        self._owner = owner
        self._is_stopping = threading.Event()

    def stop(self) -> None:
        """Have rotations under way end with the step that they are at; the next engine goes on."""
        self._is_stopping.set()

    def run_next(self) -> bool:
        """Run the longest-due rotation until it ends or waits; False if none is due."""
        rotation = self._claim()
        if rotation is None:
            return False
        try:
            with self._let_go_on_error(rotation):
                begun = self._begin_claimed(rotation)
                while begun is not None:
                    begun = self._record(rotation, self._invoke(begun))
        except LeaseLostError:
            _log.warning("rotation cancelled, or taken over by another engine", id=rotation.id)
        return True

    @contextmanager
    def _let_go_on_error(self, rotation: Rotation) -> Iterator[None]:
        # Whatever went wrong here says nothing about the rotation: another try follows soon, and
        # doesn't wait for the lease to end.
        is_done = False
        try:
            yield
            is_done = True
        finally:
            if not is_done:
                with self._database.write() as connection:
                    due_at = self._clock.now() + PAUSE_AFTER_ERROR
                    rotations.release(connection, rotation, due_at)

    def _claim(self) -> Rotation | None:
        now = self._clock.now()
        with self._database.write() as connection:
            return rotations.claim_due(
                connection, owner=self._owner, now=now, lease_until=now + LEASE
            )

    def _begin_claimed(self, rotation: Rotation) -> BegunStep | None:
        position = Position(rotation.kind, rotation.step, rotation.attempt)
        with self._database.write() as connection:
            secret = transition.secret_in_rotation(connection, rotation, self._clock.now())
            if secret is None:
                return None
            return self._begin(connection, rotation, secret, position)

    def _invoke(self, begun: BegunStep) -> EndedStep:
        arn = begun.lambda_arn
        if not self._gate.may_invoke(arn, begun.secret):
            refusal = Failed(f"{arn} doesn't exist, or its policy doesn't allow the call any more")
            return EndedStep(begun=begun, outcome=refusal, request_id=None)
        try:
            invocation = self._invoker.invoke(arn, begun.event)
        except (FunctionNotFoundError, FunctionUnavailableError) as error:
            return EndedStep(begun=begun, outcome=Failed(str(error)), request_id=None)
        outcome = self._outcome(begun, invocation)
        return EndedStep(begun=begun, outcome=outcome, request_id=invocation.request_id)

    def _record(self, rotation: Rotation, ended: EndedStep) -> BegunStep | None:
        now = self._clock.now()
        begun, outcome = ended.begun, ended.outcome
        reason = outcome.reason if isinstance(outcome, Failed) else None
        with self._database.write() as connection:
            rotation_steps.end(
                connection, begun.step_id, now=now, request_id=ended.request_id, reason=reason
            )
            secret = transition.secret_in_rotation(connection, rotation, now)
            if secret is None:
                return None
            move = next_move(begun.position, outcome, now=now, retry_until=rotation.retry_until)
            position = transition.follow(connection, rotation, secret, begun.position, move, now)
            if position is None:
                return None
            if self._is_stopping.is_set():
                rotations.hand_over(
                    connection, rotation, step=position.step, attempt=position.attempt, now=now
                )
                return None
            return self._begin(connection, rotation, secret, position)

    def _begin(
        self, connection: Connection, rotation: Rotation, secret: Secret, position: Position
    ) -> BegunStep:
        now = self._clock.now()
        step, attempt = position.step, position.attempt
        rotations.prolong(
            connection, rotation, step=step, attempt=attempt, lease_until=now + LEASE
        )
        step_id = rotation_steps.begin(
            connection, rotation.id, step=step, attempt=attempt, now=now
        )
        assert secret.rotation is not None
        assert secret.rotation.lambda_arn is not None
        return BegunStep(
            secret=secret,
            lambda_arn=secret.rotation.lambda_arn,
            position=position,
            step_id=step_id,
            event=self._event(secret, position, rotation.token),
        )

    def _event(self, secret: Secret, position: Position, token: str) -> bytes:
        # AWS: "Lambda rotation functions", the event; SecretId is always the whole ARN.
        event = {
            "Step": position.step.value,
            "SecretId": secret.arn,
            "ClientRequestToken": token,
            "RotationToken": self._keyring.mark("rotation", secret.arn, token),
        }
        return json.dumps(event).encode()

    def _outcome(self, begun: BegunStep, invocation: Invocation) -> Outcome:
        if invocation.function_error is None:
            return Succeeded()
        with self._database.read() as connection:
            reason = reason_of(connection, self._keyring, begun.secret, invocation.payload)
        return Failed(f"{begun.lambda_arn} failed during {begun.position.step.value}: {reason}")
