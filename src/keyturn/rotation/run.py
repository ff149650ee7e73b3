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
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
import json
from secrets import randbelow
import threading
from typing import Final

import structlog

from keyturn.functions.invocation import Invocation, Invoker
from keyturn.functions.refusals import FunctionNotFoundError, FunctionUnavailableError
from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock
from keyturn.model.rotation import Cause, Failure, Rotation, Step
from keyturn.model.secret import Secret
from keyturn.rotation import host, transition
from keyturn.rotation.failure import failure_of
from keyturn.rotation.machine import (
    Outcome,
    Prospects,
    Succeeded,
    begins_too_late,
    may_be_set_after,
    next_move,
)
from keyturn.rotation.request import InvocationGate
from keyturn.rotation.writers import rotation_token
from keyturn.store import rotation_claims, rotation_steps, rotations
from keyturn.store.database import Connection, Database
from keyturn.store.rotation_claims import Claimant
from keyturn.store.rotations import LeaseLostError

_log = structlog.get_logger(__name__)

#: How soon another engine takes over from one that is gone. A step may take longer: whoever is at
#: it prolongs its lease.
LEASE: Final = timedelta(seconds=60)
PAUSE_AFTER_ERROR: Final = timedelta(seconds=60)
#: A secret that is scheduled for deletion may come back, and its target may have the new value:
#: its rotation waits, and looks so often. It goes with the secret.
WAIT_FOR_RESTORE: Final = timedelta(minutes=30)
#: A server has other clients than us, each with a right to its connections.
ROTATIONS_PER_HOST_MAX: Final = 4

