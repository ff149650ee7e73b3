"""Oracle's users, as an administrator changes them and makes two of them alike.

* The clone is made, and marked by a role, in one statement, with a password that nobody knows and
  nothing that it may do.
* A user's schema is its own: objects have one owner, which isn't copied.

Oracle: https://docs.oracle.com/en/database/oracle/oracle-database/23/sqlrf/ALTER-USER.html,
GRANT.html and REVOKE.html
"""

from collections.abc import Sequence
from dataclasses import replace
import logging
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.oracle_catalogue import (
    ADMIN_OPTION,
    DEFAULT,
    MARK,
    UNLIMITED,
    default_roles,
    is_marked,
    rights_of,
)
from keyturn_rotators.engines.oracle_connection import OracleConnection, account_of, quoted
from keyturn_rotators.errors import StatementFailedError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import oracledb

_ADVICE: Final = (
    "The administrator needs ALTER USER, CREATE USER, CREATE ROLE, GRANT ANY PRIVILEGE, GRANT ANY "
    "ROLE, GRANT ANY OBJECT PRIVILEGE and SELECT ANY DICTIONARY; to set passwords, the first."
)
_ROLLOVER_TIME: Final = """
SELECT p.limit FROM SYS.DBA_USERS u JOIN SYS.DBA_PROFILES p ON p.profile = u.profile
WHERE u.username = :1 AND p.resource_name = 'PASSWORD_ROLLOVER_TIME'
"""
_STATUS: Final = "SELECT account_status FROM SYS.DBA_USERS WHERE username = :1"
_ROLE: Final = "SELECT 1 FROM SYS.DBA_ROLES WHERE role = :1"
_OWNED: Final = "SELECT 1 FROM SYS.DBA_OBJECTS WHERE owner = :1 AND ROWNUM = 1"
# Of 30 bytes, with what verify functions ask for.
_UNKNOWN_BYTES: Final = 13
# GRANT and REVOKE name them; anything else is a table, a view, a package or the like.
_KINDS: Final = frozenset(
    {"DIRECTORY", "EDITION", "USER", "JAVA SOURCE", "JAVA RESOURCE", "MINING MODEL"}
    | {"SQL TRANSLATION PROFILE"}
)

_log = logging.getLogger(LOGGER_NAME)


