"""A throw-away SecantusDB: a server that speaks MongoDB's protocol, and isn't MongoDB.

with MongoServer.start(folder) as server:
    server.make_user("app", "x")
    assert server.accepts("app", "x")

It checks passwords by SCRAM-SHA-256 and has MongoDB's roles. Its licence is GPL-2.0: it is a
program that tests start, installed in a folder of its own, and no part of Keyturn's environment.
It is asked by the pymongo of that folder, in a process of its own.
https://secantusdb.com/docs/
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import json
from pathlib import Path
import subprocess
import sys
from typing import Any, Final

from support.certificates import Certificate
from support.database_process import HOST, free_port, listens, running
from support.wheels import installed

REQUIREMENTS: Final = Path(__file__).parent / "secantusdb" / "requirements.txt"
ADMIN: Final = "admin"
ADMIN_PASSWORD: Final = "password-of-a-throw-away-server"
ADMIN_DATABASE: Final = "admin"
#: The database that knows the users, too.
DATABASE: Final = "shop"
ANSWER_SECONDS_MAX: Final = 30
_MAY_CHANGE_OWN_PASSWORD: Final = "changesOwnPassword"
_REFUSED: Final = 3
#: Reads the login and the commands, and runs these one after the other.
_CLIENT: Final = f"""
import json, sys
from pymongo import MongoClient
from pymongo.errors import OperationFailure

given = json.load(sys.stdin)
client = MongoClient(**given["login"])
try:
    for database, command in given["commands"]:
        client[database].command(command)
except OperationFailure as failure:
    # AuthenticationFailed
    sys.exit({_REFUSED} if failure.code == 18 else str(failure))
"""

Command = tuple[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MongoServer:
    """A running server."""

    port: int
    packages: Path
    certificate: Certificate | None = None
    host: str = HOST

    @classmethod
    @contextmanager
    def start(
        cls, folder: Path, *, certificate: Certificate | None = None
    ) -> Iterator["MongoServer"]:
        """Run a server with an administrator until the end of the block.

        Args:
            certificate: the server's, if it is to have TLS, and then nothing else.

        Raises:
            NoWheelError: there is no SecantusDB for this machine.
        """
        server = cls(port=free_port(), packages=install(), certificate=certificate)
        folder.mkdir(mode=0o700)
        # Its first user is made while nobody has to log in.
        with server._running(folder):
            server._make_administrator()
        with server._running(folder, "--auth"):
            yield server

    def make_user(self, name: str, password: str) -> None:
        """Make a user who may read and write the database, and change the own password."""
        may_change = {
            "createRole": _MAY_CHANGE_OWN_PASSWORD,
            "privileges": [
                {
                    "resource": {"db": DATABASE, "collection": ""},
                    "actions": ["changeOwnPassword"],
                }
            ],
            "roles": [],
        }
        user = {
            "createUser": name,
            "pwd": password,
            "roles": ["readWrite", {"role": _MAY_CHANGE_OWN_PASSWORD, "db": ADMIN_DATABASE}],
        }
        login = self._login(ADMIN, ADMIN_PASSWORD, ADMIN_DATABASE)
        self._run(login, (ADMIN_DATABASE, may_change), (DATABASE, user)).check_returncode()

    def accepts(self, user: str, password: str) -> bool:
        """Return whether somebody can log in."""
        done = self._run(
            self._login(user, password, DATABASE), (DATABASE, {"connectionStatus": 1})
        )
        assert done.returncode in {0, _REFUSED}, done.stderr
        return done.returncode == 0

    def _make_administrator(self) -> None:
        user = {"createUser": ADMIN, "pwd": ADMIN_PASSWORD, "roles": ["root"]}
        login: dict[str, Any] = {"host": self.host, "port": self.port, **self._tls}
        self._run(login, (ADMIN_DATABASE, user)).check_returncode()

    @contextmanager
    def _running(self, folder: Path, *arguments: str) -> Iterator[None]:
        command: list[str | Path] = [
            *(sys.executable, "-m", "secantus", "--standalone", *arguments),
            *("--host", self.host, "--port", str(self.port)),
            *("--storage-path", folder / "data", "--cache-size", "32M"),
        ]
        if self.certificate is not None:
            command += ["--tls-cert-file", self.certificate.certificate_file]
            command += ["--tls-key-file", self.certificate.key_file]
        with running(
            command,
            lambda: listens(self.port),
            log=folder / "log",
            environment={"PYTHONPATH": str(self.packages)},
        ):
            yield

    def _login(self, user: str, password: str, database: str) -> dict[str, Any]:
        return {
            "host": self.host,
            "port": self.port,
            "authSource": database,
            "username": user,
            "password": password,
            **self._tls,
        }

    @property
    def _tls(self) -> dict[str, Any]:
        if self.certificate is None:
            return {}
        return {"tls": True, "tlsCAFile": str(self.certificate.ca_file)}

    def _run(
        self, login: dict[str, Any], *commands: Command
    ) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", _CLIENT],
            input=json.dumps({"login": login, "commands": commands}),
            env={"PYTHONPATH": str(self.packages)},
            check=False,
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS_MAX,
        )


def install() -> Path:
    """Return the folder of SecantusDB, installed if it isn't yet.

    Raises:
        NoWheelError: there is no SecantusDB for this machine.
    """
    return installed(REQUIREMENTS)
