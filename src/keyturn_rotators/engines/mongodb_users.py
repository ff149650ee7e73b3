"""MongoDB's users: what an administrator grants and sets for two alternating users.

Copied at every rotation: mechanisms, authentication restrictions, custom data and roles, those of
other databases too. What the roles allow belongs to the roles. In the order in which it is given a
user is restricted before it gets a role.

A server that doesn't tell of mechanisms or restrictions, for it has none, isn't sent any.

MongoDB: https://www.mongodb.com/docs/manual/reference/command/usersInfo/
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
import secrets
from typing import Any, Final

from keyturn_rotators.engines.mongodb_connection import MongoConnection
from keyturn_rotators.rights import Right

_RESTRICTIONS: Final = "authenticationRestrictions"
_CUSTOM_DATA: Final = "customData"
_THROWAWAY_BYTES: Final = 32
# IDLUnknownField (MongoDB), and "Feature not supported" (Amazon DocumentDB).
_UNKNOWN_FIELD: Final = frozenset({40415, 303})


@dataclass(frozen=True, slots=True, repr=False)
class _Undisclosed(Right):
    """A right whose value is an application's own, and no business of a log's."""

    def __str__(self) -> str:
        return " ".join(self.subject)

    __repr__ = __str__


class MongoAdministration(MongoConnection):
    """An administrator's login; see ``target.CloningAdministration``."""

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password."""
        self._set_password(username, password)

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user is and has; see ``target.CloningAdministration``."""
        user = self._find(username)
        if user is None:
            return ()
        mechanisms = " ".join(sorted(user.get("mechanisms", ())))
        return [Right(("user",), mechanisms), *_limits(user), *_roles(user)]

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        match right.subject:
            case ("user",):
                self._make(username, right.value.split())
            case ("role", *role):
                self._run("grantRolesToUser", username, roles=[_role(*role)])
            case _:
                (field,) = right.subject
                self._run("updateUser", username, **{field: _read(right.value)})

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        match right.subject:
            case ("role", *role):
                self._run("revokeRolesFromUser", username, roles=[_role(*role)])
            case _:
                (field,) = right.subject
                self._run("updateUser", username, **{field: []})

    def _make(self, username: str, mechanisms: Sequence[str]) -> None:
        """Make a user, or give it mechanisms: both need a password, and nobody knows this one."""
        throwaway = secrets.token_urlsafe(_THROWAWAY_BYTES)
        fields = {"pwd": throwaway, **({"mechanisms": mechanisms} if mechanisms else {})}
        if self._find(username) is None:
            self._run("createUser", username, throwaway, roles=[], **fields)
        else:
            self._run("updateUser", username, throwaway, **fields)

    def _find(self, username: str) -> Mapping[str, Any] | None:
        from pymongo.errors import OperationFailure

        asked = {"usersInfo": {"user": username, "db": self._database.name}}
        with self._refusals():
            try:
                told = self._database.command({**asked, "showAuthenticationRestrictions": True})
            except OperationFailure as error:
                if error.code not in _UNKNOWN_FIELD:
                    raise
                told = self._database.command(asked)
        return next(iter(told["users"]), None)


def _limits(user: Mapping[str, Any]) -> Iterator[Right]:
    if restrictions := user.get(_RESTRICTIONS):
        yield Right((_RESTRICTIONS,), _written(restrictions))
    yield _Undisclosed((_CUSTOM_DATA,), _written(user.get(_CUSTOM_DATA, {})))


def _roles(user: Mapping[str, Any]) -> Iterator[Right]:
    for role in user["roles"]:
        yield Right(("role", role["db"], role["role"]))


def _role(dbname: str, name: str) -> dict[str, str]:
    return {"role": name, "db": dbname}


def _written(value: object) -> str:
    """Return a value with its types, which customData may have all of BSON's."""
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

    return dumps(value, json_options=CANONICAL_JSON_OPTIONS)


def _read(text: str) -> object:
    from bson.json_util import CANONICAL_JSON_OPTIONS, loads

    return loads(text, json_options=CANONICAL_JSON_OPTIONS)
