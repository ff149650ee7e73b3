"""Issued credential: the target makes the next key or token, and the one before goes on working.

* ``createSecret`` has it issued, since only the target can make one; whoever logs in with
  AWSCURRENT, or the administrator whose secret AWSCURRENT names (``masterarn``) where the user may
  not. Nothing is issued before AWSCURRENT, or else AWSPREVIOUS, has logged in.
* What AWSCURRENT replaced is withdrawn when the next rotation begins, not before: no login is
  refused, also of an application that looks at its secret seldom.
* What is withdrawn was made for this secret, by one of these proofs: AWSPREVIOUS holds it; it has
  this secret's mark; or, at targets that take no marks, any version holds it, or it was issued
  since the rotation began, as by an attempt that died before it could store it. Every other one
  is left alone.
* An administrator withdraws what a version holds only if that logs in, at targets where this shows
  its name too: whoever may write versions could otherwise name another's.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys-rotate.html
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
import hashlib
import logging
from secrets import token_hex
from time import sleep
from typing import Final

from keyturn_rotators.credential import Credential, differing_keys
from keyturn_rotators.errors import (
    DifferentTargetError,
    LoginRefusedError,
    MissingRightError,
    NotRotatableError,
)
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.strategies.strategy import Versions, as_administrator, is_accepted
from keyturn_rotators.target import Issued, Issuer, IssuingEngine

# A mark is short, of letters, digits and dashes: targets have rules for names.
_DIGEST_LETTERS: Final = 20
_UNIQUE_BYTES: Final = 4

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True)
class IssuedCredential:
    """Has the target issue a key or token beside the one in use.

    Attributes:
        sleep: waits some seconds, for a target that takes a while to know what it issued.
    """

    engine: IssuingEngine
    sleep: Callable[[float], None] = sleep

    def propose(
        self, current: Credential, _make_password: Callable[[], str], versions: Versions
    ) -> Credential:
        """Withdraw what no version needs any more, and have the next credential issued.

        Raises:
            LoginRefusedError: none of the secret's credentials is the target's.
            AdminLoginRefusedError: the admin secret's isn't.
        """
        working = self._working(current, versions)
        try:
            with self.engine.login(working) as issuer:
                self._tidy(issuer, working, versions, is_known=_by_name)
                return self._issue(issuer, current, working, versions)
        except MissingRightError:
            admin = versions.administrator(working)
            if admin is None:
                raise
            with as_administrator(), self.engine.administer(admin, working) as issuer:
                self._tidy(issuer, working, versions, is_known=self._is_shown)
                return self._issue(issuer, current, working, versions)

    def check(self, pending: Credential, current: Credential) -> None:
        """Refuse another place, or what isn't another credential; see ``Strategy``."""
        keys = differing_keys(pending, current)
        if more := [key for key in keys if key != current.username_key]:
            raise DifferentTargetError(pending.stage, more)
        if not keys:
            raise NotRotatableError(
                f"The {pending.stage} version has AWSCURRENT's {current.username_key}, so it is "
                "the one to replace. Remove AWSPENDING with: aws secretsmanager "
                "update-secret-version-stage; then rotate again."
            )

    def apply(self, pending: Credential, versions: Versions) -> None:
        """Wait until the target takes what it issued.

        Raises:
            LoginRefusedError: it doesn't, for longer than it may take.
        """
        self.check(pending, versions.current())
        for seconds in self.engine.pauses_seconds:
            if is_accepted(self.engine, pending):
                return
            self.sleep(seconds)
        with self.engine.login(pending) as session:
            session.probe()

    def _working(self, current: Credential, versions: Versions) -> Credential:
        try:
            with self.engine.login(current):
                return current
        except LoginRefusedError as refusal:
            previous = versions.previous()
            if previous is None or set(differing_keys(previous, current)) - {current.username_key}:
                raise
            with suppress(LoginRefusedError), self.engine.login(previous):
                _log.warning("createSecret: AWSCURRENT was refused; going on with AWSPREVIOUS")
                return previous
            raise refusal from None

    def _is_shown(self, held: Credential) -> bool:
        if self.engine.shows_names and is_accepted(self.engine, held):
            return True
        _log.warning(
            "createSecret: %s is left alone: that it is the secret's, its name alone says. If it "
            "is, withdraw it",
            held.username,
        )
        return False

    def _tidy(
        self,
        issuer: Issuer,
        working: Credential,
        versions: Versions,
        is_known: Callable[[Credential], bool],
    ) -> None:
        """Withdraw what was made for the secret before, but for what is in use.

        Args:
            is_known: whether a version's credential is more than a name that somebody wrote.
        """
        for each in issuer.issued(working):
            if each.name != working.username and _is_ours(each, versions, is_known):
                _log.info("createSecret: %s is withdrawn: it came before", each.name)
                issuer.withdraw(working, each.name)

    def _issue(
        self, issuer: Issuer, current: Credential, working: Credential, versions: Versions
    ) -> Credential:
        # Targets may want names that none of the user's others has.
        mark = f"{mark_of(versions)}-{token_hex(_UNIQUE_BYTES)}"
        name, secret = issuer.issue(working, mark)
        return current.with_username(name).with_password(secret)


def mark_of(versions: Versions) -> str:
    """Return how the marks begin of what was issued for a secret."""
    digest = hashlib.sha256(versions.secret_id.encode()).hexdigest()
    return f"keyturn-{digest[:_DIGEST_LETTERS]}"


def _is_ours(issued: Issued, versions: Versions, is_known: Callable[[Credential], bool]) -> bool:
    if issued.mark is not None and issued.mark.startswith(mark_of(versions)):
        return True
    if held := _held(issued, versions):
        return is_known(held)
    if issued.issued_at is None:
        return False
    # Targets tell whole seconds.
    return issued.issued_at >= versions.began_at().replace(microsecond=0)


def _by_name(_held: Credential) -> bool:
    return True


def _held(issued: Issued, versions: Versions) -> Credential | None:
    previous = versions.previous()
    if previous is not None and previous.username == issued.name:
        return previous
    return versions.held(issued.name) if issued.mark is None else None
