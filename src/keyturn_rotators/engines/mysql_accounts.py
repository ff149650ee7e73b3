"""Accounts of MySQL and MariaDB: what an administrator grants and sets for two alternating users.

A user is every account with its name: ``app@'10.%'`` and ``app@'localhost'`` are two, with rights
and passwords of their own. A user's clone has an account at each host that the user has one at,
alike in everything but the password; one at another host is locked, never dropped, for what it
defined would stop working. A locked account is as good as none, unless it is all that there is of
a user and nothing shows that ``grant`` made it: somebody may have locked a user of their own. One
that logs in without a password of the server's, as by ``auth_socket``, is its user's own.

An account that is made, or made to log in by another plugin, can't be logged in to before it gets
its password. It is marked, as only an administrator can, so that later rotations know it.

What was granted is read from SHOW GRANTS, what an account is from the server's tables.

MySQL: https://dev.mysql.com/doc/refman/8.4/en/account-management-statements.html
MariaDB: https://mariadb.com/kb/en/account-management-sql-statements/
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from keyturn_rotators.engines.mysql_connection import MysqlConnection
from keyturn_rotators.engines.mysql_grants import Grant, parse
from keyturn_rotators.errors import StatementFailedError
from keyturn_rotators.rights import Right

EVERYWHERE: Final = "*.*"
_NOTHING: Final = "USAGE"
_GRANT_OPTION: Final = "GRANT OPTION"
_PROXY: Final = "PROXY"
_EXCEPT: Final = "except "
# In the place of a plugin's name, which has no blank.
_LOCKED: Final = "locked by somebody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user at one host.

    Attributes:
        plugin: what checks its password.
        has_password: whether it logs in with a password that is kept by the server.
        is_marked: whether it shows that ``grant`` made it.
        options: names and clauses, as ALTER USER takes them.
        attributes: MySQL's, by name, in JSON.
        default_role: as SQL has it.
    """

    username: str
    host: str
    plugin: str
    has_password: bool
    is_locked: bool
    is_marked: bool
    options: Sequence[tuple[str, str]]
    attributes: Sequence[tuple[str, str]] = ()
    default_role: str = "NONE"

    @property
    def name(self) -> str:
        """The account, as SQL has it."""
        return f"{quoted(self.username)}@{quoted(self.host)}"


