"""SIMULATED: an Oracle database's users, and python-oracledb's way to it.

It understands the statements that a rotation sends, after Oracle's documentation, and refuses
every other. It speaks no Oracle Net: a call of the driver is a line of JSON
(``simulated_server``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
import copy
from dataclasses import dataclass, field
import inspect
import re
from typing import Any, Final, Self

import oracledb
from oracledb import errors

from support.simulated_server import Fault, NoTlsError, SimulatedConnection, SimulatedServer

# Of the driver's own function, which a test replaces.
_SIGNATURE: Final = inspect.signature(oracledb.connect)
SERVICE: Final = "SALES"
PASSWORD_BYTES_MAX: Final = 30
_NAME: Final = r'"([^"\0]+)"'
_Rows = list[list[Any]]
_Key = tuple[str, ...]


@dataclass(kw_only=True)
class User:
    """A user.

    Attributes:
        former: the other password of a rollover that is on.
        rights: system privileges, objects and columns by their words, with their options.
        roles: whether each is to be passed on, and is on by default.
    """

    password: str = field(repr=False)
    former: str | None = field(default=None, repr=False)
    is_locked: bool = False
    profile: str = "DEFAULT"
    tablespace: str = "USERS"
    temporary: str = "TEMP"
    quotas: dict[str, int] = field(default_factory=dict)
    system: dict[str, str] = field(default_factory=dict)
    objects: dict[_Key, str] = field(default_factory=dict)
    columns: dict[_Key, str] = field(default_factory=dict)
    roles: dict[str, list[str]] = field(default_factory=dict)


@dataclass(kw_only=True)
class World:
    """What the database has.

    Attributes:
        rollover_days: PASSWORD_ROLLOVER_TIME of each profile.
    """

    users: dict[str, User] = field(default_factory=dict)
    roles: set[str] = field(default_factory=set)
    rollover_days: dict[str, str] = field(default_factory=lambda: {"DEFAULT": "0"})


class SimulatedOracle:
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
    def start(cls) -> Iterator["SimulatedOracle"]:
        """Answer until the end of the block."""
        simulation = cls()
        with SimulatedServer.start(lambda: _Session(simulation)) as server:
            simulation.port = server.port
            yield simulation


class _Session:
    def __init__(self, simulation: SimulatedOracle) -> None:
        self._simulation = simulation
        self._user = ""

    @property
    def world(self) -> World:
        return self._simulation.world

    def answer(self, call: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        match call:
            case "login":
                self._log_in(**arguments)
                return None
            case "changepassword":
                self._change_own(**arguments)
                return None
            case "execute":
                self._simulation.statements.append(arguments["sql"])
                return self._execute(arguments["sql"], arguments["values"])
            case _:
                raise Fault("ORA-00900", f"no call {call}")

    def _log_in(self, user: str, password: str, service: str) -> None:
        if service != SERVICE:
            raise Fault("ORA-12514", f"the service {service} isn't known")
        found = self.world.users.get(user.upper())
        if found is None or password not in {found.password, found.former}:
            raise Fault("ORA-01017", "invalid credential or not authorized; logon denied")
        if found.is_locked:
            raise Fault("ORA-28000", "The account is locked.")
        if "CREATE SESSION" not in found.system:
            raise Fault("ORA-01045", f"user {user} lacks CREATE SESSION privilege; logon denied")
        self._user = user.upper()

    def _change_own(self, old: str, new: str) -> None:
        user = self.world.users[self._user]
        if old not in {user.password, user.former}:
            raise Fault("ORA-28008", "invalid old password")
        self.set_password(self._user, new)

    def _execute(self, sql: str, values: Sequence[str]) -> _Rows:
        sql = " ".join(sql.split())
        for pattern, (is_for_all, query) in _QUERIES.items():
            if re.search(pattern, sql):
                if not is_for_all and "SELECT ANY DICTIONARY" not in self._may():
                    raise Fault("ORA-00942", "table or view does not exist")
                return query(self.world, *(values or [self._user]))
        for pattern, change in _CHANGES.items():
            if found := re.fullmatch(pattern, sql):
                before = copy.deepcopy(self.world)
                try:
                    change(self, *(group or "" for group in found.groups()))
                except Fault:
                    self._simulation.world = before
                    raise
                return []
        raise Fault("ORA-00900", "invalid SQL statement")

    def _may(self) -> dict[str, str]:
        return self.world.users[self._user].system

    def require(self, privilege: str) -> None:
        """Refuse who hasn't a system privilege."""
        if privilege not in self._may():
            raise Fault("ORA-01031", f"insufficient privileges: {privilege}")

    def find(self, name: str) -> User:
        """Return a user."""
        if name not in self.world.users:
            raise Fault("ORA-01918", f"user '{name}' does not exist")
        return self.world.users[name]

    def set_password(self, name: str, password: str) -> None:
        """Change a password; in a rollover the newer one goes, and the older one stays."""
        user = self.find(name)
        if len(password.encode()) > PASSWORD_BYTES_MAX:
            raise Fault("ORA-00972", "identifier is too long")
        has_rollover = self.world.rollover_days[user.profile] != "0"
        if has_rollover and user.former is None:
            user.former = user.password
        user.password = password

    def identify(self, name: str, password: str) -> None:
        """ALTER USER ... IDENTIFIED BY."""
        if name != self._user:
            self.require("ALTER USER")
        self.set_password(name, password)

    def end_rollover(self, name: str) -> None:
        """ALTER USER ... EXPIRE PASSWORD ROLLOVER PERIOD."""
        self.require("ALTER USER")
        self.find(name).former = None

    def alter(self, name: str, attribute: str, value: str) -> None:
        """ALTER USER, one of its attributes."""
        self.require("ALTER USER")
        user = self.find(name)
        match attribute:
            case "PROFILE":
                user.profile = value
            case "DEFAULT TABLESPACE":
                user.tablespace = value
            case _:
                user.temporary = value

    def set_quota(self, name: str, quota: str, tablespace: str) -> None:
        """ALTER USER ... QUOTA."""
        self.require("ALTER USER")
        quotas = self.find(name).quotas
        quotas[tablespace] = -1 if quota == "UNLIMITED" else int(quota)
        if quota == "0":
            del quotas[tablespace]

    def set_default_roles(self, name: str, roles: str) -> None:
        """ALTER USER ... DEFAULT ROLE."""
        self.require("ALTER USER")
        wanted = re.findall(_NAME, roles)
        held = self.find(name).roles
        if missing := set(wanted) - set(held):
            raise Fault("ORA-01919", f"role {missing} isn't granted")
        for role in held:
            held[role][1] = "YES" if role in wanted else "NO"

    def create_role(self, role: str) -> None:
        """CREATE ROLE."""
        self.require("CREATE ROLE")
        self.world.roles.add(role)

    def make_with_role(self, role: str, name: str, password: str) -> None:
        """GRANT ... TO ... IDENTIFIED BY, which makes a user that isn't there."""
        self.require("CREATE USER")
        self.require("GRANT ANY ROLE")
        if name in self.world.users:
            self.require("ALTER USER")
        self.world.users.setdefault(name, User(password=password)).password = password
        self.world.users[name].roles[role] = ["NO", "YES"]

    def grant_role(self, role: str, name: str, option: str) -> None:
        """GRANT, a role."""
        self.require("GRANT ANY ROLE")
        if role not in self.world.roles:
            raise Fault("ORA-01919", f"role '{role}' does not exist")
        is_default = self.find(name).roles.get(role, ["", "YES"])[1]
        has_option = (
            "YES" if option or self.find(name).roles.get(role, ["NO"])[0] == "YES" else "NO"
        )
        self.find(name).roles[role] = [has_option, is_default]

    def revoke_role(self, role: str, name: str) -> None:
        """REVOKE, a role."""
        self.require("GRANT ANY ROLE")
        if self.find(name).roles.pop(role, None) is None:
            raise Fault("ORA-01951", f"ROLE '{role}' not granted to '{name}'")

    def grant_system(self, privilege: str, name: str, option: str) -> None:
        """GRANT, a system privilege."""
        self.require("GRANT ANY PRIVILEGE")
        system = self.find(name).system
        system[privilege] = "YES" if option or system.get(privilege) == "YES" else "NO"

    def revoke_system(self, privilege: str, name: str) -> None:
        """REVOKE, a system privilege."""
        self.require("GRANT ANY PRIVILEGE")
        if self.find(name).system.pop(privilege, None) is None:
            raise Fault("ORA-01952", f"system privileges not granted to '{name}'")

    def grant_object(
        self, privilege: str, kind: str, owner: str, name: str, whom: str, option: str
    ) -> None:
        """GRANT, on an object."""
        self.require("GRANT ANY OBJECT PRIVILEGE")
        held = self.find(whom).objects
        key = (kind.strip() or "TABLE", _owner(owner), name, privilege)
        held[key] = "YES" if option or held.get(key) == "YES" else "NO"

    def grant_column(
        self, privilege: str, column: str, table: str, whom: str, option: str
    ) -> None:
        """GRANT, on a column of a table."""
        self.require("GRANT ANY OBJECT PRIVILEGE")
        held = self.find(whom).columns
        owner, name = re.findall(_NAME, table)
        key = (owner, name, column, privilege)
        held[key] = "YES" if option or held.get(key) == "YES" else "NO"

    def revoke_object(self, privilege: str, kind: str, owner: str, obj: str, name: str) -> None:
        """REVOKE, on an object and all of its columns."""
        self.require("GRANT ANY OBJECT PRIVILEGE")
        user = self.find(name)
        owner = _owner(owner)
        keys = [each for each in user.objects if each[1:] == (owner, obj, privilege)]
        columns = [e for e in user.columns if (e[0], e[1], e[3]) == (owner, obj, privilege)]
        if not keys and not columns:
            raise Fault("ORA-01927", f"cannot REVOKE privileges you did not grant: {kind}")
        for key in keys:
            del user.objects[key]
        for key in columns:
            del user.columns[key]


