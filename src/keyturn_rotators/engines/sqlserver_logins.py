"""SQL Server's logins, and their users in databases, as an administrator makes two of them alike.

* The clone is made disabled, with a password that nobody knows, and in the server role ``MARK``.
* What is changed in a database is done as its ``dbo`` (``sqlserver_catalogue.as_owner``).
* Neither databases nor schemas nor objects change owners.

SQL Server: https://learn.microsoft.com/sql/t-sql/statements/create-login-transact-sql,
grant-transact-sql and alter-server-role-transact-sql
"""

from collections.abc import Sequence
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.sqlserver_catalogue import (
    MARK,
    as_owner,
    has_mark,
    is_marked,
    rights_of,
    securable,
    server_securable,
    user_in,
)
from keyturn_rotators.engines.sqlserver_connection import SqlServerConnection, literal, quoted
from keyturn_rotators.errors import StatementFailedError
from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import pymssql

_ADVICE: Final = (
    "The administrator needs the server role sysadmin; for single user ALTER ANY LOGIN is enough."
)
_GRANTABLE: Final = "GRANT_WITH_GRANT_OPTION"
_PASSWORD_BYTES: Final = 48


class SqlServerAdministration(SqlServerConnection):
    """An administrator's session; see ``target.CloningAdministration``."""

    def __init__(self, connection: "pymssql.Connection", credential: Credential) -> None:
        super().__init__(connection, credential, _ADVICE)

    def set_password(self, username: str, password: str) -> None:
        """Let a login log in with this password."""
        # Both or neither: a clone is disabled until it has its first password.
        self._run(
            f"BEGIN TRANSACTION; "
            f"ALTER LOGIN {quoted(username)} WITH PASSWORD = {literal(password)}; "
            f"ALTER LOGIN {quoted(username)} ENABLE; COMMIT",
            password,
        )

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a login is and has; see ``target.CloningAdministration``."""
        return list(rights_of(self._rows, username))

    def is_made_for(self, follower: str, model: str) -> bool:
        """Return whether the clone is in the role of those that ``grant`` made."""
        return follower != model and is_marked(self._rows, follower)

    def grant(self, username: str, right: Right) -> None:
        """Give a login a right; see ``target.CloningAdministration``."""
        login = quoted(username)
        match right.subject:
            case ("login",):
                self._create(login)
            case ("login option", "DEFAULT_DATABASE" | "DEFAULT_LANGUAGE" as name):
                self._run(f"ALTER LOGIN {login} WITH {name} = {quoted(right.value)}")
            case ("login option", name):
                self._run(f"ALTER LOGIN {login} WITH {name} = {right.value}")
            case ("server role", role):
                self._run(f"ALTER SERVER ROLE {quoted(role)} ADD MEMBER {login}")
            case ("server permission", kind, name, permission):
                what = self._known(server_securable(kind, name), kind)
                self._run(_give(permission, what, login, right.value))
            case _:
                self._grant_in_database(username, right)

    def _grant_in_database(self, username: str, right: Right) -> None:
        match right.subject:
            case ("user", database):
                self._map(database, username, right.value)
            case ("role", database, role):
                user = self._user(database, username)
                self._in(database, f"ALTER ROLE {quoted(role)} ADD MEMBER {user}")
            case ("permission", database, kind, *names, permission):
                what = self._known(securable(kind, names), kind)
                user = self._user(database, username)
                self._in(database, _give(permission, what, user, right.value))
            case _:
                raise StatementFailedError(
                    self._credential.where, f"no second login can have this: {right}"
                )

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a login; see ``target.CloningAdministration``."""
        login = quoted(username)
        match right.subject:
            case ("server role", role):
                self._run(f"ALTER SERVER ROLE {quoted(role)} DROP MEMBER {login}")
            case ("server permission", kind, name, permission):
                what = self._known(server_securable(kind, name), kind)
                self._run(f"REVOKE {permission}{what} FROM {login} CASCADE")
            case ("user", database):
                self._in(database, f"DROP USER {self._user(database, username)}")
            case ("role", database, role):
                user = self._user(database, username)
                self._in(database, f"ALTER ROLE {quoted(role)} DROP MEMBER {user}")
            case ("permission", database, kind, *names, permission):
                what = self._known(securable(kind, names), kind)
                user = self._user(database, username)
                self._in(database, f"REVOKE {permission}{what} FROM {user} CASCADE")
            case _:
                raise StatementFailedError(
                    self._credential.where, f"this can't be taken from a login: {right}"
                )

    def _create(self, login: str) -> None:
        mark = has_mark(self._rows)
        if mark is None:
            self._run(f"CREATE SERVER ROLE {quoted(MARK)}")
        elif not mark:
            said = f"{MARK} isn't a server role that a member of sysadmin owns"
            raise StatementFailedError(self._credential.where, said)
        unknown = literal(f"aA1!{token_urlsafe(_PASSWORD_BYTES)}")
        self._run(
            f"BEGIN TRANSACTION; CREATE LOGIN {login} WITH PASSWORD = {unknown}; "
            f"ALTER LOGIN {login} DISABLE; "
            f"ALTER SERVER ROLE {quoted(MARK)} ADD MEMBER {login}; COMMIT",
            unknown,
        )

    def _map(self, database: str, username: str, schema: str) -> None:
        user = user_in(self._rows, database, username)
        wanted = f"WITH DEFAULT_SCHEMA = {quoted(schema)}" if schema else ""
        if user is None:
            name = quoted(username)
            # A new user may connect; this one is given what its model has, and nothing else.
            made = f"CREATE USER {name} FOR LOGIN {name} {wanted}".rstrip()
            self._in(database, f"{made}; REVOKE CONNECT FROM {name} CASCADE")
        elif wanted:
            self._in(database, f"ALTER USER {quoted(user)} {wanted}")

    def _user(self, database: str, username: str) -> str:
        user = user_in(self._rows, database, username)
        if user is None:
            said = f"{username} has no user in {database}"
            raise StatementFailedError(self._credential.where, said)
        return quoted(user)

    def _in(self, database: str, statement: str) -> None:
        self._run(as_owner(database, statement))

    def _known(self, what: str | None, kind: str) -> str:
        if what is None:
            said = f"permissions on {kind} can't be copied: give them by a role"
            raise StatementFailedError(self._credential.where, said)
        return what


def _give(permission: str, what: str, whom: str, state: str) -> str:
    match state:
        case "DENY":
            return f"DENY {permission}{what} TO {whom} CASCADE"
        case "REVOKE":
            # Of a column, which is left out of what its table's permission gives.
            return f"REVOKE {permission}{what} FROM {whom} CASCADE"
        case _ if state == _GRANTABLE:
            return f"GRANT {permission}{what} TO {whom} WITH GRANT OPTION"
        case _:
            # GRANT leaves a grant option that there is.
            return (
                f"REVOKE GRANT OPTION FOR {permission}{what} FROM {whom} CASCADE; "
                f"GRANT {permission}{what} TO {whom}"
            )
