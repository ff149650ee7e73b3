"""SIMULATED: the few pages of InfluxDB 2's API that a rotation asks for, after its documentation.

It keeps users, sessions, tokens and permissions. It is no InfluxDB: none is to be had.

InfluxDB: https://docs.influxdata.com/influxdb/v2/api/
"""

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
import hashlib
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import json
import secrets
from threading import Lock, Thread
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from typing_extensions import override

COOKIE: Final = "influxdb-oss-session"
ORGANISATION: Final = "0f0f0f0f0f0f0f0f"
PASSWORD_LETTERS_MIN: Final = 8
PASSWORD_LETTERS_MAX: Final = 72

Permission = dict[str, Any]


def permission(action: str, kind: str, resource_id: str = "") -> Permission:
    """Return a permission in the API's words."""
    resource = {"type": kind, "orgID": ORGANISATION}
    if resource_id:
        resource["id"] = resource_id
    return {"action": action, "resource": resource}


@dataclass(kw_only=True)
class Authorization:
    """A token, and what it may do."""

    id: str
    token: str = field(repr=False)
    user: str
    description: str
    permissions: list[Permission]

    def may(self, action: str, kind: str, resource_id: str = "") -> bool:
        """Return whether something is allowed to it."""
        wanted = (permission(action, kind), permission(action, kind, resource_id))
        return any(each in self.permissions for each in wanted)