def _owner(prefix: str) -> str:
    """Return a schema, of what comes before an object's name; directories are SYS's."""
    return prefix.rstrip(".").strip('"') or "SYS"


def _limit(world: World, name: str) -> _Rows:
    user = world.users.get(name)
    return [] if user is None else [[world.rollover_days[user.profile]]]


def _status(world: World, name: str) -> _Rows:
    user = world.users.get(name)
    if user is None:
        return []
    rollover = "" if user.former is None else " & IN ROLLOVER"
    return [[("LOCKED" if user.is_locked else "OPEN") + rollover]]


def _user(world: World, name: str) -> _Rows:
    user = world.users.get(name)
    return [] if user is None else [[user.profile, user.tablespace, user.temporary]]


def _held(attribute: str) -> Callable[..., _Rows]:
    def query(world: World, name: str) -> _Rows:
        held = getattr(world.users[name], attribute) if name in world.users else {}
        return [
            [*([key] if isinstance(key, str) else key), *(v if isinstance(v, list) else [v])]
            for key, v in sorted(held.items())
        ]

    return query


_QUERIES: Final[Mapping[str, tuple[bool, Callable[..., _Rows]]]] = {
    r"^SELECT SYSDATE FROM SYS\.DUAL$": (True, lambda *_: [["now"]]),
    r"FROM SYS\.USER_PASSWORD_LIMITS": (True, _limit),
    r"^SELECT account_status FROM SYS\.USER_USERS$": (True, _status),
    r"JOIN SYS\.DBA_PROFILES": (False, _limit),
    r"^SELECT account_status FROM SYS\.DBA_USERS": (False, _status),
    r"^SELECT profile, .+ FROM SYS\.DBA_USERS": (False, _user),
    r"FROM SYS\.DBA_TS_QUOTAS": (False, _held("quotas")),
    r"FROM SYS\.DBA_SYS_PRIVS": (False, _held("system")),
    r"FROM SYS\.DBA_ROLE_PRIVS": (False, _held("roles")),
    r"FROM SYS\.DBA_TAB_PRIVS": (False, _held("objects")),
    r"FROM SYS\.DBA_COL_PRIVS": (False, _held("columns")),
    r"FROM SYS\.DBA_ROLES": (False, lambda world, role: [[1]] if role in world.roles else []),
    r"FROM SYS\.DBA_OBJECTS": (False, lambda *_: []),
}
_OPTION: Final = r"( WITH (?:ADMIN|GRANT) OPTION)?"
_ON: Final = rf'([A-Z ]*?)((?:"[^"\0]+"\.)?){_NAME}'
_CHANGES: Final[Mapping[str, Callable[..., None]]] = {
    rf"ALTER USER {_NAME} IDENTIFIED BY {_NAME}": _Session.identify,
    rf"ALTER USER {_NAME} EXPIRE PASSWORD ROLLOVER PERIOD": _Session.end_rollover,
    rf"ALTER USER {_NAME} (PROFILE|DEFAULT TABLESPACE|TEMPORARY TABLESPACE) {_NAME}": (
        _Session.alter
    ),
    rf"ALTER USER {_NAME} QUOTA (UNLIMITED|\d+) ON {_NAME}": _Session.set_quota,
    rf'ALTER USER {_NAME} DEFAULT ROLE (NONE|"[^\0]+")': _Session.set_default_roles,
    rf"CREATE ROLE {_NAME}": _Session.create_role,
    rf"GRANT {_NAME} TO {_NAME} IDENTIFIED BY {_NAME}": _Session.make_with_role,
    rf"GRANT {_NAME} TO {_NAME}{_OPTION}": _Session.grant_role,
    rf"REVOKE {_NAME} FROM {_NAME}": _Session.revoke_role,
    rf"GRANT ([A-Z ]+) TO {_NAME}{_OPTION}": _Session.grant_system,
    rf"REVOKE ([A-Z ]+) FROM {_NAME}": _Session.revoke_system,
    rf'GRANT ([A-Z ]+?) \({_NAME}\) ON ("[^"\0]+"\."[^"\0]+") TO {_NAME}{_OPTION}': (
        _Session.grant_column
    ),
    rf"GRANT ([A-Z ]+?) ON {_ON} TO {_NAME}{_OPTION}": _Session.grant_object,
    rf"REVOKE ([A-Z ]+?) ON {_ON} FROM {_NAME}": _Session.revoke_object,
}