class OracleAdministration(OracleConnection):
    """An administrator's login; see ``target.CloningAdministration``, ``DualAdministration``."""

    def __init__(self, connection: "oracledb.Connection", credential: Credential) -> None:
        super().__init__(connection, credential, _ADVICE)

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password, and with no other."""
        self._change(account_of(username), password)
        self._end_rollover(account_of(username))

    def keep_two_passwords(self, username: str, kept: str, fresh: str) -> None:
        """Let a user log in with both; see ``oracle.OracleSession``."""
        user = account_of(username)
        rows = self._rows(_ROLLOVER_TIME, user)
        require_rollover(rows[0][0] if rows else None, self._credential.where)
        if self._is_in_rollover(user):
            self._change(user, kept)
            self._end_rollover(user)
        self._change(user, fresh)

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user is and has; see ``target.CloningAdministration``."""
        return list(rights_of(self._rows, account_of(username)))

    def is_made_for(self, follower: str, model: str) -> bool:
        """Return whether the clone has the role of those that ``grant`` made."""
        return follower != model and is_marked(self._rows, account_of(follower))

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        user = quoted(account_of(username))
        match right.subject:
            case ("user",):
                self._create(account_of(username))
            case ("attribute", name):
                self._run(f"ALTER USER {user} {name} {quoted(right.value)}")
            case ("quota", tablespace):
                quota = right.value if right.value == UNLIMITED else str(int(right.value))
                self._run(f"ALTER USER {user} QUOTA {quota} ON {quoted(tablespace)}")
            case ("role", role):
                option = ADMIN_OPTION if right.value.startswith(ADMIN_OPTION) else ""
                self._give(user, replace(right, value=option))
                self._set_default(account_of(username), role, right.value.endswith(DEFAULT))
            case _:
                self._give(user, right)

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        user = quoted(account_of(username))
        match right.subject:
            case ("quota", tablespace):
                self._run(f"ALTER USER {user} QUOTA 0 ON {quoted(tablespace)}")
            case _:
                self._take(user, right)

    def _give(self, user: str, right: Right) -> None:
        what = self._what(right)
        if not right.value:
            # GRANT leaves an option that there is.
            self._take_option(user, right)
        self._run(f"GRANT {what} TO {user} {right.value}".rstrip())

    def _set_default(self, user: str, role: str, is_default: bool) -> None:  # noqa: FBT001
        """Have a role on when a user logs on, or off: a role that was granted is on."""
        roles = [each for each in default_roles(self._rows, user) if each != role]
        listed = ", ".join(quoted(each) for each in [*roles, *([role] if is_default else [])])
        self._run(f"ALTER USER {quoted(user)} DEFAULT ROLE {listed or 'NONE'}")

    def _take_option(self, user: str, right: Right) -> None:
        held = {each.subject: each.value for each in self.rights_of(user.strip('"'))}
        if "OPTION" in held.get(right.subject, ""):
            self._take(user, right)

    def _take(self, user: str, right: Right) -> None:
        if right.subject[0] != "column":
            self._run(f"REVOKE {self._what(right)} FROM {user}")
            return
        # Oracle takes a privilege from the whole table; what else the user had is given again.
        held = [each for each in self.rights_of(user.strip('"')) if _is_beside(each, right)]
        _, owner, name, _, privilege = right.subject
        self._run(f"REVOKE {privilege} ON {quoted(owner)}.{quoted(name)} FROM {user}")
        for each in held:
            self._run(f"GRANT {self._what(each)} TO {user} {each.value}".rstrip())

    def _what(self, right: Right) -> str:
        """Return a right, between GRANT and TO or REVOKE and FROM."""
        match right.subject:
            case ("system", privilege):
                return privilege
            case ("role", role):
                return quoted(role)
            case ("object", kind, owner, name, privilege):
                return f"{privilege} ON {_object(kind, owner, name)}"
            case ("column", owner, name, column, privilege):
                return f"{privilege} ({quoted(column)}) ON {quoted(owner)}.{quoted(name)}"
            case _:
                raise RuntimeError(f"no right of a user's: {right.subject}")

    def _create(self, user: str) -> None:
        if not self._rows(_ROLE, MARK):
            self._run(f"CREATE ROLE {quoted(MARK)}")
        unknown = f"aA1_{token_hex(_UNKNOWN_BYTES)}"
        self._run(
            f"GRANT {quoted(MARK)} TO {quoted(user)} IDENTIFIED BY {quoted(unknown)}", unknown
        )
        if self._rows(_OWNED, user.removesuffix("_CLONE")):
            _log.warning(
                "%s owns objects, which %s_CLONE doesn't come to own: let it name them by their "
                "schema, or set CURRENT_SCHEMA when it logs on",
                *(user.removesuffix("_CLONE"), user.removesuffix("_CLONE")),
            )

    def _change(self, user: str, password: str) -> None:
        statement = f"ALTER USER {quoted(user)} IDENTIFIED BY {quoted(password)}"
        self._run(statement, password)

    def _is_in_rollover(self, user: str) -> bool:
        rows = self._rows(_STATUS, user)
        return bool(rows) and is_rollover(rows[0][0])

    def _end_rollover(self, user: str) -> None:
        if self._is_in_rollover(user):
            self._run(end_rollover(user))


def end_rollover(user: str) -> str:
    """Return the statement that leaves a user the newer one of its two passwords."""
    return f"ALTER USER {quoted(user)} EXPIRE PASSWORD ROLLOVER PERIOD"


def is_rollover(status: str) -> bool:
    """Return whether a user has two passwords, by its account's status."""
    return "IN ROLLOVER" in status


def require_rollover(limit: object, where: str) -> None:
    """Refuse a user of whom Oracle keeps one password alone.

    Args:
        limit: PASSWORD_ROLLOVER_TIME of its profile, in days. One that is another profile's
            (``DEFAULT``) isn't relied on.

    Raises:
        StatementFailedError: it does.
    """
    if limit is None or str(limit) in {"0", "DEFAULT"}:
        raise StatementFailedError(
            where,
            "the user's profile doesn't say PASSWORD_ROLLOVER_TIME, so it has one password at a "
            "time. Say it: ALTER PROFILE ... LIMIT PASSWORD_ROLLOVER_TIME 1; or rotate as a "
            "single user",
        )


def _is_beside(right: Right, column: Right) -> bool:
    """Return whether a right is the same privilege on the same table, or another column of it."""
    _, owner, name, _, privilege = column.subject
    match right.subject:
        case ("column", its_owner, its_name, _, its_privilege):
            is_same = (its_owner, its_name, its_privilege) == (owner, name, privilege)
            return is_same and right.subject != column.subject
        case ("object", _, its_owner, its_name, its_privilege):
            return (its_owner, its_name, its_privilege) == (owner, name, privilege)
        case _:
            return False


def _object(kind: str, owner: str, name: str) -> str:
    match kind:
        case "DIRECTORY" | "EDITION" | "USER":
            return f"{kind} {quoted(name)}"
        case _ if kind in _KINDS:
            return f"{kind} {quoted(owner)}.{quoted(name)}"
        case _:
            return f"{quoted(owner)}.{quoted(name)}"
