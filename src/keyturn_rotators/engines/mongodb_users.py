"""MongoDB's users: what an administrator grants and sets for two alternating users.

Copied at every rotation: mechanisms, authentication restrictions, custom data and roles, those of
other databases too. What the roles allow belongs to the roles. In the order in which it is given a
user is restricted before it gets a role.

What takes a password, to make a user and to give one other mechanisms, waits for that password: a
user is made whole, in one command. A role of no privileges marks it as made here; custom data
couldn't, which users may be allowed to write themselves and some servers have none of.

A server that doesn't tell of mechanisms or restrictions, for it has none, isn't sent any.

MongoDB: https://www.mongodb.com/docs/manual/reference/command/usersInfo/
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.mongodb_connection import MongoConnection
from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    from pymongo.database import Database

_RESTRICTIONS: Final = "authenticationRestrictions"
_CUSTOM_DATA: Final = "customData"
#: Of the database that knows the user.
_MARK: Final = "keyturnAlternatingUser"
# IDLUnknownField (MongoDB), and "Feature not supported" (Amazon DocumentDB).
_UNKNOWN_FIELD: Final = frozenset({40415, 303})


class MongoAdministration(MongoConnection):
    """An administrator's login; see ``target.CloningAdministration``."""

    def __init__(
        self, database: "Database[dict[str, Any]]", credential: Credential, advice: str
    ) -> None:
        super().__init__(database, credential, advice)
        # What waits for a password, as usersInfo would tell it.
        self._unmade: dict[str, dict[str, Any]] = {}
        self._mechanisms_to_be: dict[str, dict[str, Any]] = {}

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password; make it, if that waited for one."""
        if user := self._unmade.get(username):
            self._require_preparable(password)
            roles = [*user["roles"], self._mark()]
            self._run("createUser", username, password, pwd=password, **{**user, "roles": roles})
            del self._unmade[username]
        else:
            self._set_password(username, password, **self._mechanisms_to_be.pop(username, {}))

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user is and has; see ``target.CloningAdministration``."""
        user = self._find(username)
        if user is None:
            return ()
        mechanisms = " ".join(sorted(user.get("mechanisms", ())))
        return [Right(("user",), mechanisms), *_limits(user), *self._roles(user)]

    def is_made_for(self, follower: str, _model: str) -> bool:
        """Return whether it has the role that marks those that were made here."""
        user = self._find(follower)
        return user is not None and _role(self._database.name, _MARK) in user["roles"]

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        match right.subject:
            case ("user",):
                self._plan(username, right.value.split())
            case ("role", *role) if username in self._unmade:
                self._unmade[username]["roles"].append(_role(*role))
            case ("role", *role):
                self._run("grantRolesToUser", username, roles=[_role(*role)])
            case ("customData" | "authenticationRestrictions" as field,):
                self._update(username, field, _read(right.value))
            case _:
                raise RuntimeError(f"no right of a user's: {right.subject}")

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        match right.subject:
            case ("role", *role):
                self._run("revokeRolesFromUser", username, roles=[_role(*role)])
            case ("authenticationRestrictions" as field,):
                self._update(username, field, [])
            case _:
                raise RuntimeError(f"no right that can be taken: {right.subject}")

    def _mark(self) -> dict[str, str]:
        """Return the role that marks a user; make it, if it isn't there."""
        role = _role(self._database.name, _MARK)
        if not self._run("rolesInfo", role)["roles"]:
            self._run("createRole", _MARK, privileges=[], roles=[])
        return role

    def _roles(self, user: Mapping[str, Any]) -> Iterator[Right]:
        for role in user["roles"]:
            if role != _role(self._database.name, _MARK):
                yield Right(("role", role["db"], role["role"]))

    def _plan(self, username: str, mechanisms: Sequence[str]) -> None:
        fields = {"mechanisms": mechanisms} if mechanisms else {}
        if self._find(username) is None:
            self._unmade[username] = {**fields, "roles": []}
        else:
            self._mechanisms_to_be[username] = fields

    def _update(self, username: str, field: str, value: object) -> None:
        if username in self._unmade:
            self._unmade[username][field] = value
        else:
            self._run("updateUser", username, **{field: value})

    def _find(self, username: str) -> Mapping[str, Any] | None:
        """Return a user, as it will be as soon as its password is set."""
        if username in self._unmade:
            return self._unmade[username]
        user = self._told_of(username)
        return user and {**user, **self._mechanisms_to_be.get(username, {})}

    def _told_of(self, username: str) -> Mapping[str, Any] | None:
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
    # An application's own, and no business of a log's.
    yield Right((_CUSTOM_DATA,), _written(user.get(_CUSTOM_DATA, {})), is_value_told=False)


def _role(dbname: str, name: str) -> dict[str, str]:
    return {"role": name, "db": dbname}


def _written(value: object) -> str:
    """Return a value with its types, which customData may have all of BSON's."""
    from bson.json_util import CANONICAL_JSON_OPTIONS, dumps

    return dumps(value, json_options=CANONICAL_JSON_OPTIONS)


def _read(text: str) -> object:
    from bson.json_util import CANONICAL_JSON_OPTIONS, loads

    return loads(text, json_options=CANONICAL_JSON_OPTIONS)
