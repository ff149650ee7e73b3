"""MySQL from 8.0.21, with PyMySQL.

* An administrator sends a hash of the password that was made here, for ``caching_sha2_password``
  and ``mysql_native_password``. A user may set no hash for itself: it sends the password, inside
  TLS, and the server keeps it out of its logs. Without TLS nothing is changed.
* A login by ``caching_sha2_password`` sends the password itself to a server that doesn't remember
  it yet, inside TLS; without TLS it isn't sent.
* ``"ssl": true`` is TLS with the server's name and CA verified; false is none, which is of use for
  ``mysql_native_password`` and an administrator's changes only. Without the key TLS is used if the
  server has it, unverified.
* Two passwords are the account's current and its retained one. A user needs
  APPLICATION_PASSWORD_ADMIN for that, or an administrator.
* Of a user with accounts at several hosts an administrator changes all, the user the one by which
  it is logged in.

MySQL: https://dev.mysql.com/doc/refman/8.4/en/password-management.html
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
import json
import secrets
from typing import Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.mysql_accounts import (
    Account,
    AccountAdministration,
    quoted,
    required,
)
from keyturn_rotators.engines.mysql_connection import (
    INCORRECT_CURRENT_PASSWORD,
    NO_PRIVILEGE,
    MysqlConnection,
    connected,
)
from keyturn_rotators.engines.mysql_hashes import (
    ROUNDS_UNIT,
    SHA2_PASSWORD_BYTES_MAX,
    caching_sha2,
    native,
)
from keyturn_rotators.errors import PasswordRefusedError
from keyturn_rotators.rights import Right
from keyturn_rotators.target import CloneNames

USERNAME_LETTERS_MAX: Final = 32
_DEFAULTS: Final = Defaults(engines=frozenset({"mysql", "aurora-mysql"}), port=3306)
_SETTINGS: Final = "sql_mode = ''"
_NATIVE: Final = "mysql_native_password"
_CACHING_SHA2: Final = "caching_sha2_password"
_BY_PASSWORD: Final = frozenset({_CACHING_SHA2, _NATIVE, "sha256_password"})
# Of servers before 8.0.24, which had no variable for it.
_ROUNDS_DEFAULT: Final = 5 * ROUNDS_UNIT
_RANDOM_BYTES: Final = 32
#: The attribute of an account that ``grant`` made; it has the name that it was made for.
_MARK: Final = "keyturn_alternating_user"
_REQUIRE: Final = {"": "NONE", "ANY": "SSL", "X509": "X509"}
_CURRENT: Final = {None: " DEFAULT", "N": " OPTIONAL", "Y": ""}
_ACCOUNTS: Final = """
SELECT Host, plugin, account_locked = 'Y',
       ssl_type, x509_subject, x509_issuer, ssl_cipher,
       max_questions, max_updates, max_connections, max_user_connections,
       password_lifetime, Password_reuse_history, Password_reuse_time, Password_require_current,
       User_attributes
FROM mysql.user WHERE User = %s ORDER BY Host
"""
_DEFAULT_ROLES: Final = """
SELECT DEFAULT_ROLE_USER, DEFAULT_ROLE_HOST FROM mysql.default_roles
WHERE USER = %s AND HOST = %s ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mysql:
    """MySQL, and Aurora that speaks its protocol and has its accounts.

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
    def login(self, credential: Credential) -> Iterator["MysqlSession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with connected(credential, self.ca_file, _SETTINGS) as connection:
            yield MysqlSession(connection, credential)

    @contextmanager
    def administer(
        self, admin: Credential, _current: Credential
    ) -> Iterator["MysqlAdministration"]:
        """Log in as an administrator; see ``target.Engine``."""
        with connected(admin, self.ca_file, _SETTINGS) as connection:
            yield MysqlAdministration(connection, admin)


class MysqlSession(MysqlConnection):
    """A user's login."""

    def change_own_password(self, password: str) -> None:
        """Change the password of the account that is logged in; see ``target.Session``."""
        if not self._become(password):
            self._identify(password)
        # Whoever hasn't the right to it can't have kept two passwords by itself.
        self._is_done("ALTER USER USER() DISCARD OLD PASSWORD", unless=NO_PRIVILEGE)

    def keep_two_passwords(self, kept: str, fresh: str) -> None:
        """Make ``kept`` the older of two passwords; see ``target.DualSession``.

        The server retains the password that was the current one. After a rotation that was
        abandoned that isn't ``kept``, which would be lost: then ``kept`` is made it first.
        """
        retain = " RETAIN CURRENT PASSWORD"
        if not self._become(fresh, retain):
            self._identify(kept)
            self._identify(fresh, retain)

    def _become(self, password: str, ending: str = "") -> bool:
        """Replace the current password, if that is what was logged in with; else say False."""
        self._require_writable()
        self._require_encryption()
        _check_length(password, self._credential)
        return self._is_done(
            f"ALTER USER USER() IDENTIFIED BY %s REPLACE %s{ending}",
            password,
            self._credential.password,
            unless=INCORRECT_CURRENT_PASSWORD,
        )

    def _identify(self, password: str, ending: str = "") -> None:
        self._rows(f"ALTER USER USER() IDENTIFIED BY %s{ending}", password)


