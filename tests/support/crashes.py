"""Kill a rotation function at any of its calls, before the call is made or after it was answered.

point = CrashPoint()
watch_client(client, point)
strategy = SingleUser(CrashingEngine(Postgres(), point))
point.arm(3)    # the fourth place where it could die
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.target import Administration, Engine, Session


class Crash(BaseException):
    """The process died. No handler may catch it, as none would run."""


@dataclass
class CrashPoint:
    """Counts the places where a process could die, and dies at the chosen one."""

    chosen: int | None = None
    reached: int = 0

    def arm(self, chosen: int | None) -> None:
        """Choose the place, from 0; None for nowhere."""
        self.chosen, self.reached = chosen, 0

    def pass_by(self, **_event: object) -> None:
        """Die here, if this is the place."""
        self.reached += 1
        if self.chosen is not None and self.reached > self.chosen:
            raise Crash


def watch_client(client: SecretsManagerClient, point: CrashPoint) -> None:
    """Let a client's calls die before they are sent, and after they were answered."""
    client.meta.events.register("before-send.secretsmanager", point.pass_by)
    client.meta.events.register("after-call.secretsmanager", point.pass_by)


@dataclass(frozen=True)
class CrashingEngine:
    """An engine whose calls may die."""

    engine: Engine
    point: CrashPoint

    @property
    def defaults(self) -> Defaults:
        """What the engine's secrets are called."""
        return self.engine.defaults

    def administer(
        self, admin: Credential, current: Credential
    ) -> AbstractContextManager[Administration]:
        """Log in as an administrator, which no test makes die."""
        return self.engine.administer(admin, current)

    @contextmanager
    def login(self, credential: Credential) -> Iterator[Session]:
        """Log in."""
        self.point.pass_by()
        with self.engine.login(credential) as session:
            self.point.pass_by()
            yield _CrashingSession(session, self.point)


@dataclass(frozen=True)
class _CrashingSession:
    session: Session
    point: CrashPoint

    def probe(self) -> None:
        self.point.pass_by()
        self.session.probe()
        self.point.pass_by()

    def change_own_password(self, password: str) -> None:
        self.point.pass_by()
        self.session.change_own_password(password)
        self.point.pass_by()
