"""Alternating users: two users with the same rights, of which one is in use and one is changed.

The administrator whose secret AWSCURRENT names (``masterarn``) makes the second user, ``_clone``,
at the first rotation. The user that is in use is never touched. Before the other one gets its new
password it gets the rights of the one in use, and loses what that hasn't: AWSCURRENT's user is the
model, whichever of the two it is. So it never has more than its model, nor less once it is in use.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import logging

from keyturn_rotators.credential import Credential, differing_keys
from keyturn_rotators.errors import (
    DifferentTargetError,
    MissingKeyError,
    NotPairedError,
    RightsDifferError,
)
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.rights import Drift, Right, compare
from keyturn_rotators.strategies.strategy import (
    Versions,
    as_administrator,
    is_accepted,
    unless_accepted,
)
from keyturn_rotators.target import CloningAdministration, CloningEngine

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True)
class AlternatingUsers:
    """Changes the user that isn't in use, and lets it take turns.

    Attributes:
        username_length_max: of both users' names, where something else than the database takes
            only shorter ones; counted as the engine counts.
    """

    engine: CloningEngine
    username_length_max: int | None = None

    def other(self, username: str) -> str:
        """Return the other one of the two users.

        Raises:
            UsernameTooLongError: there is no room for its name.
        """
        names = self.engine.clone_names
        limit = self.username_length_max or names.length_max
        return replace(names, length_max=min(limit, names.length_max)).other(username)

    def propose(
        self, current: Credential, make_password: Callable[[], str], _versions: Versions
    ) -> Credential:
        """Return a login of the other user, with a fresh password."""
        other = self.other(current.username)
        return current.with_username(other).with_password(make_password())

    def check(self, pending: Credential, current: Credential) -> None:
        """Refuse whoever isn't the other user, and another place; see ``Strategy``."""
        expected = current.with_username(self.other(current.username))
        if keys := differing_keys(pending, expected):
            raise DifferentTargetError(pending.stage, keys)

    def apply(self, pending: Credential, versions: Versions) -> None:
        """Make the other user like the one in use, then give it its password.

        Raises:
            DifferentTargetError: AWSPENDING isn't for the other user at the same place.
            LoginRefusedError: AWSCURRENT's login doesn't work, so nothing was done for it.
            AdminLoginRefusedError: the admin secret's login doesn't work.
            NotPairedError: the other user's name may be somebody else's.
            RightsDifferError: the other user couldn't be made like the one in use.
        """
        current = versions.current()
        self.check(pending, current)
        # Whoever can write the secret could otherwise have the administrator change any user.
        with self.engine.login(current) as session:
            session.probe()
        admin = _administrator(versions, current)
        with as_administrator(), self.engine.administer(admin, current) as administration:
            self._require_pair(administration, pending, versions)
            _follow(administration, current.username, pending.username)
            with unless_accepted(self.engine, pending):
                administration.set_password(pending.username, pending.password)

    def _require_pair(
        self, administration: CloningAdministration, pending: Credential, versions: Versions
    ) -> None:
        """Refuse to touch a user that merely has the other one's name.

        It is this secret's if the database shows so; or if the secret has a password that it
        takes, which somebody else's secret wouldn't.
        """
        follower, current = pending.username, versions.current()
        if not administration.rights_of(follower):
            return
        model = current.username
        if administration.is_made_for(follower, model) or administration.is_made_for(
            model, follower
        ):
            return
        previous = versions.previous()
        known = [pending] if previous is None else [pending, previous]
        if not any(each.username == follower and is_accepted(self.engine, each) for each in known):
            raise NotPairedError(
                current.username,
                follower,
                "a user of that name is there, and nothing links the two",
            )

    def drift(self, versions: Versions) -> Drift:
        """Return how the other user's rights differ from those of the one in use, now.

        Nothing is changed.
        """
        current = versions.current()
        with self.engine.login(current) as session:
            session.probe()
        admin = _administrator(versions, current)
        with as_administrator(), self.engine.administer(admin, current) as administration:
            other = self.other(current.username)
            return _drift(administration, current.username, other)


def _administrator(versions: Versions, current: Credential) -> Credential:
    admin = versions.administrator(current)
    if admin is None:
        raise MissingKeyError("masterarn", needed=("masterarn",))
    return admin


def _follow(administration: CloningAdministration, model: str, follower: str) -> None:
    wanted = _rights_of_model(administration, model)
    has = administration.rights_of(follower)
    if not has:
        # It then has what every user has, which needn't be given to it.
        _log.info("setSecret: %s is made, after %s", follower, model)
        administration.grant(follower, wanted[0])
        has = administration.rights_of(follower)
    drift = compare(wanted, has)
    # First less, then more: a failure on the way leaves no user that may do more than its model.
    for right in drift.surplus:
        _log.info("setSecret: %s loses what %s hasn't: %s", follower, model, right)
        administration.revoke(follower, right)
    for right in drift.missing:
        _log.info("setSecret: %s gets what %s has: %s", follower, model, right)
        administration.grant(follower, right)
    if drift and (left := _drift(administration, model, follower)):
        raise RightsDifferError(model, follower, str(left))


def _drift(administration: CloningAdministration, model: str, follower: str) -> Drift:
    return compare(_rights_of_model(administration, model), administration.rights_of(follower))


def _rights_of_model(administration: CloningAdministration, model: str) -> Sequence[Right]:
    rights = administration.rights_of(model)
    if not rights:
        raise NotPairedError(
            model, "the second user", f"{model} logs in, and isn't among the users that there are"
        )
    return rights
