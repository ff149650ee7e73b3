"""SIMULATED: a Db2 of RDS's, its users and their rights, and ibm_db_dbi's way to it.

It understands the statements and procedures that a rotation uses, after IBM's and AWS's
documentation, and refuses every other. It speaks no DRDA: a call of the driver's is a line of JSON
(``simulated_server``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
import copy
from dataclasses import dataclass, field
import inspect
import re
from typing import Any, Final

from keyturn_rotators.engines.db2_rights import KINDS
from support.simulated_server import Fault, NoTlsError, SimulatedConnection, SimulatedServer

# There is none for some processors, on which all other tests run.
with suppress(ImportError):
    import ibm_db_dbi

    _SIGNATURE = inspect.signature(ibm_db_dbi.connect)

DATABASE: Final = "SALES"
ADMIN: Final = "master"
PASSWORD_LETTERS_MAX: Final = 64
_PASSWORD_LETTERS_MIN: Final = 8
_NAME: Final = r'"((?:[^"]|"")+)"'
_Rows = list[list[Any]]
_Key = tuple[str, ...]


@dataclass(kw_only=True)
class World:
    """What the instance has.

    Attributes:
        passwords: of the operating system's users, by their names in capitals.
        rights: on what, with which word, whose: N, Y or G. Columns are ``("column", ...)``.
        roles: whose, and whether they may be passed on.
        delays: how many logins a changed password isn't known to yet.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    groups: dict[str, set[str]] = field(default_factory=dict)
    rights: dict[_Key, str] = field(default_factory=dict)
    known_roles: set[str] = field(default_factory=set)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)
    delay_logins: int = 0
    delays: dict[str, int] = field(default_factory=dict)


class SimulatedDb2:
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
    def start(cls) -> Iterator["SimulatedDb2"]:
        """Answer until the end of the block."""
        simulation = cls()
        with SimulatedServer.start(lambda: _Session(simulation)) as server:
            simulation.port = server.port
            yield simulation


