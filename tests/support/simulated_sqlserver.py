"""SIMULATED: a SQL Server's logins and users, and pymssql's way to it.

It understands the statements that a rotation sends, after Microsoft's documentation, and refuses
every other. It speaks no TDS: a call of the driver's is a line of JSON (``simulated_server``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
import copy
from dataclasses import dataclass, field
import inspect
import re
from typing import Any, Final, Self

import pymssql

from support.simulated_server import Fault, NoTlsError, SimulatedConnection, SimulatedServer

# Of the driver's own function, which a test replaces.
_SIGNATURE: Final = inspect.signature(pymssql.connect)
NAME: Final = r"(\[(?:[^\]]|\]\])+\])"
TEXT: Final = r"(N'(?:[^']|'')*')"
_POLICY_LETTERS_MIN: Final = 8
# Names of the tests hold semicolons too.
_SEPARATOR: Final = re.compile("; (?=ALTER|GRANT|REVOKE)")
_Rows = list[list[Any]]
_Key = tuple[str, ...]


@dataclass(kw_only=True)
class Login:
    """A login of SQL Server's own."""

    password: str = field(repr=False)
    is_enabled: bool = True
    default_database: str = "master"
    default_language: str = "us_english"
    is_policy_checked: bool = True
    is_expiration_checked: bool = False


@dataclass(kw_only=True)
class Database:
    """A database's users: their logins and default schemas; its roles; its permissions."""

    users: dict[str, tuple[str, str]] = field(default_factory=dict)
    roles: dict[str, set[str]] = field(default_factory=dict)
    permissions: dict[_Key, str] = field(default_factory=dict)

    def user_of(self, login: str) -> str | None:
        """Return a login's user."""
        return next((user for user, (its, _) in self.users.items() if its == login), None)


@dataclass(kw_only=True)
class World:
    """What the server has."""

    logins: dict[str, Login] = field(default_factory=dict)
    server_roles: dict[str, set[str]] = field(default_factory=lambda: {"sysadmin": set()})
    role_owners: dict[str, str] = field(default_factory=dict)
    server_permissions: dict[_Key, str] = field(default_factory=dict)
    databases: dict[str, Database] = field(default_factory=lambda: {"master": Database()})


class SimulatedSqlServer:
    """A running simulation.

    Attributes:
        statements: every statement that came.
    """

    def __init__(self) -> None:
        self.world = World()
        self.statements: list[str] = []
        self.port = 0

    @classmethod
    @contextmanager
    def start(cls) -> Iterator["SimulatedSqlServer"]:
        """Answer until the end of the block."""
        simulation = cls()
        with SimulatedServer.start(lambda: _Session(simulation)) as server:
            simulation.port = server.port
            yield simulation


