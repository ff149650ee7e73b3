"""The logins of a secret, given by a test: what a strategy asks for, without a Secrets Manager."""

from dataclasses import dataclass
from datetime import UTC, datetime

from keyturn_rotators.credential import Credential
from keyturn_rotators.strategies import AlternatingUsers
from keyturn_rotators.target import CloningEngine

NEXT_PASSWORD = "canary-next-password"


@dataclass(frozen=True, kw_only=True)
class GivenVersions:
    """A secret's logins; see ``strategies.strategy.Versions``.

    Attributes:
        has_admin: whether the secret names the administrator's.
    """

    secret_id: str = "given"
    now: Credential
    admin: Credential
    has_admin: bool = True
    before: Credential | None = None

    def current(self) -> Credential:
        return self.now

    def previous(self) -> Credential | None:
        return self.before

    def administrator(self, _current: Credential) -> Credential | None:
        return self.admin if self.has_admin else None

    def began_at(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def held(self, username: str) -> Credential | None:
        known = [self.now] if self.before is None else [self.now, self.before]
        return next((each for each in known if each.username == username), None)


def set_other(engine: CloningEngine, versions: GivenVersions) -> Credential:
    """Do setSecret's work for the other one of two alternating users; return its login."""
    strategy = AlternatingUsers(engine)
    pending = strategy.propose(versions.now, lambda: NEXT_PASSWORD, versions)
    strategy.apply(pending, versions)
    return pending