class _Session:
    def __init__(self, simulation: SimulatedDb2) -> None:
        self._simulation = simulation
        self._user = ""
        self._database = ""

    @property
    def world(self) -> World:
        return self._simulation.world

    def answer(self, call: str, arguments: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        match call:
            case "login":
                self._log_in(**arguments)
                return None
            case "callproc":
                return self._call(arguments["procedure"], arguments["values"])
            case "execute":
                self._simulation.statements.append(arguments["sql"])
                return self._execute(arguments["sql"], arguments["values"])
            case _:
                raise Fault("SQL0104N", f"no call {call}")

    def _log_in(self, user: str, password: str, database: str) -> None:
        name = user.upper()
        if database not in {DATABASE, "RDSADMIN"}:
            raise Fault("SQL1013N", f"The database alias name {database} could not be found.")
        expected = self.world.passwords.get(name)
        if self.world.delays.get(name):
            self.world.delays[name] -= 1
            expected = self.world.former.get(name)
        if expected is None or password != expected:
            said = 'Security processing failed with reason "24" ("PASSWORD INVALID").'
            raise Fault("SQL30082N", said)
        may = name == ADMIN.upper() or self.world.rights.get(("database", "CONNECT", name))
        if database == DATABASE and not may:
            raise Fault("SQL1060N", f'User "{name}" does not have the CONNECT privilege.')
        self._user, self._database = name, database

    def _call(self, name: str, values: Sequence[str]) -> _Rows:
        if self._user != ADMIN.upper() or self._database != "RDSADMIN":
            raise Fault("SQL0551N", f'"{self._user}" does not have the privilege to CALL {name}.')
        match name, values:
            case "RDSADMIN.LIST_USERS", []:
                return [[user.lower()] for user in sorted(self.world.passwords)]
            case "RDSADMIN.ADD_USER", [user, password, groups]:
                self._set(user, password)
                self.world.groups[user.upper()] = {each for each in groups.split(",") if each}
                return []
            case "RDSADMIN.CHANGE_PASSWORD", [user, password]:
                if user.upper() not in self.world.passwords:
                    raise Fault("SQL0438N", f"Application raised error: no user {user}.")
                self._set(user, password)
                return []
            case _:
                raise Fault("SQL0440N", f"No authorized routine named {name} was found.")

    def _set(self, user: str, password: str) -> None:
        if not _PASSWORD_LETTERS_MIN <= len(password) <= PASSWORD_LETTERS_MAX:
            raise Fault("SQL0438N", "Application raised error: the password is too short or long.")
        name = user.upper()
        self.world.former[name] = self.world.passwords.get(name, "")
        self.world.passwords[name] = password
        self.world.delays[name] = self.world.delay_logins

    def _execute(self, sql: str, values: Sequence[str]) -> _Rows:
        sql = " ".join(sql.split())
        for pattern, query in _QUERIES.items():
            if found := re.search(pattern, sql):
                return query(self.world, *found.groups(), *values)
        if self._user != ADMIN.upper():
            raise Fault("SQL0552N", f'"{self._user}" does not have the privilege to do this.')
        for pattern, change in _CHANGES.items():
            if found := re.fullmatch(pattern, sql):
                before = copy.deepcopy(self.world)
                try:
                    change(self.world, *(group or "" for group in found.groups()))
                except Fault:
                    self._simulation.world = before
                    raise
                return []
        raise Fault("SQL0104N", f"An unexpected token was found: {sql[:60]}")


def _of_view(world: World, view: str, user: str) -> _Rows:
    kinds = [name for name, kind in KINDS.items() if kind.view == view]
    rows: dict[_Key, dict[str, str]] = {}
    for key, held in world.rights.items():
        if key[0] in kinds and key[-1] == user:
            rows.setdefault(key[1:-2], {})[key[-2]] = held
    words = KINDS[kinds[0]].privileges.values()
    rest = [[*names, *(held.get(word, "N") for word in words)] for names, held in rows.items()]
    return sorted(rest)


def _routines(world: World, kind: str, user: str) -> _Rows:
    name = "procedure" if kind == "P" else "function"
    return [
        [*key[1:-2], held]
        for key, held in sorted(world.rights.items())
        if key[0] == name and key[-1] == user
    ]


def _columns(world: World, user: str) -> _Rows:
    return [
        [*key[1:-2], key[-2][0], "G" if held == "G" else "N"]
        for key, held in sorted(world.rights.items())
        if key[0] == "column" and key[-1] == user
    ]


def _roles(world: World, user: str) -> _Rows:
    return [[role, admin] for (role, whose), admin in sorted(world.roles.items()) if whose == user]


def _marked(world: World, user: str, role: str) -> _Rows:
    return [[role]] if (role, user) in world.roles else []


def _groups(world: World, user: str) -> _Rows:
    return [[group] for group in sorted(world.groups.get(user, ()))]


_QUERIES: Final[Mapping[str, Callable[..., _Rows]]] = {
    r"^SELECT CURRENT TIMESTAMP FROM SYSIBM\.SYSDUMMY1$": lambda _: [["now"]],
    r"SYSPROC\.AUTH_LIST_GROUPS_FOR_AUTHID": _groups,
    r"FROM SYSCAT\.ROLES WHERE": lambda world, role: [[role]] if role in world.known_roles else [],
    r"FROM SYSCAT\.ROLEAUTH WHERE .+ AND ROLENAME = \?": _marked,
    r"FROM SYSCAT\.ROLEAUTH": _roles,
    r"FROM SYSCAT\.COLAUTH": _columns,
    r"FROM SYSCAT\.ROUTINEAUTH WHERE .+ AND ROUTINETYPE = '([PF])'": _routines,
    r"FROM SYSCAT\.(\w+AUTH)": _of_view,
}


def _create_role(world: World, role: str) -> None:
    world.known_roles.add(role)


def _grant_role(world: World, role: str, user: str, option: str) -> None:
    if role not in world.known_roles:
        raise Fault("SQL0204N", f"{role} is an undefined name.")
    had = world.roles.get((role, user), "N")
    world.roles[role, user] = "Y" if option else had


def _revoke_role(world: World, role: str, user: str) -> None:
    if world.roles.pop((role, user), None) is None:
        raise Fault("SQL0556N", f"An attempt to revoke a role from {user} was denied.")


def _key(on: str) -> _Key:
    """Return a kind and an object's names, of what comes between a privilege and TO."""
    names = [name.replace('""', '"') for name in re.findall(_NAME, on)]
    words = re.sub(_NAME, "{}", on).replace("{}.{}", "{}")
    found = [name for name, kind in KINDS.items() if kind.phrase == words]
    if not found:
        raise Fault("SQL0104N", f"An unexpected token was found: {words}")
    return (found[0], *names)


def _grant(world: World, word: str, on: str, user: str, option: str) -> None:
    key = (*_key(on), word, user)
    world.rights[key] = "G" if option or world.rights.get(key) == "G" else "Y"


def _grant_column(  # noqa: PLR0913, PLR0917 - as the statement
    world: World, word: str, column: str, schema: str, table: str, user: str, option: str
) -> None:
    key = ("column", schema, table, column, word, user)
    world.rights[key] = "G" if option or world.rights.get(key) == "G" else "Y"


def _revoke(world: World, word: str, on: str, user: str) -> None:
    kind, *names = _key(on)
    held = [
        key
        for key in world.rights
        if key[-1] == user
        and key[-2] == word
        and (key[:-2] == (kind, *names) or (kind == "table" and key[:3] == ("column", *names)))
    ]
    if not held:
        raise Fault("SQL0556N", f"An attempt to revoke a privilege from {user} was denied.")
    for key in held:
        del world.rights[key]


_OPTION: Final = r"( WITH (?:GRANT|ADMIN) OPTION)?"
_CHANGES: Final[Mapping[str, Callable[..., None]]] = {
    rf"CREATE ROLE {_NAME}": _create_role,
    rf"GRANT ROLE {_NAME} TO USER {_NAME}{_OPTION}": _grant_role,
    rf"REVOKE ROLE {_NAME} FROM USER {_NAME}": _revoke_role,
    rf"GRANT ([A-Z_]+) \({_NAME}\) ON TABLE {_NAME}\.{_NAME} TO USER {_NAME}{_OPTION}": (
        _grant_column
    ),
    rf"GRANT ([A-Z_]+) ((?:ON|OF) .+?) TO USER {_NAME}{_OPTION}": _grant,
    rf"REVOKE ([A-Z_]+) ((?:ON|OF) .+?) FROM USER {_NAME}(?: BY ALL)?": _revoke,
}


class SimulatedDbi:
    """ibm_db_dbi's connection and cursor."""

    def __init__(self, connection: SimulatedConnection) -> None:
        self._connection = connection
        self._rows: _Rows = []

    def cursor(self) -> "SimulatedDbi":
        """Return what statements are run with."""
        return self

    def execute(self, sql: str, values: Sequence[str] = ()) -> None:
        """Run a statement."""
        with _errors_of_the_driver():
            self._rows = self._connection.call("execute", sql=sql, values=list(values))

    def callproc(self, name: str, values: Sequence[str] = ()) -> None:
        """Call a procedure."""
        with _errors_of_the_driver():
            self._rows = self._connection.call("callproc", procedure=name, values=list(values))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return [tuple(row) for row in self._rows]

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def connect(*arguments: Any) -> SimulatedDbi:  # noqa: ANN401 - as the driver's
    """Connect as ibm_db_dbi does."""
    bound = _SIGNATURE.bind(*arguments).arguments
    place = dict(part.split("=", 1) for part in bound["dsn"].rstrip(";").split(";"))
    host, port = place["HOSTNAME"], int(place["PORT"])
    try:
        connection = SimulatedConnection(
            host,
            port,
            timeout_seconds=int(place["CONNECTTIMEOUT"]),
            tls=place.get("SECURITY") == "SSL",
        )
    except NoTlsError:
        said = 'Communication function detecting the error: "sqlccSSLSocketSetup".'
        raise ibm_db_dbi.OperationalError(f"SQL30081N A communication error. {said}") from None
    except OSError as error:
        raise ibm_db_dbi.OperationalError(f"SQL30081N {host}:{port} {error}") from None
    login = {"user": bound["user"], "password": bound["password"], "database": place["DATABASE"]}
    with ExitStack() as stack, _errors_of_the_driver():
        stack.callback(connection.close)
        connection.call("login", **login)
        stack.pop_all()
    return SimulatedDbi(connection)


@contextmanager
def _errors_of_the_driver() -> Iterator[None]:
    try:
        yield
    except Fault as fault:
        raise ibm_db_dbi.ProgrammingError(f"[IBM][CLI Driver] {fault.code} {fault.text}") from None
    except OSError as error:
        raise ibm_db_dbi.OperationalError(f"SQL30081N A communication error: {error}") from None
