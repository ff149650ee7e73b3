"""What SQL Server's catalogue says of a login, as rights: on the server and in every database.

* Databases are those that are online and that the administrator may use.
* A login that is a database's owner is ``dbo`` there, which no second login can be: it is told.
* Names come from the catalogue; permissions of kinds that aren't read are told by their class, and
  stop the rotation rather than be left out.

SQL Server: https://learn.microsoft.com/sql/relational-databases/system-catalog-views
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from keyturn_rotators.engines.sqlserver_connection import literal, quoted
from keyturn_rotators.rights import Right

#: Whoever is in it was made to take turns, if it is an administrator's role: whoever may make
#: server roles could have made one of that name, and its owner puts in whom it likes.
MARK: Final = "keyturn_alternating_user"

_Rows = Callable[..., Sequence[tuple[Any, ...]]]

_LOGIN: Final = """
SELECT p.default_database_name, p.default_language_name, l.is_policy_checked,
       l.is_expiration_checked
FROM sys.server_principals p JOIN sys.sql_logins l ON l.principal_id = p.principal_id
WHERE p.name = %s
"""
_SERVER_ROLES: Final = """
SELECT r.name FROM sys.server_role_members m
JOIN sys.server_principals r ON r.principal_id = m.role_principal_id
JOIN sys.server_principals p ON p.principal_id = m.member_principal_id
WHERE p.name = %s ORDER BY r.name
"""
_MARK_OWNER: Final = """
SELECT r.type, IS_SRVROLEMEMBER('sysadmin', o.name) FROM sys.server_principals r
LEFT JOIN sys.server_principals o ON o.principal_id = r.owning_principal_id
WHERE r.name = %s
"""
_SERVER_PERMISSIONS: Final = """
SELECT d.class_desc, COALESCE(e.name, o.name), d.permission_name, d.state_desc
FROM sys.server_permissions d
JOIN sys.server_principals p ON p.principal_id = d.grantee_principal_id
LEFT JOIN sys.endpoints e ON d.class = 105 AND e.endpoint_id = d.major_id
LEFT JOIN sys.server_principals o ON d.class = 101 AND o.principal_id = d.major_id
WHERE p.name = %s ORDER BY d.class_desc, 2, d.permission_name
"""
_DATABASES: Final = """
SELECT name FROM sys.databases WHERE state = 0 AND HAS_DBACCESS(name) = 1 ORDER BY name
"""
_USER: Final = """
SELECT u.name, u.default_schema_name FROM {db}.sys.database_principals u
WHERE u.sid = SUSER_SID(%s)
"""
_DATABASE_ROLES: Final = """
SELECT r.name FROM {db}.sys.database_role_members m
JOIN {db}.sys.database_principals r ON r.principal_id = m.role_principal_id
JOIN {db}.sys.database_principals u ON u.principal_id = m.member_principal_id
WHERE u.sid = SUSER_SID(%s) ORDER BY r.name
"""
_DATABASE_PERMISSIONS: Final = """
SELECT d.class_desc, COALESCE(s.name, os.name, ts.name), COALESCE(o.name, t.name, q.name), c.name,
       d.permission_name, d.state_desc
FROM {db}.sys.database_permissions d
JOIN {db}.sys.database_principals u ON u.principal_id = d.grantee_principal_id
LEFT JOIN {db}.sys.schemas s ON d.class = 3 AND s.schema_id = d.major_id
LEFT JOIN {db}.sys.all_objects o ON d.class = 1 AND o.object_id = d.major_id
LEFT JOIN {db}.sys.schemas os ON os.schema_id = o.schema_id
LEFT JOIN {db}.sys.all_columns c
  ON d.class = 1 AND d.minor_id > 0 AND c.object_id = d.major_id AND c.column_id = d.minor_id
