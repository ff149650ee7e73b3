"""What Redshift's catalogue says of a user, as rights. Only read.

* Each view is asked by itself: Redshift joins the views of its leader with nothing else.
* What a user has since it owns something isn't told: it is the owner's whatever is granted, and to
  take it away would shut the owner out of its own table.
* Privileges are looked at in the secret's database; those on databases, and roles and groups, in
  the whole cluster.

Redshift: https://docs.aws.amazon.com/redshift/latest/dg/svv_views.html and
c_intro_catalog_views.html
"""

from collections.abc import Iterator, Mapping, Sequence
import csv
from typing import TYPE_CHECKING, Any, Final, LiteralString

from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import psycopg

#: Who is in it was made to take turns with another user. Only a superuser can put somebody in.
MARK: Final = "keyturn_alternating_user"
GRANT_OPTION: Final = "WITH GRANT OPTION"
ADMIN_OPTION: Final = "WITH ADMIN OPTION"
# An owner has them, and GRANT knows neither.
_NOT_GRANTED: Final = frozenset({"RULE", "TRIGGER"})
_OBJECTS: Final = {"RELATION": "TABLES", "FUNCTION": "FUNCTIONS", "PROCEDURE": "PROCEDURES"}
_OWNERS_KIND: Final = {"COLUMN": "TABLE", "PROCEDURE": "FUNCTION"}

_Row = Sequence[Any]


class Catalogue:
    """The catalogue, as a superuser's connection sees it."""

    def __init__(self, connection: "psycopg.Connection") -> None:
        self._connection = connection

    def is_superuser(self) -> bool:
        """Return whether who is logged in sees all that there is."""
        return bool(self._rows(_SUPERUSER))

    def has_user(self, name: str) -> bool:
        """Return whether there is a user of exactly this name."""
        return bool(self._rows(_USER, name))

    def has_group(self, name: str) -> bool:
        """Return whether there is a group of exactly this name."""
        return bool(self._rows("SELECT 1 FROM pg_group WHERE groname = %s", name))

    def is_marked(self, user: str) -> bool:
        """Return whether a user was made to take turns."""
        return (MARK,) in {tuple(row) for row in self._rows(_GROUPS, user)}

    def owns_any(self, user: str) -> bool:
        """Return whether a user owns something in this database, or the database."""
        return bool(self._owned(user))

    def rights_of(self, user: str) -> Iterator[Right]:
        """Yield what a user is and has, in the order in which to give it."""
        yield from self._attributes(user)
        yield from self._settings(user)
        for (group,) in self._rows(_GROUPS, user):
            if group != MARK:
                yield Right(("group", group))
        for role, is_admin in self._rows(_ROLES, user):
            yield Right(("role", role), ADMIN_OPTION if is_admin else "")
        yield from self._privileges(user)
        yield from self._defaults(user)

    def _attributes(self, user: str) -> Iterator[Right]:
        for creates, is_super, limit, access, timeout in self._rows(_ATTRIBUTES, user):
            yield Right(("attribute", "CREATEDB"), "on" if creates else "off")
            yield Right(("attribute", "CREATEUSER"), "on" if is_super else "off")
            yield Right(("attribute", "SYSLOG ACCESS"), access)
            yield Right(("attribute", "CONNECTION LIMIT"), str(limit))
            yield Right(("attribute", "SESSION TIMEOUT"), str(timeout or 0))

    def _settings(self, user: str) -> Iterator[Right]:
        for until, settings in self._rows(_SETTINGS, user):
            yield Right(("attribute", "VALID UNTIL"), str(until or "infinity"))
            for setting in sorted(settings or ()):
                name, _, value = setting.partition("=")
                # Applications keep keys in settings of their own.
                yield Right(("setting", name), value, is_value_told=False)

    def _privileges(self, user: str) -> Iterator[Right]:
        found = [
            (kind, row) for kind, query in _PRIVILEGES.items() for row in self._rows(query, user)
        ]
        if not found:
            return
        owned = self._owned(user)
        procedures = {tuple(row) for row in self._rows(_PROCEDURES)} if _calls(found) else set()
        for kind, (*names, scope, privilege, is_grantable) in found:
            what = "PROCEDURE" if tuple(names) in procedures else kind
            if (_OWNERS_KIND.get(what, what), *names[:2]) in owned or privilege in _NOT_GRANTED:
                continue
            scoped = what if scope == kind else f"{scope} IN {what}"
            option = GRANT_OPTION if is_grantable else ""
            yield Right(("privilege", scoped, *names, privilege), option)

    def _defaults(self, user: str) -> Iterator[Right]:
        for owner, schema, kind, privilege, is_grantable in self._rows(_DEFAULTS, user):
            # What an owner gives to itself of what it makes is its own.
            if owner != user and privilege not in _NOT_GRANTED:
                option = GRANT_OPTION if is_grantable else ""
                yield Right(("default", owner, schema or "", _OBJECTS[kind], privilege), option)

    def _owned(self, user: str) -> set[tuple[str, ...]]:
        rows = self._rows(_OWNED, *[user] * 4)
        return {tuple(name for name in row if name is not None) for row in rows}

    def _rows(self, query: LiteralString, *values: str) -> Sequence[_Row]:
        return self._connection.execute(query, values).fetchall()


