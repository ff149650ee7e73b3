"""What two alternating roles of PostgreSQL are and have. Only read; see ``postgres_roles``."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import logging
from typing import Final

from keyturn_rotators.engines.postgres_catalogue import Catalogue
from keyturn_rotators.errors import RightsDifferError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.rights import Right

OWNS: Final = Right(("owner of what the clone made",))
_EXISTS: Final = Right(("role",))
_ACTS_AS_ITSELF: Final = Right(("acts as itself",), is_own=True)

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True)
class RolePair:
    """A user and its clone.

    Attributes:
        clone: the user's name with the suffix.
    """

    catalogue: Catalogue
    user: str
    clone: str

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what one of the two is and has; see ``target.CloningAdministration``."""
        if not self.catalogue.has_role(username):
            return ()
        user = self.user_acted_as()
        rights = [_EXISTS, *self.catalogue.attributes(username)]
        if user is None:
            rights += self.catalogue.settings(username)
            return [*rights, *self.catalogue.memberships(username)]
        rights += [
            each
            for each in self.catalogue.settings(username)
            if (each.subject, each.value) != (("setting", "", "role"), user)
        ]
        return rights if user == username else [*rights, *self._of_the_clones_own()]

    def is_one(self) -> bool:
        """Return whether the two act as one, or the clone is the user's member.

        An administrator alone could have made that so; AWS's function makes it a member, too.
        """
        owner = self._acts_as(self.user)
        if owner is None or owner == self.user:
            return self._is_member(self.clone, self.user)
        return all(
            self._acts_as(role) == owner and self._is_member(role, owner)
            for role in (self.user, self.clone)
        )

    def user_acted_as(self) -> str | None:
        """Return the user that both roles act as; None if they act as an owner role."""
        if not self.catalogue.has_role(self.user):
            return None
        return self.user if self._acts_as(self.user) in {None, self.user} else None

    def _is_member(self, role: str, group: str) -> bool:
        return any(
            right.subject == ("member", group) for right in self.catalogue.memberships(role)
        )

    def _acts_as(self, role: str) -> str | None:
        for setting in self.catalogue.settings(role):
            if setting.subject == ("setting", "", "role"):
                return setting.value
        return None

    def _of_the_clones_own(self) -> Iterator[Right]:
        """Yield what the clone has by its own name, and its user hasn't.

        As from a time when it acted as itself, or from somebody who didn't know that it doesn't.
        """
        user, clone, catalogue = self.user, self.clone, self.catalogue
        memberships = {right.subject[1]: right for right in catalogue.memberships(clone)}
        link = memberships.pop(user, None)
        acts_as_user = _is_whole(link) and self._acts_as(clone) == user
        if not acts_as_user:
            yield _ACTS_AS_ITSELF
        if link is not None and not acts_as_user:
            self._require_movable()
        if catalogue.owns_any(clone):
            yield OWNS
        has = {*catalogue.memberships(user), *catalogue.privileges(user)}
        yield from (right for right in memberships.values() if right not in has)
        privileges = [right for right in catalogue.privileges(clone) if right not in has]
        if not acts_as_user:
            yield from privileges
        elif privileges:
            _log.warning(
                "%s was granted %s. That has no effect, since it acts as %s: grant it to that",
                *(clone, "; ".join(map(str, privileges)), user),
            )

    def _require_movable(self) -> None:
        """Refuse before anything is moved from a clone that acted as itself, if that would hurt.

        Raises:
            RightsDifferError: the clone would lose something that its user can't be given, or
                would be without it until it acts as the user.
        """
        user, clone = self.user, self.clone
        if others := self.catalogue.others_of(clone):
            advice = f'Grant it to "{user}", and take it from "{clone}".'
            raise RightsDifferError(clone, user, "; ".join(others), advice)
        if not self.catalogue.inherits(clone, user):
            advice = f'GRANT "{user}" TO "{clone}", with ALTER ROLE "{clone}" INHERIT.'
            raise RightsDifferError(user, clone, f"+ what {user} has", advice)


def _is_whole(membership: Right | None) -> bool:
    """Return whether a membership lets the role act as the other one, and have what that has."""
    if membership is None:
        return False
    return "INHERIT FALSE" not in membership.value and "SET FALSE" not in membership.value