class _Session:
    def __init__(self, simulation: SimulatedSqlServer) -> None:
        self._simulation = simulation
        self._login = ""

    @property
    def _world(self) -> World:
        return self._simulation.world

    def answer(self, call: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        match call:
            case "login":
                self._log_in(**arguments)
                return None
            case "execute":
                self._simulation.statements.append(arguments["sql"])
                return self._execute(arguments["sql"], arguments["values"])
            case _:
                raise Fault("0", f"no call {call}")

    def _log_in(self, user: str, password: str, database: str) -> None:
        login = self._world.logins.get(user)
        if login is None or login.password != password:
            raise Fault("18456", f"Login failed for user '{user}'.")
        if not login.is_enabled:
            raise Fault("18470", f"Login failed for user '{user}'. The account is disabled.")
        if database not in self._world.databases:
            raise Fault("4060", f'Cannot open database "{database}" requested by the login.')
        self._login = user

    def _execute(self, sql: str, values: Sequence[str]) -> _Rows:
        for pattern, query in _QUERIES.items():
            if sql.lstrip().startswith("SELECT") and (found := re.search(pattern, sql)):
                return query(self._world, self._login, *map(_name, found.groups()), *values)
        # A batch in a transaction is done whole or not at all.
        before = copy.deepcopy(self._world)
        try:
            for statement in _statements_of(sql):
                self._change(statement)
        except Fault:
            self._simulation.world = before
            raise
        return []

    def _change(self, statement: str) -> None:
        for pattern, change in _CHANGES.items():
            if found := re.fullmatch(pattern, statement, re.DOTALL):
                change(self, *(_name(group or "") for group in found.groups()))
                return
        raise Fault("102", f"Incorrect syntax near '{statement[:60]}'.")

    def require_sysadmin(self, what: str) -> None:
        """Refuse who may not."""
        if self._login not in self._world.server_roles["sysadmin"]:
            raise Fault("15151", f"Cannot alter {what}, because you do not have permission.")

    def find(self, name: str) -> Login:
        """Return a login."""
        if name not in self._world.logins:
            raise Fault("15151", f"Cannot alter the login '{name}', because it does not exist.")
        return self._world.logins[name]

    def set_own_password(self, name: str, password: str, old: str) -> None:
        """ALTER LOGIN ... WITH PASSWORD, OLD_PASSWORD."""
        if name != self._login:
            self.require_sysadmin(f"the login '{name}'")
        if self.find(name).password != old:
            raise Fault("15115", "Password validation failed. The old password does not match.")
        self._set(name, password)

    def set_password(self, name: str, password: str) -> None:
        """ALTER LOGIN ... WITH PASSWORD."""
        self.require_sysadmin(f"the login '{name}'")
        self._set(name, password)

    def _set(self, name: str, password: str) -> None:
        login = self.find(name)
        if login.is_policy_checked and len(password) < _POLICY_LETTERS_MIN:
            raise Fault("15116", "Password validation failed. The password is too short.")
        login.password = password

    def switch(self, name: str, word: str) -> None:
        """ALTER LOGIN ... ENABLE or DISABLE."""
        self.require_sysadmin(f"the login '{name}'")
        self.find(name).is_enabled = word == "ENABLE"

    def set_option(self, name: str, option: str, value: str) -> None:
        """ALTER LOGIN ... WITH an option."""
        self.require_sysadmin(f"the login '{name}'")
        login = self.find(name)
        match option:
            case "DEFAULT_DATABASE":
                login.default_database = value
            case "DEFAULT_LANGUAGE":
                login.default_language = value
            case "CHECK_POLICY":
                login.is_policy_checked = value == "ON"
            case _:
                login.is_expiration_checked = value == "ON"

    def create_login(self, name: str, password: str) -> None:
        """CREATE LOGIN."""
        self.require_sysadmin("logins")
        if name in self._world.logins:
            raise Fault("15025", f"The server principal '{name}' already exists.")
        self._world.logins[name] = Login(password=password)

    def create_server_role(self, role: str) -> None:
        """CREATE SERVER ROLE."""
        self.require_sysadmin("server roles")
        self._world.server_roles[role] = set()
        self._world.role_owners[role] = self._login

    def change_server_role(self, role: str, word: str, login: str) -> None:
        """ALTER SERVER ROLE."""
        self.require_sysadmin(f"the server role '{role}'")
        self.find(login)
        _change_members(self._world.server_roles, role, word, login)

    def give_on_server(self, word: str, permission: str, on: str, login: str, option: str) -> None:
        """GRANT or DENY, on the server."""
        self.require_sysadmin("permissions")
        self.find(login)
        key = (*_securable(on), permission, login)
        self._world.server_permissions[key] = _state(word, option)

    def take_on_server(self, grant_option: str, permission: str, on: str, login: str) -> None:
        """REVOKE, on the server."""
        self.require_sysadmin("permissions")
        _take(self._world.server_permissions, (*_securable(on), permission, login), grant_option)

    def in_database(self, name: str, text: str) -> None:
        """EXEC [db].sys.sp_executesql, as its dbo."""
        self.require_sysadmin(f"the database '{name}'")
        found = re.fullmatch(r"EXECUTE AS USER = N'dbo'; (.+); REVERT", text, re.DOTALL)
        if found is None or name not in self._world.databases:
            raise Fault("102", f"Incorrect syntax near '{text[:60]}'.")
        for statement in _SEPARATOR.split(found[1]):
            self._change_in(self._world.databases[name], statement)

    def _change_in(self, database: Database, statement: str) -> None:
        for pattern, change in _CHANGES_IN_DATABASE.items():
            if found := re.fullmatch(pattern, statement, re.DOTALL):
                change(self, database, *(_name(group or "") for group in found.groups()))
                return
        raise Fault("102", f"Incorrect syntax near '{statement[:60]}'.")

    def create_user(self, database: Database, user: str, login: str, schema: str) -> None:
        """CREATE USER ... FOR LOGIN, which may connect from then on."""
        self.find(login)
        database.users[user] = (login, schema or "dbo")
        database.permissions["DATABASE", "", "", "", "CONNECT", user] = "GRANT"

    def alter_user(self, database: Database, user: str, schema: str) -> None:
        """ALTER USER ... WITH DEFAULT_SCHEMA."""
        login, _ = database.users[user]
        database.users[user] = (login, schema)

    def drop_user(self, database: Database, user: str) -> None:
        """DROP USER, with what it has."""
        del database.users[user]
        for members in database.roles.values():
            members.discard(user)
        for key in [key for key in database.permissions if key[-1] == user]:
            del database.permissions[key]

    def change_role(self, database: Database, role: str, word: str, user: str) -> None:
        """ALTER ROLE."""
        _change_members(database.roles, role, word, user)

    def give(
        self, database: Database, word: str, permission: str, on: str, user: str, option: str
    ) -> None:
        """GRANT or DENY."""
        if user not in database.users:
            raise Fault("15151", f"Cannot find the user '{user}'.")
        database.permissions[(*_securable(on), permission, user)] = _state(word, option)

    def take(
        self, database: Database, grant_option: str, permission: str, on: str, user: str
    ) -> None:
        """REVOKE."""
        _take(database.permissions, (*_securable(on), permission, user), grant_option)


def _change_members(roles: dict[str, set[str]], role: str, word: str, member: str) -> None:
    if role not in roles:
        raise Fault("15151", f"Cannot alter the role '{role}', because it does not exist.")
    if word == "ADD":
        roles[role].add(member)
    else:
        roles[role].discard(member)


def _state(word: str, option: str) -> str:
    return "GRANT_WITH_GRANT_OPTION" if option else word


def _take(permissions: dict[_Key, str], key: _Key, grant_option: str) -> None:
    if not grant_option:
        permissions.pop(key, None)
    elif permissions.get(key) == "GRANT_WITH_GRANT_OPTION":
        permissions[key] = "GRANT"


def _securable(on: str) -> _Key:
    """Return a permission's class and names, of what comes between it and TO."""
    if not on:
        return ("DATABASE", "", "", "")
    kind, _, names = on.removeprefix(" ON ").partition("::")
    first, *others = [_name(part) for part in re.findall(NAME, names)]
    if kind in {"OBJECT", "TYPE"}:
        name, column = (*others, "")[:2]
        return ("OBJECT_OR_COLUMN" if kind == "OBJECT" else kind, first, name, column)
    classes = {"USER": "DATABASE_PRINCIPAL", "LOGIN": "SERVER_PRINCIPAL", "ENDPOINT": kind}
    return ("SCHEMA", first, "", "") if kind == "SCHEMA" else (classes[kind], "", first, "")


def _name(part: str) -> str:
    """Return what a quoted name or text is; a word is itself."""
    match part[:1], part[:2]:
        case "[", _:
            return part[1:-1].replace("]]", "]")
        case _, "N'":
            return part[2:-1].replace("''", "'")
        case _:
            return part


def _statements_of(sql: str) -> list[str]:
    """Return the statements of a batch, also of one in a transaction."""
    if found := re.fullmatch("BEGIN TRANSACTION; (.+); COMMIT", sql, re.DOTALL):
        return _SEPARATOR.split(found[1])
    return _SEPARATOR.split(sql) if sql.startswith("REVOKE GRANT OPTION") else [sql]


def _logins(world: World, _caller: str, name: str) -> _Rows:
    login = world.logins.get(name)
    if login is None:
        return []
    options = (login.is_policy_checked, login.is_expiration_checked)
    return [[login.default_database, login.default_language, *options]]


def _server_roles(world: World, _caller: str, name: str) -> _Rows:
    return [[role] for role, members in sorted(world.server_roles.items()) if name in members]


def _server_permissions(world: World, _caller: str, login: str) -> _Rows:
    return [
        ["SERVER" if kind == "DATABASE" else kind, name or None, permission, state]
        for (kind, _, name, _, permission, whose), state in sorted(
            world.server_permissions.items()
        )
        if whose == login
    ]


def _role_owner(world: World, _caller: str, name: str) -> _Rows:
    if name in world.logins:
        return [["S", None]]
    if name not in world.server_roles:
        return []
    return [["R", int(world.role_owners.get(name) in world.server_roles["sysadmin"])]]


def _user(world: World, _caller: str, database: str, login: str) -> _Rows:
    user = world.databases[database].user_of(login)
    return [] if user is None else [[user, world.databases[database].users[user][1]]]


def _database_roles(world: World, _caller: str, database: str, login: str) -> _Rows:
    user = world.databases[database].user_of(login)
    roles = world.databases[database].roles
    return [[role] for role, members in sorted(roles.items()) if user in members]


def _database_permissions(world: World, _caller: str, database: str, login: str) -> _Rows:
    user = world.databases[database].user_of(login)
    return [
        [kind, schema or None, name or None, column or None, permission, state]
        for (kind, schema, name, column, permission, whose), state in sorted(
            world.databases[database].permissions.items()
        )
        if whose == user
    ]


_Query = Callable[..., _Rows]
_QUERIES: Final[Mapping[str, _Query]] = {
    r"^SELECT SYSDATETIME\(\)$": lambda _world, _caller: [["now"]],
    r"^SELECT ORIGINAL_LOGIN\(\)$": lambda _world, caller: [[caller]],
    r"authentication_type = 2$": lambda _world, _caller: [],
    r"^\s*SELECT name FROM sys\.databases": (
        lambda world, _caller: [[name] for name in sorted(world.databases)]
    ),
    r"FROM sys\.server_principals p JOIN sys\.sql_logins": _logins,
    r"FROM sys\.server_role_members": _server_roles,
    r"FROM sys\.server_permissions": _server_permissions,
    r"SELECT r\.type, IS_SRVROLEMEMBER\('sysadmin', o\.name\) FROM sys\.server_principals r": (
        _role_owner
    ),
    rf"FROM {NAME}\.sys\.database_principals u": _user,
    rf"FROM {NAME}\.sys\.database_role_members": _database_roles,
    rf"FROM {NAME}\.sys\.database_permissions": _database_permissions,
}
_PERMISSION: Final = r"([A-Z ]+?)"
_ON: Final = r"( ON (?:SCHEMA|OBJECT|TYPE|USER|LOGIN|ENDPOINT)::.+?)?"
_CHANGES: Final[Mapping[str, Callable[..., None]]] = {
    rf"ALTER LOGIN {NAME} WITH PASSWORD = {TEXT} OLD_PASSWORD = {TEXT}": _Session.set_own_password,
    rf"ALTER LOGIN {NAME} WITH PASSWORD = {TEXT}": _Session.set_password,
    rf"ALTER LOGIN {NAME} (ENABLE|DISABLE)": _Session.switch,
    rf"ALTER LOGIN {NAME} WITH (DEFAULT_\w+) = {NAME}": _Session.set_option,
    rf"ALTER LOGIN {NAME} WITH (CHECK_\w+) = (ON|OFF)": _Session.set_option,
    rf"CREATE LOGIN {NAME} WITH PASSWORD = {TEXT}": _Session.create_login,
    rf"CREATE SERVER ROLE {NAME}": _Session.create_server_role,
    rf"ALTER SERVER ROLE {NAME} (ADD|DROP) MEMBER {NAME}": _Session.change_server_role,
    rf"(GRANT|DENY) {_PERMISSION}{_ON} TO {NAME}( WITH GRANT OPTION| CASCADE)?": (
        lambda session, word, permission, on, login, option: session.give_on_server(
            word, permission, on, login, option if word == "GRANT" else ""
        )
    ),
    rf"REVOKE (GRANT OPTION FOR )?{_PERMISSION}{_ON} FROM {NAME} CASCADE": (
        _Session.take_on_server
    ),
    rf"EXEC {NAME}\.sys\.sp_executesql {TEXT}": _Session.in_database,
}
_CHANGES_IN_DATABASE: Final[Mapping[str, Callable[..., None]]] = {
    rf"CREATE USER {NAME} FOR LOGIN {NAME}(?: WITH DEFAULT_SCHEMA = {NAME})?": (
        _Session.create_user
    ),
    rf"ALTER USER {NAME} WITH DEFAULT_SCHEMA = {NAME}": _Session.alter_user,
    rf"DROP USER {NAME}": _Session.drop_user,
    rf"ALTER ROLE {NAME} (ADD|DROP) MEMBER {NAME}": _Session.change_role,
    rf"(GRANT|DENY) {_PERMISSION}{_ON} TO {NAME}( WITH GRANT OPTION| CASCADE)?": (
        lambda session, database, word, permission, on, user, option: session.give(
            database, word, permission, on, user, option if word == "GRANT" else ""
        )
    ),
    rf"REVOKE (GRANT OPTION FOR )?{_PERMISSION}{_ON} FROM {NAME} CASCADE": _Session.take,
}


class SimulatedPymssql:
    """pymssql's connection."""

    def __init__(self, connection: SimulatedConnection) -> None:
        self._connection = connection
        self._rows: _Rows = []

    def cursor(self) -> "SimulatedPymssql":
        """Return what statements are run with."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the connection open."""

    def execute(self, sql: str, values: Sequence[str] = ()) -> None:
        """Run a statement."""
        with _errors_of_the_driver():
            self._rows = self._connection.call("execute", sql=sql, values=list(values))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return [tuple(row) for row in self._rows]

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def connect(**parameters: Any) -> SimulatedPymssql:  # noqa: ANN401 - as the driver's
    """Connect as pymssql does."""
    _SIGNATURE.bind(**parameters)
    host, port = parameters["server"], int(parameters["port"])
    try:
        connection = SimulatedConnection(
            host,
            port,
            timeout_seconds=parameters["login_timeout"],
            tls=parameters["encryption"] == "require",
        )
    except NoTlsError as error:
        said = f"DB-Lib error message 20002: Adaptive Server connection failed: SSL: {error}"
        raise pymssql.OperationalError((20002, said.encode())) from None
    except OSError as error:
        said = f"DB-Lib error message 20009: Unable to connect: {host}:{port} {error}"
        raise pymssql.OperationalError((20009, said.encode())) from None
    login = {name: parameters[name] for name in ("user", "password", "database")}
    with ExitStack() as stack, _errors_of_the_driver():
        stack.callback(connection.close)
        connection.call("login", **login)
        stack.pop_all()
    return SimulatedPymssql(connection)


@contextmanager
def _errors_of_the_driver() -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        raise pymssql.OperationalError((int(fault.code), fault.text.encode())) from None
    except OSError as error:
        said = f"DB-Lib error message 20006: Write to the server failed: {error}"
        raise pymssql.OperationalError((20006, said.encode())) from None