@dataclass(kw_only=True)
class SimulatedInfluxdb:
    """A running server.

    Attributes:
        hides_tokens: whether it keeps hashes of tokens, and shows none after it was made.
    """

    port: int = 0
    hides_tokens: bool = False
    passwords: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    authorizations: dict[str, Authorization] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    @contextmanager
    def start(cls) -> Iterator["SimulatedInfluxdb"]:
        """Answer until the end of the block."""
        simulation = cls()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(simulation))
        server.daemon_threads = True
        simulation.port = server.server_port
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield simulation
        finally:
            server.shutdown()
            server.server_close()

    def make_token(
        self, username: str, description: str, permissions: list[Permission]
    ) -> Authorization:
        """Make a token for a user."""
        made = Authorization(
            id=secrets.token_hex(8),
            token=secrets.token_urlsafe(48) + "==",
            user=username,
            description=description,
            permissions=permissions,
        )
        self.authorizations[made.id] = made
        return made

    def of_token(self, token: str) -> Authorization | None:
        """Return the authorization that this is the token of."""
        return next((e for e in list(self.authorizations.values()) if e.token == token), None)

    def answer(
        self, method: str, target: str, headers: Message, body: bytes
    ) -> tuple[int, Any, str]:
        """Answer a request: the status, what JSON can hold, and a cookie."""
        url = urlsplit(target)
        path = [unquote(part) for part in url.path.split("/")[3:]]
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if (method, path) == ("POST", ["signin"]):
            return self._signin(headers.get("Authorization", ""))
        cookie = SimpleCookie(headers.get("Cookie", "")).get(COOKIE)
        session = self.sessions.get(cookie.value) if cookie else None
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        caller = self.of_token(token) if scheme == "Token" else None
        if session is not None:
            return (*self._as_user(session, method, path, query, body), "")
        if caller is not None:
            return (*self._as_token(caller, method, path, query, body), "")
        return 401, {"code": "unauthorized", "message": "unauthorized access"}, ""

    def _signin(self, header: str) -> tuple[int, Any, str]:
        name, _, password = b64decode(header.removeprefix("Basic ")).decode().partition(":")
        if self.passwords.get(name) != password:
            return 401, {"code": "unauthorized", "message": "unauthorized access"}, ""
        session = secrets.token_urlsafe(16)
        self.sessions[session] = name
        return 204, None, f"{COOKIE}={session}; Path=/api/; HttpOnly; SameSite=Strict"

    def _as_user(  # noqa: PLR0911 - a page a line
        self, name: str, method: str, path: list[str], query: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        # A session may do what all of its user's tokens may.
        permissions = [
            each
            for token in self.authorizations.values()
            if token.user == name
            for each in token.permissions
        ]
        everything = Authorization(
            id="", token="", user=name, description="", permissions=permissions
        )
        match method, path:
            case "GET", ["me"]:
                return 200, {"id": id_of(name), "name": name}
            case "POST", ["signout"]:
                self.sessions = {key: user for key, user in self.sessions.items() if user != name}
                return 204, None
            case "GET", ["users"]:
                asked = query["name"]
                if asked not in self.passwords or not everything.may("read", "users"):
                    return 404, {"message": "user not found"}
                return 200, {"users": [{"id": id_of(asked), "name": asked}]}
            case "POST", ["users", user_id, "password"]:
                if user_id != id_of(name) and not everything.may("write", "users"):
                    return 401, {"message": f"write:users/{user_id} is unauthorized"}
                return self._set_password(user_id, json.loads(body)["password"])
            case _:
                return 404, {"message": "path not found"}

    def _set_password(self, user_id: str, password: str) -> tuple[int, Any]:
        if not PASSWORD_LETTERS_MIN <= len(password) <= PASSWORD_LETTERS_MAX:
            return 400, {"message": "passwords must be between 8 and 72 characters long"}
        (name,) = [each for each in self.passwords if id_of(each) == user_id]
        self.passwords[name] = password
        return 204, None

    def _as_token(  # noqa: PLR0911 - a page a line
        self,
        caller: Authorization,
        method: str,
        path: list[str],
        query: dict[str, str],
        body: bytes,
    ) -> tuple[int, Any]:
        match method, path:
            case "GET", ["buckets"]:
                return 200, {"buckets": []}
            case "GET", ["authorizations"]:
                return 200, {
                    "authorizations": [
                        self._shown(each)
                        for each in self.authorizations.values()
                        if id_of(each.user) == query["userID"]
                        and caller.may("read", "authorizations")
                    ]
                }
            case "POST", ["authorizations"]:
                return self._make(caller, json.loads(body))
            case _, ["authorizations", key]:
                action = "read" if method == "GET" else "write"
                if key not in self.authorizations or not caller.may(action, "authorizations", key):
                    return 404, {"message": "authorization not found"}
                if method == "DELETE":
                    del self.authorizations[key]
                    return 204, None
                return 200, self._shown(self.authorizations[key])
            case _:
                return 404, {"message": "path not found"}

    def _make(self, caller: Authorization, asked: dict[str, Any]) -> tuple[int, Any]:
        if not caller.may("write", "authorizations"):
            return 401, {"message": "write:authorizations is unauthorized"}
        if beyond := [each for each in asked["permissions"] if each not in caller.permissions]:
            return 403, {"message": f"permission {beyond[0]} is not allowed"}
        (name,) = [each for each in self.passwords if id_of(each) == asked["userID"]]
        made = self.make_token(name, asked["description"], asked["permissions"])
        return 201, {**self._shown(made), "token": made.token}

    def _shown(self, each: Authorization) -> dict[str, Any]:
        return {
            "id": each.id,
            "token": "redacted" if self.hides_tokens else each.token,
            "status": "active",
            "orgID": ORGANISATION,
            "userID": id_of(each.user),
            "description": each.description,
            "permissions": each.permissions,
        }


def id_of(username: str) -> str:
    """Return a user's id."""
    return hashlib.sha256(username.encode()).hexdigest()[:16]


def _handler_of(simulation: SimulatedInfluxdb) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body leave together, or the client's side waits before it acknowledges.
        wbufsize = -1

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answered = simulation.answer(self.command, self.path, self.headers, body)
            status, document, cookie = answered
            text = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            if cookie:
                self.send_header("Set-Cookie", cookie)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _handle  # noqa: N815 - http.server calls these

        @override
        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    return Handler