def names_in(setting: str) -> list[str]:
    """Return the names in a setting that is a list of them, each quoted by itself."""
    return next(csv.reader([setting], skipinitialspace=True), [""])


def _calls(found: Sequence[tuple[str, _Row]]) -> bool:
    return any(kind == "FUNCTION" for kind, _ in found)


_SUPERUSER: Final = "SELECT 1 FROM pg_user WHERE usename = current_user AND usesuper"
_USER: Final = "SELECT 1 FROM pg_user WHERE usename = %s"
_ATTRIBUTES: Final = """
SELECT createdb, superuser, connection_limit, syslog_access, session_timeout
FROM svv_user_info WHERE user_name = %s
"""
_SETTINGS: Final = "SELECT valuntil, useconfig FROM pg_user_info WHERE usename = %s"
_GROUPS: Final = """
SELECT g.groname FROM pg_group g, pg_user u
WHERE u.usename = %s AND u.usesysid = ANY (g.grolist) ORDER BY 1
"""
_ROLES: Final = """
SELECT role_name, admin_option FROM svv_user_grants WHERE user_name = %s ORDER BY 1
"""
# Each has the object's names, what of it the privilege is on, the privilege, and its option.
_PRIVILEGES: Final[Mapping[str, LiteralString]] = {
    "DATABASE": """
SELECT database_name, privilege_scope, privilege_type, admin_option
FROM svv_database_privileges WHERE identity_type = 'user' AND identity_name = %s ORDER BY 1, 2, 3
""",
    "SCHEMA": """
SELECT namespace_name, privilege_scope, privilege_type, admin_option
FROM svv_schema_privileges WHERE identity_type = 'user' AND identity_name = %s ORDER BY 1, 2, 3
""",
    "TABLE": """
SELECT namespace_name, relation_name, 'TABLE'::text, privilege_type, admin_option
FROM svv_relation_privileges WHERE identity_type = 'user' AND identity_name = %s ORDER BY 1, 2, 4
""",
    "COLUMN": """
SELECT namespace_name, relation_name, column_name, 'COLUMN'::text, privilege_type, false
FROM svv_column_privileges WHERE identity_type = 'user' AND identity_name = %s ORDER BY 1, 2, 3, 5
""",
    "FUNCTION": """
SELECT namespace_name, function_name, argument_types, 'FUNCTION'::text, privilege_type,
       admin_option
FROM svv_function_privileges WHERE identity_type = 'user' AND identity_name = %s ORDER BY 1, 2, 3
""",
}
_DEFAULTS: Final = """
SELECT owner_name, schema_name, object_type, privilege_type, admin_option
FROM svv_default_privileges WHERE grantee_type = 'user' AND grantee_name = %s
ORDER BY 1, 2, 3, 4
"""
_PROCEDURES: Final = """
SELECT n.nspname::text, p.proname::text, oidvectortypes(p.proargtypes)::text
FROM pg_proc_info p, pg_namespace n WHERE n.oid = p.pronamespace AND p.prokind = 'p'
"""
_OWNED: Final = """
SELECT 'DATABASE'::text, datname::text, NULL::text FROM pg_database
WHERE datdba = (SELECT usesysid FROM pg_user WHERE usename = %s)
UNION ALL SELECT 'SCHEMA'::text, nspname::text, NULL::text FROM pg_namespace
WHERE nspowner = (SELECT usesysid FROM pg_user WHERE usename = %s)
UNION ALL SELECT 'TABLE'::text, n.nspname::text, c.relname::text
FROM pg_class c, pg_namespace n WHERE n.oid = c.relnamespace
  AND c.relowner = (SELECT usesysid FROM pg_user WHERE usename = %s)
UNION ALL SELECT 'FUNCTION'::text, n.nspname::text, p.proname::text
FROM pg_proc p, pg_namespace n WHERE n.oid = p.pronamespace
  AND p.proowner = (SELECT usesysid FROM pg_user WHERE usename = %s)
"""
