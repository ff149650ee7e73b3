"""Redis, Debian's, with users who may change themselves, saved to the server's configuration."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis.exceptions import NoPermissionError
from typing_extensions import override

from keyturn_rotators.engines.redis import Redis
from support.kits.kit import Document, Kit, StrategyName
from support.redis_server import RedisServer, redis_program

_ADMIN = "rotation-admin"
_WEAK_ADMIN = "weak-admin"
_PASSWORD = "password-of-an-administrator"
_MAY_CHANGE_USERS = ("+acl|setuser", "+acl|save", "+config|rewrite")


def missing() -> str:
    """Return what has to be installed."""
    return "" if redis_program() else "redis-tools"


@contextmanager
def start(folder: Path) -> Iterator["RedisKit"]:
    """Run a server until the end of the block."""
    program = redis_program()
    assert program is not None
    with RedisServer.start(folder, program, saves_to="configuration") as server:
        yield RedisKit(server)


class RedisKit(Kit):
    """A running server; see ``Kit``. What users may do is said by the keys that they may read."""

    template = "redis"
    engine = Redis()
    strategies = tuple(StrategyName)
    powers = ("sales", "accounts")
    # A name of odd letters, saved to the configuration, is one that Redis can't read again.
    odd_usernames: tuple[str, ...] = ("a.b-c@d", "Ünïcødé", "a" * 1000)
    odd_passwords = ('"', "back\\slash \t", "ünï\N{KEY}", "'$1 %s {}\n", "p" * 1000)
    logs_statements = True
    rules_of_users: tuple[str, ...] = _MAY_CHANGE_USERS

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        rules = ("on", f">{_PASSWORD}")
        server.run("ACL", "SETUSER", _WEAK_ADMIN, *rules)
        server.run("ACL", "SETUSER", _ADMIN, *rules, "+acl|list", *_MAY_CHANGE_USERS)

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "ssl": False}

    @override
    def admin_document(self) -> Document:
        return self.document(_ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        rules = ("on", f">{password}", "+@read", "-keys", *self.rules_of_users)
        self.server.run("ACL", "SETUSER", username, *rules)
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self.server.run("ACL", "SETUSER", username, "resetpass", f">{password}")

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.accepts(username, password)

    @override
    def allow(self, username: str, power: str) -> None:
        self.server.run("ACL", "SETUSER", username, f"~{power}:*")

    @override
    def forbid(self, username: str, power: str) -> None:
        found = self.server.run("ACL", "GETUSER", username)
        # Names and values, one after the other.
        keys = found[found.index("keys") + 1].split()
        others = [pattern for pattern in keys if pattern != f"~{power}:*"]
        self.server.run("ACL", "SETUSER", username, "resetkeys", *others)

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        with self.server.connect(username, password) as client:
            try:
                client.execute_command("GET", f"{power}:1")
            except NoPermissionError:
                return False
        return True

    @override
    def log(self) -> bytes:
        slow = "\n".join(str(entry) for entry in self.server.run("SLOWLOG", "GET", "-1"))
        saved = [self.server.acl_file, self.server.configuration]
        files = [path.read_bytes() for path in (self.server.log, *saved) if path.exists()]
        return b"\n".join([slow.encode(), *files])


KIT = RedisKit