LEFT JOIN {db}.sys.types t ON d.class = 6 AND t.user_type_id = d.major_id
LEFT JOIN {db}.sys.schemas ts ON ts.schema_id = t.schema_id
LEFT JOIN {db}.sys.database_principals q ON d.class = 4 AND q.principal_id = d.major_id
WHERE u.sid = SUSER_SID(%s) ORDER BY d.class_desc, 2, 3, 4, d.permission_name
"""


def rights_of(rows: _Rows, login: str) -> Iterator[Right]:
    """Yield what a login is and has, in the order in which to give it.

    What is denied comes before what is granted, so that a login that is being made like another
    never has one without the other.
    """
    found = rows(_LOGIN, login)
    if not found:
        return
    yield Right(("login",))
    ((database, language, policy, expiration),) = found
    yield Right(("login option", "DEFAULT_DATABASE"), database)
    yield Right(("login option", "DEFAULT_LANGUAGE"), language or "")
    yield Right(("login option", "CHECK_POLICY"), "ON" if policy else "OFF")
    yield Right(("login option", "CHECK_EXPIRATION"), "ON" if expiration else "OFF")
    yield from _denied_first(_server_permissions(rows, login))
    for (role,) in rows(_SERVER_ROLES, login):
        if role != MARK:
            yield Right(("server role", role))
    for (name,) in rows(_DATABASES):
        yield from _in_database(rows, name, login)


def is_marked(rows: _Rows, login: str) -> bool:
    """Return whether a login was made to take turns."""
    is_in = (MARK,) in {tuple(row) for row in rows(_SERVER_ROLES, login)}
    return is_in and has_mark(rows) is True


def has_mark(rows: _Rows) -> bool | None:
    """Return whether the mark is an administrator's role; None if there is no such name."""
    found = rows(_MARK_OWNER, MARK)
    return None if not found else tuple(found[0]) == ("R", 1)


def user_in(rows: _Rows, database: str, login: str) -> str | None:
    """Return a login's user in a database."""
    found = rows(_USER.format(db=quoted(database)), login)
    return found[0][0] if found else None


def _server_permissions(rows: _Rows, login: str) -> Iterator[Right]:
    for kind, name, permission, state in rows(_SERVER_PERMISSIONS, login):
        yield Right(("server permission", kind, name or "", permission), state)


def _in_database(rows: _Rows, database: str, login: str) -> Iterator[Right]:
    db = quoted(database)
    users = rows(_USER.format(db=db), login)
    if not users:
        return
    ((user, schema),) = users
    if user == "dbo":
        yield Right(("database owner", database))
        return
    yield Right(("user", database), schema or "")
    yield from _denied_first(_permissions(rows, database, login))
    for (role,) in rows(_DATABASE_ROLES.format(db=db), login):
        yield Right(("role", database, role))


def _permissions(rows: _Rows, database: str, login: str) -> Iterator[Right]:
    for row in rows(_DATABASE_PERMISSIONS.format(db=quoted(database)), login):
        kind, schema, name, column, permission, state = row
        what = (schema or "", name or "", column or "")
        yield Right(("permission", database, kind, *what, permission), state)


def _denied_first(rights: Iterator[Right]) -> list[Right]:
    return sorted(rights, key=lambda right: right.value != "DENY")


def securable(kind: str, names: Sequence[str]) -> str | None:
    """Return what goes between a permission and TO; None for a kind that isn't known.

    Args:
        names: of the schema, the object and the column, "" where there is none.
    """
    schema, name, column = (quoted(each) if each else "" for each in names)
    columns = f" ({column})" if column else ""
    return {
        "DATABASE": "",
        "SCHEMA": f" ON SCHEMA::{schema}",
        "OBJECT_OR_COLUMN": f" ON OBJECT::{schema}.{name}{columns}",
        "TYPE": f" ON TYPE::{schema}.{name}",
        "DATABASE_PRINCIPAL": f" ON USER::{name}",
    }.get(kind)


def server_securable(kind: str, name: str) -> str | None:
    """Return the same for a permission on the server."""
    return {
        "SERVER": "",
        "ENDPOINT": f" ON ENDPOINT::{quoted(name)}",
        "SERVER_PRINCIPAL": f" ON LOGIN::{quoted(name)}",
    }.get(kind)


def as_owner(database: str, statement: str) -> str:
    """Return a statement that is done in a database as its ``dbo``, and can't do more than that.

    A trigger that a database's owner has made for such statements would run with the
    administrator's rights on the whole server otherwise.
    """
    text = f"EXECUTE AS USER = N'dbo'; {statement}; REVERT"
    return f"EXEC {quoted(database)}.sys.sp_executesql {literal(text)}"