class MysqlAdministration(AccountAdministration):
    """An administrator's login."""

    def set_password(self, username: str, password: str) -> None:
        """Let a user's accounts be logged in to with this password."""
        names = [each.name for each in self._to_be_changed(username)]
        self._identify(username, password)
        self._change("ALTER USER " + ", ".join(f"{name} DISCARD OLD PASSWORD" for name in names))

    def keep_two_passwords(self, username: str, kept: str, fresh: str) -> None:
        """Make ``kept`` the older of two passwords; see ``target.DualAdministration``.

        The server retains the password that was the current one, so ``kept`` is made that first:
        after a rotation that was abandoned it isn't.
        """
        self._identify(username, kept)
        self._identify(username, fresh, " RETAIN CURRENT PASSWORD")

    def _identify(self, username: str, password: str, ending: str = "") -> None:
        clauses = [
            f"{each.name} {self._identified(each, password)}{ending}"
            for each in self._to_be_changed(username)
        ]
        # One statement is done for all of them or for none.
        self._change(f"ALTER USER {', '.join(clauses)}", password)

    def _marked(self, account: Account) -> str:
        clause = self._identified(account, secrets.token_urlsafe(_RANDOM_BYTES))
        mark = self._literal(json.dumps({_MARK: account.username}))
        return f"{clause} ACCOUNT UNLOCK ATTRIBUTE {mark}"

    def _identified(self, account: Account, password: str) -> str:
        match account.plugin:
            case "caching_sha2_password":
                _check_length(password, self._credential)
                hashed: str | bytes = caching_sha2(password, self._rounds())
            case "mysql_native_password":
                hashed = native(password)
            case plugin:
                self._require_encryption()
                return f"IDENTIFIED WITH {quoted(plugin)} BY {self._literal(password)}"
        return f"IDENTIFIED WITH {quoted(account.plugin)} AS {self._literal(hashed)}"

    def _rounds(self) -> int:
        told = self._told("SHOW GLOBAL VARIABLES LIKE 'caching_sha2_password_digest_rounds'")
        return int(told[0][1]) if told else _ROUNDS_DEFAULT

    def _accounts(self, username: str) -> Sequence[Account]:
        return [self._account(username, *row) for row in self._told(_ACCOUNTS, username)]

    def _account(self, username: str, host: str, plugin: str, *told: Any) -> Account:  # noqa: ANN401 - of a table's many types
        is_locked, ssl_type, subject, issuer, cipher, *numbers, current, text = told
        attributes = json.loads(text or "{}")
        metadata = attributes.get("metadata", {})
        certificate = (self._literal(_text(each)) for each in (subject, issuer, cipher))
        requirement = _REQUIRE[ssl_type] if ssl_type in _REQUIRE else required(*certificate)
        roles = self._told(_DEFAULT_ROLES, username, host)
        return Account(
            username=username,
            host=host,
            plugin=plugin,
            has_password=plugin in _BY_PASSWORD,
            is_locked=bool(is_locked),
            is_marked=metadata.get(_MARK) == username,
            options=(
                ("REQUIRE", f"REQUIRE {requirement}"),
                *_limits(*numbers),
                ("PASSWORD REQUIRE CURRENT", f"PASSWORD REQUIRE CURRENT{_CURRENT[current]}"),
                ("FAILED_LOGIN_ATTEMPTS", _locking(attributes.get("Password_locking", {}))),
            ),
            attributes=[
                (name, json.dumps(value, sort_keys=True))
                for name, value in sorted(metadata.items())
                if name != _MARK
            ],
            default_role=", ".join("@".join(map(quoted, each)) for each in roles) or "NONE",
        )

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        match right.subject:
            case ("attribute", host, name):
                self._require_writable()
                account = f"{quoted(username)}@{quoted(host)}"
                # A value that is an object would be merged with the one that is there.
                self._set_attribute(account, name, "null")
                self._set_attribute(account, name, right.value)
            case _:
                super().grant(username, right)

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        match right.subject:
            case ("attribute", host, name):
                self._require_writable()
                self._set_attribute(f"{quoted(username)}@{quoted(host)}", name, "null")
            case _:
                super().revoke(username, right)

    def _set_attribute(self, account: str, name: str, value: str) -> None:
        text = f"{{{json.dumps(name)}: {value}}}"
        self._change(f"ALTER USER {account} ATTRIBUTE {self._literal(text)}")

    def _set_default_role(self, account: str, role: str) -> None:
        self._change(f"ALTER USER {account} DEFAULT ROLE {role}")


def _check_length(password: str, credential: Credential) -> None:
    length = len(password.encode())
    if length > SHA2_PASSWORD_BYTES_MAX:
        raise PasswordRefusedError(
            credential.where,
            f"it has {length} bytes, and nobody logs in with more than {SHA2_PASSWORD_BYTES_MAX}",
        )


def _limits(*numbers: int | None) -> Iterator[tuple[str, str]]:
    names = ("QUERIES_PER_HOUR", "UPDATES_PER_HOUR", "CONNECTIONS_PER_HOUR", "USER_CONNECTIONS")
    *limits, lifetime, history, reuse = numbers
    for name, limit in zip(names, limits, strict=True):
        yield f"MAX_{name}", f"WITH MAX_{name} {limit}"
    days = {None: "DEFAULT", 0: "NEVER"}.get(lifetime, f"INTERVAL {lifetime} DAY")
    yield "PASSWORD EXPIRE", f"PASSWORD EXPIRE {days}"
    count = "DEFAULT" if history is None else history
    yield "PASSWORD HISTORY", f"PASSWORD HISTORY {count}"
    days = "DEFAULT" if reuse is None else f"{reuse} DAY"
    yield "PASSWORD REUSE INTERVAL", f"PASSWORD REUSE INTERVAL {days}"


def _locking(told: dict[str, int]) -> str:
    days = told.get("password_lock_time_days", 0)
    lock_time = "UNBOUNDED" if days < 0 else days
    attempts = told.get("failed_login_attempts", 0)
    return f"FAILED_LOGIN_ATTEMPTS {attempts} PASSWORD_LOCK_TIME {lock_time}"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
