"""Keys of an HTTP API: a server of the tests' own, whose users make their keys themselves."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
from pathlib import Path
from types import MappingProxyType

from typing_extensions import override

from keyturn_rotators.engines.apikey import ApiKey
from keyturn_rotators.engines.apikey_description import VARIABLE, ApiDescription
from support.api_key_server import DESCRIPTION, ApiKeyServer, Key
from support.kits.kit import Document, IssuingKit, StrategyName

_ADMIN = "administrator"
_WEAK_ADMIN = "weak-administrator"


def missing() -> str:
    """Return what has to be installed."""
    return ""


@contextmanager
def start(_folder: Path) -> Iterator["ApiKeyKit"]:
    """Run a server until the end of the block."""
    with ApiKeyServer.start() as server:
        server.administrators.add(_ADMIN)
        yield ApiKeyKit(server)


class ApiKeyKit(IssuingKit):
    """A running server; see ``Kit``."""

    template = "apikey"
    engine = ApiKey(
        description=ApiDescription.from_text(json.dumps(DESCRIPTION)), pauses_seconds=()
    )
    strategies = (StrategyName.DUAL_CREDENTIAL,)
    powers = ("sales", "accounts")
    elsewhere = MappingProxyType(
        {"owner": "other", "host": "127.0.0.2", "port": 1, "masterarn": "arn:x"}
    )
    variables = MappingProxyType({VARIABLE: json.dumps(DESCRIPTION)})

    def __init__(self, server: ApiKeyServer) -> None:
        self.server = server

    @property
    @override
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.server.port

    @override
    def document(self, username: str, _password: str) -> Document:
        key = next(key for key in self.server.keys.values() if key.owner == username)
        return document(key, self.server.port)

    @override
    def admin_document(self) -> Document:
        return document(self.server.make(_ADMIN, "admin"), self.server.port)

    @override
    def weak_admin_document(self) -> Document:
        return document(self.server.make(_WEAK_ADMIN, "weak"), self.server.port)

    @override
    def make_user(self, username: str, _password: str) -> None:
        self.server.make(username, "made by hand")
        self.server.managers.add(username)
        self.server.readers.setdefault(self.powers[0], set()).add(username)

    @override
    def issued(self, document: Document) -> set[str]:
        owner = document["owner"]
        return {str(key.id) for key in self.server.keys.values() if key.owner == owner}

    @override
    def issue_another(self, document: Document) -> tuple[str, str]:
        key = self.server.make(document["owner"], "keyturn-like")
        return str(key.id), key.secret

    @override
    def withdraw(self, document: Document) -> None:
        del self.server.keys[int(document["keyId"])]

    @override
    def accepts(self, username: str, password: str) -> bool:
        key = self.server.of(password)
        return key is not None and str(key.id) == username

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        assert self.accepts(username, password)
        return self.server.answer("GET", f"/v1/reports/{power}", password, b"")[0] == 200


def document(key: Key, port: int) -> Document:
    """Return the value of a key's secret."""
    return {
        "engine": "apikey",
        "host": "127.0.0.1",
        "port": port,
        "owner": key.owner,
        "keyId": str(key.id),
        "apiKey": key.secret,
        "ssl": False,
    }


KIT = ApiKeyKit
