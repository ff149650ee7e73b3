"""What Oracle's dictionary says of a user, as rights. Only read.

Every view is SYS's by name: an administrator's own synonym of that name isn't asked.

Oracle: https://docs.oracle.com/en/database/oracle/oracle-database/23/refrn/ (DBA_USERS,
DBA_SYS_PRIVS, DBA_ROLE_PRIVS, DBA_TAB_PRIVS, DBA_COL_PRIVS, DBA_TS_QUOTAS)
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from keyturn_rotators.rights import Right

#: Whoever has it was made to take turns. Who may make or grant roles gives it.
MARK: Final = "KEYTURN_ALTERNATING_USER"
ADMIN_OPTION: Final = "WITH ADMIN OPTION"
#: A role that is on when its user logs on.
DEFAULT: Final = "DEFAULT"
GRANT_OPTION: Final = "WITH GRANT OPTION"
UNLIMITED: Final = "UNLIMITED"
_YES: Final = "YES"
_UNLIMITED_BYTES: Final = -1

_Rows = Callable[..., Sequence[tuple[Any, ...]]]

_USER: Final = """
SELECT profile, default_tablespace, temporary_tablespace FROM SYS.DBA_USERS WHERE username = :1
"""
_QUOTAS: Final = """
SELECT tablespace_name, max_bytes FROM SYS.DBA_TS_QUOTAS
WHERE username = :1 AND dropped = 'NO' ORDER BY tablespace_name
"""
_SYSTEM: Final = """
SELECT privilege, admin_option FROM SYS.DBA_SYS_PRIVS WHERE grantee = :1 ORDER BY privilege
"""
_ROLES: Final = """
SELECT granted_role, admin_option, default_role FROM SYS.DBA_ROLE_PRIVS
WHERE grantee = :1 ORDER BY granted_role
"""
_OBJECTS: Final = """
SELECT type, owner, table_name, privilege, grantable FROM SYS.DBA_TAB_PRIVS
WHERE grantee = :1 ORDER BY type, owner, table_name, privilege
"""
_COLUMNS: Final = """
SELECT owner, table_name, column_name, privilege, grantable FROM SYS.DBA_COL_PRIVS
WHERE grantee = :1 ORDER BY owner, table_name, column_name, privilege
"""


def rights_of(rows: _Rows, user: str) -> Iterator[Right]:
    """Yield what a user is and has, in the order in which to give it."""
    found = rows(_USER, user)
    if not found:
        return
    ((profile, tablespace, temporary),) = found
    yield Right(("user",))
    yield Right(("attribute", "PROFILE"), profile)
    yield Right(("attribute", "DEFAULT TABLESPACE"), tablespace)
    yield Right(("attribute", "TEMPORARY TABLESPACE"), temporary)
    for name, max_bytes in rows(_QUOTAS, user):
        quota = UNLIMITED if max_bytes == _UNLIMITED_BYTES else str(max_bytes)
        yield Right(("quota", name), quota)
    for privilege, option in rows(_SYSTEM, user):
        yield Right(("system", privilege), ADMIN_OPTION if option == _YES else "")
    yield from _roles(rows, user)
    for kind, owner, name, privilege, option in rows(_OBJECTS, user):
        value = GRANT_OPTION if option == _YES else ""
        yield Right(("object", kind, owner, name, privilege), value)
    for owner, name, column, privilege, option in rows(_COLUMNS, user):
        value = GRANT_OPTION if option == _YES else ""
        yield Right(("column", owner, name, column, privilege), value)


def is_marked(rows: _Rows, user: str) -> bool:
    """Return whether a user was made to take turns."""
    return MARK in {row[0] for row in rows(_ROLES, user)}


def _roles(rows: _Rows, user: str) -> Iterator[Right]:
    roles = [row for row in rows(_ROLES, user) if row[0] != MARK]
    for role, option, is_default in roles:
        words = (ADMIN_OPTION if option == _YES else "", DEFAULT if is_default == _YES else "")
        yield Right(("role", role), " ".join(words).strip())


def default_roles(rows: _Rows, user: str) -> list[str]:
    """Return the roles that are on when a user logs on."""
    return [role for role, _, is_default in rows(_ROLES, user) if is_default == _YES]
