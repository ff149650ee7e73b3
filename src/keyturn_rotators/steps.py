"""The four steps of a rotation, the same for every engine and strategy.

The rules, which hold through a crash at any line:

* Every step may be repeated with the same token. ``createSecret`` keeps the value that it finds,
  ``setSecret`` finds that the database has taken it, ``finishSecret`` that the label has moved.
* A version that is AWSCURRENT is done: every step of its rotation then does nothing.
* Only a version that AWSPENDING is on is worked on. A value put by hand in the meantime takes the
  label away, and thereby stops the rotation.
* An AWSPENDING value that isn't for AWSCURRENT's user and place is refused by every step.
* The log says which step of which secret and token; no value, also under DEBUG.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
import logging

from keyturn_rotators.credential import Credential, differing_keys
from keyturn_rotators.errors import NotRotatableError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.strategies import Strategy
from keyturn_rotators.versions import CURRENT, PENDING, SecretVersions

_log = logging.getLogger(LOGGER_NAME)


class Step(StrEnum):
    """A step, by the name that the event has for it."""

    CREATE = "createSecret"
    SET = "setSecret"
    TEST = "testSecret"
    FINISH = "finishSecret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One secret's rotation, and how it is done.

    Attributes:
        make_password: returns a fresh password for a secret like AWSCURRENT.
    """

    versions: SecretVersions
    strategy: Strategy
    make_password: Callable[[Credential], str]

    def run(self, step: str) -> None:
        """Do a step, if the secret's labels say that it is to be done.

        Raises:
            RotationError: it can't be done; the message says why.
        """
        stages = self.versions.stages()
        if CURRENT in self._stages_of_token(stages):
            _log.info("%s: already AWSCURRENT, %s", step, self._subject)
            return
        self._require_pending(stages)
        _log.info("%s: begun, %s", step, self._subject)
        self._do(_known(step), stages)
        _log.info("%s: finished, %s", step, self._subject)

    def _do(self, step: Step, stages: Mapping[str, Sequence[str]]) -> None:
        match step:
            case Step.CREATE:
                self._create()
            case Step.SET:
                self.strategy.apply(self._pending(), self.versions)
            case Step.TEST:
                self._test()
            case Step.FINISH:
                self._checked_pending()
                self.versions.promote(current_version_id=_holder(stages, CURRENT))

    def _create(self) -> None:
        # AWSCURRENT first: a secret that can't be rotated gets no AWSPENDING value.
        current = self.versions.current()
        if self.versions.pending() is None:
            make_password = partial(self.make_password, current)
            pending = self.strategy.propose(current, make_password, self.versions)
            self.versions.store_pending(pending)

    def _test(self) -> None:
        pending, current = self._pending(), self.versions.current()
        # AWS: RotateSecret without an immediate rotation has a copy of AWSCURRENT tested.
        if differing_keys(pending, current):
            self.strategy.check(pending, current)
        with self.strategy.engine.login(pending) as session:
            session.probe()

    def _checked_pending(self) -> Credential:
        pending = self._pending()
        self.strategy.check(pending, self.versions.current())
        return pending

    def _pending(self) -> Credential:
        pending = self.versions.pending()
        if pending is None:
            raise NotRotatableError(
                f"The AWSPENDING version has no value yet, {self._subject}. "
                "createSecret makes it: the steps run in order, from the first."
            )
        return pending

    def _stages_of_token(self, stages: Mapping[str, Sequence[str]]) -> Sequence[str]:
        if self.versions.token not in stages:
            raise NotRotatableError(
                f"The secret has no version of this rotation, {self._subject}. It was abandoned, "
                "or its version's labels were removed. Rotate again."
            )
        return stages[self.versions.token]

    def _require_pending(self, stages: Mapping[str, Sequence[str]]) -> None:
        if PENDING not in stages[self.versions.token]:
            raise NotRotatableError(
                f"The version isn't labelled AWSPENDING, {self._subject}. A value that was put "
                "meanwhile abandoned this rotation. Rotate again."
            )

    @property
    def _subject(self) -> str:
        return f"secret={self.versions.secret_id} token={self.versions.token}"


def _known(step: str) -> Step:
    try:
        return Step(step)
    except ValueError:
        raise NotRotatableError(
            f"No rotation step is called {step!r}; they are {', '.join(Step)}."
        ) from None


def _holder(stages: Mapping[str, Sequence[str]], label: str) -> str | None:
    return next((version_id for version_id, labels in stages.items() if label in labels), None)
