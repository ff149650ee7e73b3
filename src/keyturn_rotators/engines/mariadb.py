"""MariaDB from 10.4, with PyMySQL.

* The password never leaves the function: what is sent is its hash for ``mysql_native_password``,
  made here; a login sends a scramble of it. Nobody logs in by the hash that the server's log has.
  A plugin that checks new passwords sees the hash only; where ``strict_password_validation`` is
  on, as it is by default, it refuses the change.
* ``"ssl": true`` is TLS with the server's name and CA verified; false is none. Without the key TLS
  is used if the server has it, unverified; if it has none, the log warns.
* Two passwords are two methods of one account, either of which will do. Only an administrator may
  set them. Other methods that an account has besides, such as ``unix_socket``, stay.
* Of a user with accounts at several hosts an administrator changes all, the user the one by which
  it is logged in.

MariaDB: https://mariadb.com/kb/en/authentication-from-mariadb-104/
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import json
from typing import Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.mysql_accounts import (
    Account,
    AccountAdministration,
    quoted,
    required,
)
from keyturn_rotators.engines.mysql_connection import MysqlConnection, connected
from keyturn_rotators.engines.mysql_hashes import native
from keyturn_rotators.errors import MissingRightError
from keyturn_rotators.target import CloneNames

#: MariaDB's longest up to 10.5, and AWS's.
USERNAME_LETTERS_MAX: Final = 80
_DEFAULTS: Final = Defaults(engines=frozenset({"mariadb"}), port=3306)
# A GRANT to an account that was dropped would otherwise make one without a password.
_SETTINGS: Final = "sql_mode = 'NO_AUTO_CREATE_USER'"
_NATIVE: Final = "mysql_native_password"
_BY_PASSWORD: Final = frozenset({"", _NATIVE, "mysql_old_password", "ed25519", "parsec"})
# A second password's hash marks an account that ``grant`` made, for MariaDB's have no attributes.
# Nobody could find a password with this one: it is 20 bytes of text, as SHA-1 has.
_MARK: Final = f"*{b'keyturn: alternating'.hex().upper()}"
_REQUIRE: Final = {1: "SSL", 2: "X509"}
_SPECIFIED: Final = 3
_LIMITS: Final = {
    "max_questions": "MAX_QUERIES_PER_HOUR",
    "max_updates": "MAX_UPDATES_PER_HOUR",
    "max_connections": "MAX_CONNECTIONS_PER_HOUR",
    "max_user_connections": "MAX_USER_CONNECTIONS",
    "max_statement_time": "MAX_STATEMENT_TIME",
}

Method = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mariadb:
    """MariaDB.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @property
    def clone_names(self) -> CloneNames:
        return CloneNames(length_max=USERNAME_LETTERS_MAX)

    @contextmanager
    def login(self, credential: Credential) -> Iterator["MariadbSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with connected(credential, self.ca_file, _SETTINGS) as connection:
            yield MariadbSession(connection, credential)

    @contextmanager
    def administer(
        self, admin: Credential, _current: Credential
    ) -> Iterator["MariadbAdministration"]:
        """Log in as an administrator; see ``target.Engine``."""
        with connected(admin, self.ca_file, _SETTINGS) as connection:
            yield MariadbAdministration(connection, admin)


class MariadbSession(MysqlConnection):
    """A user's login."""

    def change_own_password(self, password: str) -> None:
        """Change the password of the account that is logged in; see ``target.Session``."""
        self._require_writable()
        ((account,),) = self._rows("SHOW CREATE USER CURRENT_USER()")
        _, _, told = account.partition(f"{quoted(self._credential.username)}@")
        if " IDENTIFIED VIA " in told:
            # SET PASSWORD changes the first of its methods, and leaves the others as they are.
            raise self._missing_right("the account has other methods to log in than one password")
        self._rows("SET PASSWORD = %s", native(password))

    def keep_two_passwords(self, _kept: str, _fresh: str) -> None:
        """Refuse: ALTER USER is for administrators; see ``target.DualSession``."""
        raise self._missing_right("no user of MariaDB may give itself a second password")

    def _missing_right(self, said: str) -> MissingRightError:
        advice = 'Name an administrator\'s secret in the secret as "masterarn".'
        return MissingRightError(self._credential.where, said, advice)


class MariadbAdministration(AccountAdministration):
    """An administrator's login."""

    def set_password(self, username: str, password: str) -> None:
        """Let a user's accounts be logged in to with this password."""
        self._identify(username, password)

    def keep_two_passwords(self, username: str, kept: str, fresh: str) -> None:
        """Let a user log in with either password; see ``target.DualAdministration``."""
        self._identify(username, fresh, kept)

    def _identify(self, username: str, *passwords: str) -> None:
        hashes = list(map(native, passwords))
        kept = self._methods(username)
        clauses = [
            f"{each.name} {self._clause(hashes, kept[each.host])}"
            for each in self._to_be_changed(username)
        ]
        # In one statement, for a later attempt can't tell that some were done.
        self._change(f"ALTER USER {', '.join(clauses)}", *hashes)

    def _marked(self, account: Account) -> str:
        kept = self._methods(account.username).get(account.host, ())
        others = [each for each in kept if not _is_mark(each)]
        return f"{self._clause([_MARK], others)} ACCOUNT UNLOCK"

    def _clause(self, hashes: Sequence[str], kept: Sequence[Method]) -> str:
        mine = [f"{_NATIVE} USING {self._literal(each)}" for each in hashes]
        others = [self._method(each) for each in kept if _is_kept(each)]
        return "IDENTIFIED VIA " + " OR ".join((*mine, *others))

    def _method(self, method: Method) -> str:
        using = method.get("authentication_string", "")
        return quoted(method["plugin"]) + (f" USING {self._literal(using)}" if using else "")

    def _methods(self, username: str) -> Mapping[str, Sequence[Method]]:
        """Return by what a user's accounts may be logged in to, at each host."""
        return {host: _methods(account) for host, account in self._told_of(username)}

    def _accounts(self, username: str) -> Sequence[Account]:
        return [self._account(username, *each) for each in self._told_of(username)]

    def _told_of(self, username: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        query = "SELECT Host, Priv FROM mysql.global_priv WHERE User = %s ORDER BY Host"
        for host, text in self._told(query, username):
            account = json.loads(text)
            if not account.get("is_role"):
                yield host, account

    def _account(self, username: str, host: str, told: Mapping[str, Any]) -> Account:
        methods = _methods(told)
        plugins = [each["plugin"] for each in methods]
        has_password = bool(_BY_PASSWORD.intersection(plugins))
        role = told.get("default_role")
        return Account(
            username=username,
            host=host,
            plugin=_NATIVE if has_password else " or ".join(plugins),
            has_password=has_password,
            is_locked=told.get("account_locked", False),
            is_marked=any(map(_is_mark, methods)),
            options=(("REQUIRE", self._requirement(told)), *_options(told)),
            default_role=quoted(role) if role else "NONE",
        )

    def _requirement(self, told: Mapping[str, Any]) -> str:
        kind = told.get("ssl_type", 0)
        if kind != _SPECIFIED:
            return f"REQUIRE {_REQUIRE.get(kind, 'NONE')}"
        keys = ("x509_subject", "x509_issuer", "ssl_cipher")
        return "REQUIRE " + required(*(self._literal(told.get(key, "")) for key in keys))

    def _set_default_role(self, account: str, role: str) -> None:
        self._change(f"SET DEFAULT ROLE {role} FOR {account}")


def _methods(told: Mapping[str, Any]) -> Sequence[Method]:
    """Return an account's methods: the first is told apart from its alternatives."""
    first = {"plugin": "", **told}
    return [each or first for each in told.get("auth_or", [first])]


def _is_mark(method: Method) -> bool:
    return method.get("authentication_string") == _MARK


def _is_kept(method: Method) -> bool:
    """Return whether a method stays when the account gets another password."""
    return method["plugin"] not in _BY_PASSWORD or _is_mark(method)


def _options(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, name in _LIMITS.items():
        # The server has the same one as 4.5 and as 4.500000.
        limit = f"{told.get(key, 0):f}".rstrip("0").rstrip(".")
        yield name, f"WITH {name} {limit}"
    match told.get("password_lifetime", -1):
        case -1:
            lifetime = "DEFAULT"
        case 0:
            lifetime = "NEVER"
        case days:
            lifetime = f"INTERVAL {days} DAY"
    yield "PASSWORD EXPIRE", f"PASSWORD EXPIRE {lifetime}"
