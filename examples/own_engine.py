"""A rotation function of one's own: a service whose users may have two passwords at once.

All that is about this service is below: how to log in, and how to change. The steps, what may be
changed where, what happens after a crash, and the messages come from ``keyturn_rotators``. Package
it with:

    keyturn function package-file examples/own_engine.py -o my-function.zip

The service of this example takes ``GET /me`` and ``PUT /me/passwords`` with a JSON list, by HTTP's
basic authentication. ``docs/functions/generic.md`` tells of it line by line.
"""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
import os
from typing import Any

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.json_http import JsonHttp
from keyturn_rotators.errors import (
    LoginRefusedError,
    MissingRightError,
    PasswordRefusedError,
    StatementFailedError,
)
from keyturn_rotators.handler import rotate
from keyturn_rotators.strategies import DualCredential


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """The service."""

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return Defaults(engines=frozenset({"inventory"}), port=443)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["InventorySession"]:
        """Log in, and show that it works."""
        login = b64encode(f"{credential.username}:{credential.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"}
        with JsonHttp.connected(credential, self.ca_file, headers) as http:
            session = InventorySession(http, credential)
            session.probe()
            yield session

    def administer(self, admin: Credential, _current: Credential) -> Any:
        """Say that users change themselves alone."""
        raise MissingRightError(admin.where, "the inventory has no administrators")


class InventorySession:
    """A user's login."""

    def __init__(self, http: JsonHttp, credential: Credential) -> None:
        self._http = http
        self._credential = credential

    def probe(self) -> None:
        """Ask who it is."""
        status, _ = self._http.exchange("GET", "/me")
        where, stage = self._credential.where, self._credential.stage
        if status == HTTPStatus.UNAUTHORIZED:
            raise LoginRefusedError(where, stage, "the inventory doesn't know it")
        if status != HTTPStatus.OK:
            raise StatementFailedError(where, f"HTTP {status}")

    def keep_two_passwords(self, kept: str, fresh: str) -> None:
        """Let both in, at every moment, and no other."""
        status, _ = self._http.exchange("PUT", "/me/passwords", [kept, fresh])
        if status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise PasswordRefusedError(
                self._credential.where, "it is no password of the inventory"
            )
        if status != HTTPStatus.NO_CONTENT:
            raise StatementFailedError(self._credential.where, f"HTTP {status}")


def lambda_handler(event: Mapping[str, str], _context: object) -> dict[str, Any] | None:
    """Do one step of a rotation."""
    return rotate(event, DualCredential(Inventory(ca_file=os.environ.get("TLS_CA_FILE"))))