_UNTELLABLE: Final = Failure(
    Cause.UNKNOWN,
    "its message can't be shown, since a version of the secret can't be decrypted to take its "
    "value out: the master key is another than it was, or the store is damaged",
)
_JITTERS: Final = 1000
_CLOSED: Final = Failure(
    Cause.WINDOW_CLOSED,
    "its window closed before it could begin; it is tried in the next one, or at once with: "
    "keyturn rotation retry",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunStep:
    """A step that is recorded as begun and must be invoked.

    Attributes:
        rotation: at this step; it says what the target may have had before.
    """

    rotation: Rotation
    secret: Secret
    lambda_arn: str
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
        self._at: frozenset[int] = frozenset()
        self._at_lock = threading.Lock()
        self._is_stopping = threading.Event()

    def stop(self) -> None:
        """Have rotations under way end with the step that they are at; the next engine goes on."""
        self._is_stopping.set()

    def claimant(self) -> Claimant:
        """Return whom rotations are claimed for."""
        return Claimant(owner=self._owner, at=self._at, per_host_max=ROTATIONS_PER_HOST_MAX)

    def keep_leases(self) -> None:
        """Prolong the leases of rotations under way; to be called well within ``LEASE``."""
        at = self._at
        if at:
            with self._database.write() as connection:
                until = self._clock.now() + LEASE
                rotation_claims.prolong(connection, self._owner, at, until)

    def run_next(self) -> bool:
        """Run the longest-due rotation until it ends or waits; False if none may be claimed."""
        rotation = self._claim()
        if rotation is None:
            return False
        try:
            with self._let_go_at_the_end(rotation):
                begun = self._begin_claimed(rotation)
                while begun is not None:
                    begun = self._record(self._invoke(begun))
        except LeaseLostError:
            _log.warning("rotation cancelled, or taken over by another engine", id=rotation.id)
        return True

    @contextmanager
    def _let_go_at_the_end(self, rotation: Rotation) -> Iterator[None]:
        is_done = False
        try:
            yield
            is_done = True
        finally:
            # Whatever went wrong here says nothing about the rotation: another try follows soon,
            # and doesn't wait for the lease to end.
            try:
                if not is_done:
                    with self._database.write() as connection:
                        due_at = self._clock.now() + PAUSE_AFTER_ERROR
                        rotations.release(connection, rotation, due_at)
                        rotation_claims.let_go(connection, rotation, self._owner)
            finally:
                # If even that failed, the lease ends by itself.
                with self._at_lock:
                    self._at -= {rotation.id}

    def _claim(self) -> Rotation | None:
        now = self._clock.now()
        with self._database.write() as connection:
            rotation = rotation_claims.claim_due(
                connection, self.claimant(), now=now, lease_until=now + LEASE
            )
        if rotation is not None:
            with self._at_lock:
                self._at |= {rotation.id}
        return rotation

    def _begin_claimed(self, rotation: Rotation) -> BegunStep | None:
        now = self._clock.now()
        with self._database.write() as connection:
            secret = self._secret(connection, rotation, now)
            if secret is None:
                return None
            if secret.deleted_at is not None:
                rotations.release(connection, rotation, now + WAIT_FOR_RESTORE)
                return None
            if begins_too_late(_prospects(rotation, now)):
                transition.give_up(connection, rotation, secret, rotation.failure or _CLOSED, now)
                return None
            return self._begin(connection, rotation, secret)

    def _invoke(self, begun: BegunStep) -> EndedStep:
        arn = begun.lambda_arn
        if not self._gate.may_invoke(arn, begun.secret):
            return _not_invoked(
                begun,
                Cause.FUNCTION_NOT_INVOCABLE,
                f"{arn} doesn't exist, or its policy doesn't allow the call any more",
            )
        try:
            invocation = self._invoker.invoke(arn, begun.event)
        except FunctionNotFoundError as error:
            return _not_invoked(begun, Cause.FUNCTION_NOT_INVOCABLE, str(error))
        except FunctionUnavailableError as error:
            return _not_invoked(begun, Cause.FUNCTION_UNAVAILABLE, str(error))
        outcome = self._outcome(begun, invocation)
        return EndedStep(begun=begun, outcome=outcome, request_id=invocation.request_id)

    def _record(self, ended: EndedStep) -> BegunStep | None:
        now = self._clock.now()
        rotation = _after(ended)
        try:
            with self._database.write() as connection:
                self._end_step(connection, rotation, ended, now)
                return self._follow(connection, rotation, ended.outcome, now)
        except LeaseLostError:
            # What follows is somebody else's to decide; how the step ended is worth knowing still.
            with self._database.write() as connection:
                self._end_step(connection, rotation, ended, now)
            raise

    def _end_step(
        self, connection: Connection, rotation: Rotation, ended: EndedStep, now: datetime
    ) -> None:
        failure = ended.outcome if isinstance(ended.outcome, Failure) else None
        rotation_steps.end(
            connection,
            rotation,
            ended.begun.step_id,
            now=now,
            request_id=ended.request_id,
            failure=failure,
        )
        cause = None if failure is None else failure.cause
        host.note_outcome(connection, rotation.target, rotation.step, cause, now)

    def _follow(
        self, connection: Connection, rotation: Rotation, outcome: Outcome, now: datetime
    ) -> BegunStep | None:
        secret = self._secret(connection, rotation, now)
        if secret is None:
            return None
        prospects = _prospects(rotation, now)
        move = next_move(rotation.position, outcome, prospects)
        position = transition.follow(connection, rotation, secret, move, prospects)
        if position is None:
            return None
        if secret.deleted_at is not None:
            due_at = now + WAIT_FOR_RESTORE
            rotations.hand_over(connection, rotation, position, due_at=due_at)
            return None
        if self._is_stopping.is_set():
            rotations.hand_over(connection, rotation, position, due_at=now)
            return None
        return self._begin(connection, replace(rotation, position=position), secret)

    def _secret(self, connection: Connection, rotation: Rotation, now: datetime) -> Secret | None:
        secret = transition.secret_in_rotation(connection, rotation, now)
        if secret is None:
            rotation_claims.let_go(connection, rotation, self._owner)
        return secret

    def _begin(self, connection: Connection, rotation: Rotation, secret: Secret) -> BegunStep:
        # Should we die while the function runs, the target may have the value by then.
        may_be_set = rotation.may_be_set or rotation.step is Step.SET
        rotations.advance(connection, rotation, may_be_set=may_be_set)
        step_id = rotation_steps.begin(
            connection, rotation.id, rotation.position, now=self._clock.now()
        )
        assert secret.rotation is not None
        assert secret.rotation.lambda_arn is not None
        return BegunStep(
            rotation=rotation,
            secret=secret,
            lambda_arn=secret.rotation.lambda_arn,
            step_id=step_id,
            event=self._event(secret, rotation),
        )

    def _event(self, secret: Secret, rotation: Rotation) -> bytes:
        # AWS: "Lambda rotation functions", the event; SecretId is always the whole ARN.
        event = {
            "Step": rotation.step.value,
            "SecretId": secret.arn,
            "ClientRequestToken": rotation.token,
            "RotationToken": rotation_token(self._keyring, secret.arn, rotation.token),
        }
        return json.dumps(event).encode()

    def _outcome(self, begun: BegunStep, invocation: Invocation) -> Outcome:
        if invocation.function_error is None:
            return Succeeded()
        failure = self._failure(begun.secret, invocation.payload)
        step = begun.rotation.step.value
        return replace(
            failure, reason=f"{begun.lambda_arn} failed during {step}: {failure.reason}"
        )

    def _failure(self, secret: Secret, payload: bytes) -> Failure:
        try:
            with self._database.read() as connection:
                return failure_of(connection, self._keyring, secret, payload)
        except DecryptionError:
            return _UNTELLABLE


def _not_invoked(begun: BegunStep, cause: Cause, reason: str) -> EndedStep:
    return EndedStep(begun=begun, outcome=Failure(cause, reason), request_id=None)


def _after(ended: EndedStep) -> Rotation:
    """Return the rotation at the step that ended, with what the target may have by now."""
    rotation = ended.begun.rotation
    may_be_set = may_be_set_after(rotation.step, ended.outcome, may_be_set=rotation.may_be_set)
    return replace(rotation, may_be_set=may_be_set)


def _prospects(rotation: Rotation, now: datetime) -> Prospects:
    return Prospects(
        now=now,
        retry_until=rotation.retry_until,
        may_be_set=rotation.may_be_set,
        jitter=randbelow(_JITTERS) / _JITTERS,
    )
