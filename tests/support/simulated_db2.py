"""SIMULATED: a Db2 of RDS's, its users and their rights, and ibm_db_dbi's way to it.

It understands the statements and procedures that a rotation uses, after IBM's and AWS's
documentation, and refuses every other. It speaks no DRDA: a call of the driver's is a line of JSON
(``simulated_server``).
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
import inspect
from typing import Any, Final

from support.simulated_server import Fault, NoTlsError, SimulatedConnection, SimulatedServer

# There is none for some processors, on which all other tests run.
with suppress(ImportError):
    import ibm_db_dbi

    _SIGNATURE = inspect.signature(ibm_db_dbi.connect)

DATABASE: Final = "SALES"
ADMIN: Final = "master"
PASSWORD_LETTERS_MAX: Final = 64
_PASSWORD_LETTERS_MIN: Final = 8
_Rows = list[list[Any]]


@dataclass(kw_only=True)
class World:
    """What the instance has.

    Attributes:
        passwords: of the operating system's users, by their names in capitals.
        connects: who may connect to the database.
        can: what is allowed to whom besides.
        delays: how many logins a changed password isn't known to yet.
    """

    passwords: dict[str, str] = field(default_factory=dict)
    former: dict[str, str] = field(default_factory=dict)
    connects: set[str] = field(default_factory=set)
    can: dict[str, set[str]] = field(default_factory=dict)
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
                self._call(arguments["procedure"], arguments["values"])
                return None
            case "execute":
                self._simulation.statements.append(arguments["sql"])
                return self._execute(arguments["sql"])
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
        may = name == ADMIN.upper() or name in self.world.connects
        if database == DATABASE and not may:
            raise Fault("SQL1060N", f'User "{name}" does not have the CONNECT privilege.')
        self._user, self._database = name, database

    def _call(self, name: str, values: Sequence[str]) -> None:
        if self._user != ADMIN.upper() or self._database != "RDSADMIN":
            raise Fault("SQL0551N", f'"{self._user}" does not have the privilege to CALL {name}.')
        match name, values:
            case "RDSADMIN.CHANGE_PASSWORD", [user, password]:
                if user.upper() not in self.world.passwords:
                    raise Fault("SQL0438N", f"Application raised error: no user {user}.")
                self._set(user, password)
            case _:
                raise Fault("SQL0440N", f"No authorized routine named {name} was found.")

    def _set(self, user: str, password: str) -> None:
        if not _PASSWORD_LETTERS_MIN <= len(password) <= PASSWORD_LETTERS_MAX:
            raise Fault("SQL0438N", "Application raised error: the password is too short or long.")
        name = user.upper()
        self.world.former[name] = self.world.passwords.get(name, "")
        self.world.passwords[name] = password
        self.world.delays[name] = self.world.delay_logins

    def _execute(self, sql: str) -> _Rows:
        if sql != "SELECT CURRENT TIMESTAMP FROM SYSIBM.SYSDUMMY1":
            raise Fault("SQL0104N", f"An unexpected token was found: {sql[:60]}")
        return [["now"]]


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


def connect(*arguments: Any, **options: Any) -> SimulatedDbi:  # noqa: ANN401 - as the driver's
    """Connect as ibm_db_dbi does."""
    bound = _SIGNATURE.bind(*arguments, **options).arguments
    # Otherwise it takes back at the end what wasn't committed, and nothing here commits.
    wanted = {ibm_db_dbi.SQL_ATTR_AUTOCOMMIT: ibm_db_dbi.SQL_AUTOCOMMIT_ON}
    assert bound["conn_options"] == wanted
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
