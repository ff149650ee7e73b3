"""What MongoDB knows of users and SecantusDB doesn't: a database's commands, simulated.

    users = SimulatedMongoUsers(name="shop")
    users.command({"createUser": "app", "pwd": "x", "roles": []})

Written after MongoDB's documentation: a password that comes without mechanisms is made good for
all; mechanisms that come without a password may only become fewer; an update replaces a field.
https://www.mongodb.com/docs/manual/reference/command/nav-user-management/
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pymongo.errors import OperationFailure, PyMongoError

MECHANISMS: Final = ("SCRAM-SHA-1", "SCRAM-SHA-256")
_USER_NOT_FOUND: Final = 11

User = dict[str, Any]


@dataclass(kw_only=True)
class SimulatedMongoUsers:
    """A database that knows users.

    Attributes:
        users: by their names; the password is ``pwd``.
        roles: those of the database's own.
        said: every command, in order.
        failures: what the server says to a command instead of doing it.
        knows_restrictions: whether it is MongoDB, other than DocumentDB.
    """

    name: str
    users: dict[str, User] = field(default_factory=dict)
    roles: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    failures: dict[str, PyMongoError] = field(default_factory=dict)
    knows_restrictions: bool = True

    def command(self, command: User) -> Mapping[str, Any]:
        (name, about), *rest = command.items()
        fields = dict(rest)
        self.said.append(name)
        if name in self.failures:
            raise self.failures[name]
        match name:
            case "isMaster":
                return self._advertised(fields["saslSupportedMechs"])
            case "usersInfo":
                return self._info(about["user"], fields)
            case "createUser":
                self.users[about] = {"mechanisms": MECHANISMS, **fields}
            case "updateUser":
                self._update(self._user(about), fields)
            case "grantRolesToUser":
                self._user(about)["roles"] += fields["roles"]
            case "revokeRolesFromUser":
                roles = self._user(about)["roles"]
                roles[:] = [role for role in roles if role not in fields["roles"]]
            case _:
                return self._role_command(name, about)
        return {}

    def _role_command(self, name: str, about: Any) -> Mapping[str, Any]:  # noqa: ANN401 - of a command
        match name:
            case "rolesInfo":
                return {"roles": [role for role in self.roles if role == about["role"]]}
            case "createRole":
                self.roles.append(about)
            case _:
                raise AssertionError(name)
        return {}

    def _user(self, name: str) -> User:
        if name not in self.users:
            raise OperationFailure("no such user", _USER_NOT_FOUND)
        return self.users[name]

    def _advertised(self, principal: str) -> Mapping[str, Any]:
        dbname, _, name = principal.partition(".")
        assert dbname == self.name
        if not self.knows_restrictions:
            return {}
        return {"saslSupportedMechs": list(self._user(name)["mechanisms"])}

    def _info(self, name: str, fields: User) -> Mapping[str, Any]:
        if "showAuthenticationRestrictions" in fields and not self.knows_restrictions:
            raise OperationFailure("Feature not supported", 303)
        if name not in self.users:
            return {"users": []}
        hidden = {"pwd"} if self.knows_restrictions else {"pwd", "mechanisms"}
        told = {key: value for key, value in self.users[name].items() if key not in hidden}
        return {"users": [{"user": name, "db": self.name, **told}]}

    def _update(self, user: User, fields: User) -> None:
        if "pwd" in fields:
            fields = {"mechanisms": MECHANISMS, **fields}
        else:
            assert set(fields.get("mechanisms", ())) <= set(user["mechanisms"])
        user.update(fields)