class AccountAdministration(MysqlConnection, ABC):
    """An administrator's login; see ``target.CloningAdministration``."""

    @abstractmethod
    def _accounts(self, username: str) -> Sequence[Account]:
        """Return a user's accounts, also those that are locked."""

    @abstractmethod
    def _marked(self, account: Account) -> str:
        """Return the clauses that unlock and mark an account that nobody has a password of."""

    @abstractmethod
    def _set_default_role(self, account: str, role: str) -> None:
        """Set what an account acts as when it logs in."""

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user's accounts are and have; see ``target.CloningAdministration``."""
        every = self._accounts(username)
        accounts = [each for each in every if not each.is_locked]
        if not accounts and not any(each.is_marked for each in every):
            return [Right(("account", each.host), _LOCKED) for each in every]
        return [right for account in accounts for right in self._rights(account)]

    def is_made_for(self, follower: str, _model: str) -> bool:
        """Return whether an account of it shows that ``grant`` made it.

        One is enough: a user that isn't the model's second one is given no account.
        """
        return any(each.is_marked and not each.is_locked for each in self._accounts(follower))

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        self._require_writable()
        kind, host, *what = right.subject
        account = f"{quoted(username)}@{quoted(host)}"
        match kind:
            case "account":
                self._admit(username, host, right.value)
            case "option":
                self._change(f"ALTER USER {account} {right.value}")
            case "default role":
                self._set_default_role(account, right.value)
            case "privilege":
                self._grant_privilege(account, what, right.value)
            case "role":
                self._change(f"GRANT {' ON '.join(what)} TO {account}")
            case "right to grant":
                self._change(f"GRANT {' ON '.join(what)} TO {account} WITH {_option(what)}")
            case _:
                raise RuntimeError(f"no right of an account's: {kind}")

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        self._require_writable()
        kind, host, *what = right.subject
        account = f"{quoted(username)}@{quoted(host)}"
        match kind:
            case "account":
                self._change(f"ALTER USER {account} ACCOUNT LOCK")
            case "privilege" | "role":
                self._change(f"REVOKE {' ON '.join(what)} FROM {account}")
            case "right to grant":
                # There is no other way to take the option alone.
                self._change(f"REVOKE {' ON '.join(what)} FROM {account}")
                self._change(f"GRANT {' ON '.join(what)} TO {account}")
            case "option" | "default role":
                # Every account has these, in one way or another: this one is about to be locked.
                return
            case _:
                raise RuntimeError(f"no right of an account's: {kind}")

    def _rights(self, account: Account) -> Iterator[Right]:
        host = account.host
        yield Right(("account", host), account.plugin, is_own=not account.has_password)
        if not account.has_password:
            return
        for name, clause in account.options:
            yield Right(("option", host, name), clause)
        for name, value in account.attributes:
            yield Right(("attribute", host, name), value, is_value_told=False)
        grants = [grant for grant in self._grants(account) if grant.grantee == account.name]
        for grant in grants:
            if not grant.is_revoke:
                yield from _granted(host, grant, grants)
        yield Right(("default role", host), account.default_role)

    def _grants(self, account: Account) -> Iterator[Grant]:
        for (line,) in self._told(f"SHOW GRANTS FOR {account.name}"):
            if grant := parse(line):
                yield grant

    def _admit(self, username: str, host: str, plugin: str) -> None:
        """Let a user in at a host, as soon as its password is set."""
        there = any(each.host == host for each in self._accounts(username))
        account = Account(
            username=username,
            host=host,
            plugin=plugin,
            has_password=True,
            is_locked=False,
            is_marked=True,
            options=(),
        )
        verb = "ALTER" if there else "CREATE"
        self._change(f"{verb} USER {account.name} {self._marked(account)}")

    def _grant_privilege(self, account: str, what: Sequence[str], exceptions: str) -> None:
        privilege, where = what
        if exceptions:
            self._grant_with_exceptions(account, privilege, exceptions)
            return
        if where == EVERYWHERE and "_" not in privilege:
            # Taken first, with what it may have been restricted by.
            self._change(f"REVOKE {privilege} ON {where} FROM {account}")
        self._change(f"GRANT {privilege} ON {where} TO {account}")

    def _grant_with_exceptions(self, account: str, privilege: str, exceptions: str) -> None:
        """Grant something everywhere and take it back for some databases, unused in between."""
        self._change(f"ALTER USER {account} ACCOUNT LOCK")
        self._change(f"REVOKE {privilege} ON {EVERYWHERE} FROM {account}")
        self._change(f"GRANT {privilege} ON {EVERYWHERE} TO {account}")
        for where in exceptions.removeprefix(_EXCEPT).split(" and "):
            self._change(f"REVOKE {privilege} ON {where} FROM {account}")
        self._change(f"ALTER USER {account} ACCOUNT UNLOCK")

    def _to_be_changed(self, username: str) -> Sequence[Account]:
        """Return the accounts of a user that a password of it is for."""
        self._require_writable()
        accounts = [
            each for each in self._accounts(username) if each.has_password and not each.is_locked
        ]
        if not accounts:
            raise StatementFailedError(
                self._credential.where,
                f"no account of {username} logs in by a password and isn't locked",
            )
        return accounts

    def _change(self, statement: str, *hidden: str) -> None:
        self._execute(statement, hidden=hidden, advice=self._advice)

    def _told(self, statement: str, *values: str) -> Sequence[tuple[str, ...]]:
        return self._rows(statement, *values, advice=self._advice)

    @property
    def _advice(self) -> str:
        admin = self._credential.username
        return (
            f"The administrator {admin} needs CREATE USER on *.*, SELECT on mysql.*, and with "
            "GRANT OPTION (for roles: ADMIN OPTION) everything that the users have."
        )

    def _literal(self, value: str | bytes) -> str:
        literal: str = self._connection.escape(value)
        return literal


def quoted(name: str) -> str:
    """Return a name, as SQL has it."""
    return f"`{name.replace('`', '``')}`"


def required(subject: str, issuer: str, cipher: str) -> str:
    """Return the REQUIRE of an account that is let in by a certain certificate or cipher.

    Args:
        subject, issuer, cipher: literals of SQL; "''" for any.
    """
    parts = {"SUBJECT": subject, "ISSUER": issuer, "CIPHER": cipher}
    return " AND ".join(f"{name} {value}" for name, value in parts.items() if value != "''")


def _granted(host: str, grant: Grant, grants: Sequence[Grant]) -> Iterator[Right]:
    if not grant.where:
        for role in grant.names:
            yield Right(("role", host, role))
            if grant.is_grantable:
                yield Right(("right to grant", host, role))
        return
    for name in grant.names:
        if name != _NOTHING:
            yield Right(("privilege", host, name, grant.where), _exceptions(name, grant, grants))
        if grant.is_grantable and _has_option_of_its_own(name):
            yield Right(("right to grant", host, name, grant.where))
    if grant.is_grantable and not _has_option_of_its_own(grant.names[0]):
        yield Right(("privilege", host, _GRANT_OPTION, grant.where))


def _exceptions(name: str, grant: Grant, grants: Sequence[Grant]) -> str:
    if grant.where != EVERYWHERE:
        return ""
    found = [each.where for each in grants if each.is_revoke and name in each.names]
    return _EXCEPT + " and ".join(found) if found else ""


def _has_option_of_its_own(privilege: str) -> bool:
    # MySQL's dynamic privileges, such as BACKUP_ADMIN. The others have one for all at a place.
    return privilege == _PROXY or "_" in privilege.partition(" (")[0]


def _option(what: Sequence[str]) -> str:
    return "ADMIN OPTION" if len(what) == 1 else _GRANT_OPTION