class SimulatedOracledb:
    """python-oracledb's connection and cursor."""

    def __init__(self, connection: SimulatedConnection) -> None:
        self._connection = connection
        self._rows: _Rows = []
        self.call_timeout = 0

    def cursor(self) -> "SimulatedOracledb":
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

    def changepassword(self, old: str, new: str) -> None:
        """Change the password of who is logged in."""
        with _errors_of_the_driver():
            self._connection.call("changepassword", old=old, new=new)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def connect(**parameters: Any) -> SimulatedOracledb:  # noqa: ANN401 - as the driver's
    """Connect as python-oracledb does."""
    _SIGNATURE.bind(**parameters)
    try:
        connection = SimulatedConnection(
            parameters["host"],
            parameters["port"],
            timeout_seconds=parameters["tcp_connect_timeout"],
            tls=parameters["protocol"] == "tcps",
        )
    except NoTlsError as error:
        raise _error("DPY-6005", f"cannot connect to database. [SSL] {error}") from None
    except OSError as error:
        raise _error("DPY-6005", f"cannot connect to database. {error}") from None
    with ExitStack() as stack, _errors_of_the_driver():
        stack.callback(connection.close)
        names = {"user": "user", "password": "password", "service": "service_name"}
        connection.call("login", **{name: parameters[its] for name, its in names.items()})
        stack.pop_all()
    return SimulatedOracledb(connection)


@contextmanager
def _errors_of_the_driver() -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        raise _error(fault.code, fault.text) from None
    except OSError as error:
        raise _error(
            "DPY-4011", f"the database or network closed the connection: {error}"
        ) from None


def _error(code: str, text: str) -> oracledb.DatabaseError:
    return oracledb.DatabaseError(errors._Error(f"{code}: {text}"))
