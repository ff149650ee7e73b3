"""Redis and Valkey, with redis-py: users of the ACL, of Redis 6.2 and later.

* A password that is set is sent as its SHA-256, which is what the server keeps; one that logs in
  is sent as it is, for the protocol has nothing else. So a login needs TLS with the server's name
  and CA verified, unless the secret says ``"ssl": false``: it is also what no ``ssl`` means.
* A user has as many passwords as it is given. One ACL SETUSER replaces them all: of two that are
  kept there is no moment when one doesn't work, and those of earlier attempts are gone.
* A change is saved, by ACL SAVE or, without an aclfile, CONFIG REWRITE. Where neither can be,
  nothing is changed; ``"persist": false`` in the secret does without.
* ``default``, whose password is ``requirepass`` where nobody has set up users, is a user like any.

The ACL is each server's own: replicas and a cluster's other nodes are not changed. Open
connections stay.

Redis: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import logging
from typing import TYPE_CHECKING, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.redis_connection import (
    RedisConnection,
    connected,
    hash_of,
    log_in,
)
from keyturn_rotators.engines.redis_rules import MARK, NOBODY, Rules
from keyturn_rotators.errors import NotPairedError, SecretValueError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.rights import Right
from keyturn_rotators.target import CloneNames

if TYPE_CHECKING:
    from redis.connection import Connection

#: The server has no limit; a secret's value has no room for more.
USERNAME_BYTES_MAX: Final = 65_536
_PERSIST: Final = "persist"
_DEFAULTS: Final = Defaults(
    engines=frozenset({"redis", "valkey"}), port=6379, own_keys=(_PERSIST,)
)

_log = logging.getLogger(LOGGER_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redis:
    """Redis, and what speaks its protocol and has its users.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=USERNAME_BYTES_MAX, is_in_bytes=True)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["RedisSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        persists = _persists(credential)
        with self._logged_in(credential) as connection:
            yield RedisSession(connection, credential, persists=persists)

    @contextmanager
    def administer(
        self, admin: Credential, current: Credential
    ) -> Iterator["RedisAdministration"]:
        """Log in as an administrator; see ``target.Engine``."""
        persists = _persists(current)
        with self._logged_in(admin) as connection:
            yield RedisAdministration(connection, admin, persists=persists)

    @contextmanager
    def _logged_in(self, credential: Credential) -> Iterator["Connection"]:
        with connected(credential, self.ca_file) as connection:
            said = log_in(connection, credential)
            if (said.get("role"), said.get("mode")) != ("master", "standalone"):
                _log.warning(
                    "%s is a %s of a %s: its ACL is its own, and no other node is changed",
                    *(credential.where, said.get("role"), said.get("mode")),
                )
            yield connection


class RedisSession(RedisConnection):
    """A user's login; see ``target.DualSession``."""

    def probe(self) -> None:
        """Ask the server what it is, which every user may."""
        self._run("HELLO")

    def change_own_password(self, password: str) -> None:
        """Replace every password of the user that is logged in; see ``target.Session``."""
        self._change(self._credential.username, "resetpass", hash_of(password))

    def keep_two_passwords(self, kept: str, fresh: str) -> None:
        """Replace every password by two; see ``target.DualSession``."""
        hashes = hash_of(kept), hash_of(fresh)
        self._change(self._credential.username, "resetpass", *hashes)


class RedisAdministration(RedisConnection):
    """An administrator's login; see ``target.CloningAdministration``."""

    def __init__(
        self, connection: "Connection", credential: Credential, *, persists: bool
    ) -> None:
        super().__init__(connection, credential, persists=persists)
        self._marked: set[str] = set()

    def set_password(self, username: str, password: str) -> None:
        """Replace every password of a user, and let it log in.

        A mark stays that was there when its rights were asked for: a single user's administrator
        needn't be allowed to look.
        """
        mark = (MARK,) if username in self._marked else ()
        self._change(username, "on", "resetpass", hash_of(password), *mark)

    def keep_two_passwords(self, username: str, kept: str, fresh: str) -> None:
        """Replace every password by two; see ``target.DualAdministration``."""
        self._change(username, "resetpass", hash_of(kept), hash_of(fresh))

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user may do; see ``target.CloningAdministration``."""
        rules = self._rules(username)
        return [] if rules is None else rules.rights()

    def is_made_for(self, follower: str, model: str) -> bool:
        """Return whether it is marked as one that ``grant`` made.

        Raises:
            NotPairedError: it takes every password, so that none shows whose it is.
        """
        rules = self._rules(follower) or Rules()
        if rules.needs_no_password:
            raise NotPairedError(model, follower, "it logs in with any password (nopass)")
        return rules.is_marked

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right, which is saved with its password."""
        rules = self._rules(username) or Rules((MARK,))
        self._remake(username, rules.having(right))

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user, which is saved with its password."""
        rules = self._rules(username) or Rules((MARK,))
        self._remake(username, rules.without(right))

    def _rules(self, username: str) -> Rules | None:
        rules = Rules.of(username, self._run("ACL", "LIST"))
        if rules and rules.is_marked:
            self._marked.add(username)
        return rules

    def _remake(self, username: str, rules: Rules) -> None:
        self._run("ACL", "SETUSER", username, *NOBODY, *rules.rules)


def _persists(credential: Credential) -> bool:
    value = credential.own.get(_PERSIST, True)
    if not isinstance(value, bool):
        raise SecretValueError(
            f'The secret\'s "{_PERSIST}" must be true or false. '
            "Correct it with: aws secretsmanager put-secret-value."
        )
    return value
