"""What AWS documents of one secret's versions and labels, small enough to check by reading.

It is the other side of ``test_label_state_machine``, so it takes nothing from ``keyturn``: no
import, no rule. ``LabelModel.do`` gives the members that the answer to a command must have, or
raises ``Refused`` and changes nothing.

    model = LabelModel()
    model.do(Put("v1", ("SecretString", "a")), now)
    model.labels                    # {"AWSCURRENT": "v1"}

The engine's side of a rotation is ``take_up``, then ``end_step`` for each step that was invoked.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/whats-in-a-secret.html,
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_how.html, and the
operations' pages in the API reference. What they leave open is decided in
``docs/aws-divergences.md``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rotation.label_commands import (
    CURRENT,
    PENDING,
    PREVIOUS,
    Cancel,
    Command,
    Delete,
    Get,
    Move,
    Put,
    Restore,
    Rotate,
    Update,
    Value,
)

LABELS_MAX: Final = 20

ROTATION_STEPS: Final = ("createSecret", "setSecret", "testSecret", "finishSecret")
TEST_STEPS: Final = ("testSecret",)
RETRIED_FOR: Final = timedelta(hours=24)
PAUSE_MINUTES_MAX: Final = 30
#: A pause is this much longer at most, at random.
JITTER: Final = 0.25
WAIT_FOR_RESTORE: Final = timedelta(minutes=30)

Answer = Mapping[str, object]


class Refused(Exception):  # noqa: N818 - what AWS calls an error is an answer here
    """AWS's code, and the words that tell this refusal from others with the same code."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(code, words)
        self.code = code
        self.words = words


@dataclass
class Rotation:
    """A rotation, or a test of its configuration, that isn't over."""

    token: str
    is_test: bool
    current_before: str | None
    due_at: datetime
    retried_until: datetime
    attempt: int = 1
    has_changed_target: bool = False
    pause: timedelta = timedelta(0)
    steps: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.begin_again()

    def begin_again(self) -> None:
        self.steps = list(TEST_STEPS if self.is_test else ROTATION_STEPS)


class LabelModel:
    """One secret. A version without a value is the placeholder of a rotation."""

    def __init__(self) -> None:
        self.versions: dict[str, Value | None] = {}
        self.labels: dict[str, str] = {}
        self.is_deleted = False
        self.is_rotating: bool | None = None
        self.running: Rotation | None = None
        self.last_rotated: str | None = None
        self.endings: list[str] = []

    def labels_of(self, version_id: str) -> list[str]:
        return sorted(label for label, holder in self.labels.items() if holder == version_id)

    def labelled(self) -> dict[str, list[str]]:
        """Return what DescribeSecret calls VersionIdsToStages."""
        return {version_id: self.labels_of(version_id) for version_id in self.labels.values()}

    def listed(self, *, with_deprecated: bool) -> dict[str, list[str]]:
        """Return the versions that ListSecretVersionIds shows, with their labels."""
        labels = {version_id: self.labels_of(version_id) for version_id in self.versions}
        return {
            version_id: labels[version_id]
            for version_id, value in self.versions.items()
            if value is not None and (with_deprecated or labels[version_id])
        }

    def do(self, command: Command, now: datetime, fresh_id: str = "") -> Answer:
        """Do what a client asks. ``fresh_id`` is the id that a test's version gets."""
        self._check_alive(command)
        current = self.labels.get(CURRENT)
        answer = self._done(command, now, fresh_id)
        # A value that is set by hand ends at once the rotation that it makes pointless.
        if self.running is not None and self.labels.get(CURRENT) != current:
            self._end_if_pointless(self.running)
        return answer

    def _done(self, command: Command, now: datetime, fresh_id: str) -> Answer:
        match command:
            case Get(version_id, stage):
                return self._get(version_id, stage)
            case Put(token, value, stages):
                self._store(token, value, (CURRENT,) if stages is None else stages)
                return {"VersionId": token, "VersionStages": self.labels_of(token)}
            case Update(token, value):
                return self._update(token, value)
            case Move(stage, remove_from, move_to):
                self._move(stage, remove_from, move_to)
            case Rotate():
                return {"VersionId": self._rotate(command, now, fresh_id)}
            case Cancel():
                return self._cancel()
            case Delete() | Restore():
                self.is_deleted = isinstance(command, Delete)
        return {}

    def take_up(self, now: datetime) -> bool:
        """Return whether the engine finds a rotation due. If ``running`` stays, it begins."""
        if self.running is None or self.running.due_at > now:
            return False
        rotation = self.running
        if self._end_if_pointless(rotation):
            return True
        if self.is_deleted:
            self._wait_for_restore(rotation, now)
        elif now >= rotation.retried_until and not rotation.has_changed_target:
            self._end(rotation, "failed")
        return True

    def wait_until(self, at: datetime) -> None:
        """Take over when the next attempt really begins: a while after its pause, at random."""
        rotation = self.running
        assert rotation is not None
        assert rotation.due_at <= at <= rotation.due_at + rotation.pause * JITTER
        rotation.due_at = at

    def end_step(self, rotation: Rotation, now: datetime, *, has_succeeded: bool) -> None:
        """Note how a step ended, unless the rotation was closed while the step ran."""
        if self.running is not rotation or self._end_if_pointless(rotation):
            return
        # Nobody can tell whether a setSecret that failed had done its work.
        if rotation.steps[0] == "setSecret":
            rotation.has_changed_target = True
        if has_succeeded:
            del rotation.steps[0]
        is_over = not rotation.steps and self._has_reached_its_end(rotation)
        if is_over:
            self._complete(rotation)
        elif not has_succeeded or not rotation.steps:
            self._end_attempt(rotation, now)
        elif self.is_deleted:
            self._wait_for_restore(rotation, now)

    def is_pointless(self, rotation: Rotation) -> bool:
        """Return whether somebody set another value meanwhile."""
        current = self.labels.get(CURRENT)
        if current not in (rotation.current_before, rotation.token):
            return True
        return rotation.token not in (self.labels.get(PENDING), current)

    def _check_alive(self, command: Command) -> None:
        if self.is_deleted and not isinstance(command, Restore):
            raise Refused("InvalidRequestException", "because it was marked for deletion.")

    def _get(self, version_id: str | None, stage: str | None) -> Answer:
        wanted = version_id or self.labels.get(stage or CURRENT, "")
        value = self.versions.get(wanted)
        if value is None:
            missing = f"VersionId: {wanted}" if version_id else f"label: {stage or CURRENT}"
            raise Refused("ResourceNotFoundException", missing)
        stages = self.labels_of(wanted)
        if stage not in (None, *stages):
            raise Refused("InvalidRequestException", "is not associated to the provided VersionId")
        return {"VersionId": wanted, "VersionStages": stages, value[0]: value[1]}

    def _update(self, token: str, value: Value | None) -> Answer:
        if value is None:
            return {}
        self._store(token, value, (CURRENT,))
        return {"VersionId": token}

    def _store(self, token: str, value: Value, stages: tuple[str, ...]) -> None:
        stored = self.versions.get(token)
        if stored is not None:
            if stored != value:
                raise Refused("ResourceExistsException", f"ClientRequestToken {token} because")
            return
        labels = dict(self.labels)
        if CURRENT in stages:
            # A value that is set by hand abandons the rotation under way.
            labels.pop(PENDING, None)
        for stage in stages:
            _attach(labels, stage, token)
        self.labels = _checked(labels)
        self.versions[token] = value

    def _move(self, stage: str, remove_from: str | None, move_to: str | None) -> None:
        for version_id in (remove_from, move_to):
            if version_id is not None and version_id not in self.versions:
                raise Refused("ResourceNotFoundException", version_id)
        holder = self.labels.get(stage)
        if remove_from is None and move_to is None:
            raise Refused("InvalidParameterException", "")
        if remove_from is None and holder not in (None, move_to):
            text = f"{stage} is currently attached to version {holder}, so you must explicitly"
            raise Refused("InvalidParameterException", text)
        if remove_from not in (None, holder):
            raise Refused("InvalidParameterException", f"the staging label {stage}.")
        if move_to is None and stage == CURRENT:
            raise Refused("InvalidParameterException", "completely removed")
        labels = dict(self.labels)
        if move_to is None:
            del labels[stage]
        else:
            _attach(labels, stage, move_to)
        self.labels = _checked(labels)

    def _rotate(self, command: Rotate, now: datetime, fresh_id: str) -> str:
        running = self.running
        under_way = None if running is None or running.is_test else running.token
        if command.token in (under_way, self.last_rotated):
            return command.token
        self._check_rotate(command)
        token = command.token if command.is_immediate else fresh_id
        labels = _checked({**self.labels, PENDING: token})
        if running is not None:
            self._end_if_pointless(running)
        self._begin(token, now, is_test=not command.is_immediate)
        self.labels = labels
        return token

    def _check_rotate(self, command: Rotate) -> None:
        running = self.running
        if command.function is None and self.is_rotating is None:
            raise Refused("InvalidRequestException", "No Lambda rotation function ARN")
        if command.function == "forbidden":
            raise Refused("AccessDeniedException", "cannot invoke the specified Lambda function")
        if self._is_incomplete() or (running is not None and not self.is_pointless(running)):
            raise Refused("InvalidRequestException", "A previous rotation isn't complete.")
        if command.is_immediate and self.versions.get(command.token) is not None:
            raise Refused("InvalidRequestException", f"ClientRequestToken {command.token} because")

    def _begin(self, token: str, now: datetime, *, is_test: bool) -> None:
        current = self.labels.get(CURRENT)
        assert not is_test or token not in self.versions, "a test has a version of its own"
        copied = self.versions[current] if is_test and current is not None else None
        self.versions.setdefault(token, copied)
        self.is_rotating = True
        self.running = Rotation(
            token=token,
            is_test=is_test,
            current_before=current,
            due_at=now,
            retried_until=now + RETRIED_FOR,
        )

    def _cancel(self) -> Answer:
        if self.is_rotating is None:
            raise Refused("InvalidRequestException", "you didn't include such an ARN")
        cancelled, self.running, self.is_rotating = self.running, None, False
        if cancelled is None:
            return {}
        self.endings.append("cancelled")
        if cancelled.is_test:
            self._withdraw(cancelled)
        return {"VersionId": cancelled.token}

    def _is_incomplete(self) -> bool:
        return self.labels.get(PENDING) not in (None, self.labels.get(CURRENT))

    def _has_reached_its_end(self, rotation: Rotation) -> bool:
        # The function moves the labels: one that does nothing leaves the rotation stuck.
        is_promoted = self.labels.get(CURRENT) == rotation.token and not self._is_incomplete()
        return rotation.is_test or is_promoted

    def _end_if_pointless(self, rotation: Rotation) -> bool:
        if not self.is_pointless(rotation):
            return False
        self._drop_pending(rotation)
        self._end(rotation, "abandoned")
        return True

    def _wait_for_restore(self, rotation: Rotation, now: datetime) -> None:
        rotation.pause = timedelta(0)
        rotation.due_at = now + WAIT_FOR_RESTORE

    def _end_attempt(self, rotation: Rotation, now: datetime) -> None:
        # A function that does nothing needs a person: there is no hurry.
        minutes = 2 ** (rotation.attempt - 1) if rotation.steps else PAUSE_MINUTES_MAX
        rotation.pause = timedelta(minutes=min(minutes, PAUSE_MINUTES_MAX))
        is_too_late = now + rotation.pause >= rotation.retried_until
        if rotation.is_test or (is_too_late and not rotation.has_changed_target):
            self._end(rotation, "failed")
            return
        rotation.attempt += 1
        rotation.due_at = now + rotation.pause
        rotation.begin_again()

    def _complete(self, rotation: Rotation) -> None:
        if not rotation.is_test:
            self._drop_pending(rotation)
            self.last_rotated = rotation.token
        self._end(rotation, "succeeded")

    def _end(self, rotation: Rotation, how: str) -> None:
        self.running = None
        self.endings.append(f"test {how}" if rotation.is_test else how)
        if rotation.is_test:
            self._withdraw(rotation)

    def _withdraw(self, rotation: Rotation) -> None:
        self._drop_pending(rotation)
        # Whoever labelled the version meanwhile wants to keep it.
        if rotation.token not in self.labels.values():
            del self.versions[rotation.token]

    def _drop_pending(self, rotation: Rotation) -> None:
        if self.labels.get(PENDING) == rotation.token:
            del self.labels[PENDING]


def _attach(labels: dict[str, str], stage: str, version_id: str) -> None:
    left = labels.get(stage)
    labels[stage] = version_id
    if stage != CURRENT or left == version_id:
        return
    if labels.get(PREVIOUS) == version_id:
        del labels[PREVIOUS]
    if left is not None:
        labels[PREVIOUS] = left


def _checked(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > LABELS_MAX:
        raise Refused("LimitExceededException", "staging labels")
    return labels
