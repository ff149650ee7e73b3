"""What PostgreSQL's catalogue says of a role, as rights. Only read.

PostgreSQL: https://www.postgresql.org/docs/current/catalogs.html
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, LiteralString

from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import psycopg

#: From here on a membership has the options INHERIT and SET.
WITH_OPTIONS: Final = 160_000
_FLAGS: Final = ("SUPERUSER", "CREATEROLE", "CREATEDB", "INHERIT", "REPLICATION", "BYPASSRLS")
# Members of it log in by IAM alone. AWS: "IAM database authentication", PostgreSQL.
_NOT_COPIED: Final = "rds_iam"


_Query = tuple[LiteralString, tuple[str, ...]]
_Row = Sequence[Any]


class Catalogue:
    """The catalogue, as one connection sees it."""

    def __init__(
        self, connection: "psycopg.Connection", seen: Mapping[_Query, Sequence[_Row]] | None = None
    ) -> None:
        self._connection = connection
        self._seen = seen or {}

    def seen(self, *roles: str) -> "Catalogue":
        """Return the catalogue as it is now, with what these roles are and have asked for.

        It is all in one message: a rotation compares two roles several times.
        """
        queries = [each for role in roles for each in self._queries(role)]
        told = ", ".join(_as_json(query) for query, _ in queries)
        values = [value for _, values in queries for value in values]
        row = self._connection.execute(f"SELECT {told}".encode(), values).fetchone()
        assert row is not None
        return Catalogue(self._connection, dict(zip(queries, row, strict=True)))

    def has_role(self, name: str) -> bool:
        """Return whether there is a role."""
        return bool(self._rows(_ROLE, name))

    def attributes(self, role: str) -> Iterator[Right]:
        """Yield what a role is, "on" or "off", and its limits; by ALTER ROLE's words for them."""
        ((*flags, limit, until),) = self._rows(_ATTRIBUTES, role)
        for name, is_on in zip(_FLAGS, flags, strict=True):
            yield Right(("attribute", name), "on" if is_on else "off")
        yield Right(("attribute", "CONNECTION LIMIT"), str(limit))
        yield Right(("attribute", "VALID UNTIL"), until if until == "infinity" else f"{until}+00")

    def settings(self, role: str) -> Iterator[Right]:
        """Yield what a role is set to, everywhere ("") and in single databases."""
        for dbname, setting in self._rows(_SETTINGS, role):
            name, _, value = setting.partition("=")
            # Applications keep keys in settings of their own.
            yield Right(("setting", dbname, name), value, is_value_told=False)

    def memberships(self, role: str) -> Iterator[Right]:
        """Yield the roles that a role was made a member of, and how."""
        for group, *values in self._rows(self._memberships, role, _NOT_COPIED):
            named = zip(("ADMIN", "INHERIT", "SET"), values, strict=False)
            told = [f"{name} {str(is_on).upper()}" for name, is_on in named]
            yield Right(("member", group), ", ".join(told))

    def owns_any(self, role: str) -> bool:
        """Return whether a role itself owns something, in this database or in all."""
        return bool(self._rows(_OWNED, role))

    def others_of(self, role: str) -> list[str]:
        """Return what a role has by its name that ``privileges`` doesn't tell, as the server says.

        Policies on rows, privileges of other kinds, and defaults for what is made later.
        """
        return [description for (description,) in self._rows(_OTHERS, role)]

    def grantors(self, role: str, group: str) -> list[str]:
        """Return who made a role a member of another."""
        return [name for (name,) in self._rows(_GRANTORS, role, group)]

    def inherits(self, role: str, group: str) -> bool:
        """Return whether a role has all that another one has, without acting as it."""
        return bool(self._rows("SELECT WHERE pg_has_role(%s, %s, 'USAGE')", role, group))

    def privileges(self, role: str) -> Iterator[Right]:
        """Yield what was granted to a role by its name, in this database or in all.

        The subjects have GRANT's words: a kind of object, the object, a column or "", a privilege.
        """
        for kind, identity, column, privilege, is_grantable in self._rows(_PRIVILEGES, role):
            option = "WITH GRANT OPTION" if is_grantable else ""
            yield Right(("privilege", kind, identity, column or "", privilege), option)

    def _rows(self, query: LiteralString, *values: str) -> Sequence[_Row]:
        seen = self._seen.get((query, values))
        return self._connection.execute(query, values).fetchall() if seen is None else seen

    @property
    def _memberships(self) -> LiteralString:
        has_options = self._connection.info.server_version >= WITH_OPTIONS
        return _MEMBERSHIPS if has_options else _MEMBERSHIPS_WITHOUT_OPTIONS

    def _queries(self, role: str) -> Iterator[_Query]:
        for query in (_ROLE, _ATTRIBUTES, _SETTINGS, _OWNED, _PRIVILEGES):
            yield query, (role,)
        yield self._memberships, (role, _NOT_COPIED)


def _as_json(query: LiteralString) -> str:
    """Return an expression of SQL for a query's rows, in their order."""
    names = ", ".join(f"c{number}" for number in range(_COLUMNS[query]))
    alias = f"AS answer ({names})" if names else "AS answer"
    array = f"json_agg(json_build_array({names}))"
    return f"(SELECT coalesce({array}, '[]') FROM ({query}) {alias})"  # noqa: S608 - no values


_ROLE: Final = "SELECT FROM pg_roles WHERE rolname = %s"
_ATTRIBUTES: Final = """
SELECT rolsuper, rolcreaterole, rolcreatedb, rolinherit, rolreplication, rolbypassrls,
       rolconnlimit, coalesce(rolvaliduntil AT TIME ZONE 'UTC', 'infinity')::text
FROM pg_roles WHERE rolname = %s
"""
_SETTINGS: Final = """
SELECT coalesce(d.datname, ''), unnest(s.setconfig)
FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole
     LEFT JOIN pg_database d ON d.oid = s.setdatabase
WHERE r.rolname = %s ORDER BY 1, 2
"""
_MEMBERSHIPS: Final = """
SELECT g.rolname, bool_or(m.admin_option), bool_or(m.inherit_option), bool_or(m.set_option)
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
WHERE r.rolname = %s AND g.rolname <> %s GROUP BY 1 ORDER BY 1
"""
_MEMBERSHIPS_WITHOUT_OPTIONS: Final = """
SELECT g.rolname, bool_or(m.admin_option)
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
WHERE r.rolname = %s AND g.rolname <> %s GROUP BY 1 ORDER BY 1
"""
_GRANTORS: Final = """
SELECT DISTINCT a.rolname
FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member
     JOIN pg_roles a ON a.oid = m.grantor
WHERE r.rolname = %s AND g.rolname = %s ORDER BY 1
"""
# pg_shdepend has an owner as "o", whoever is in a list of privileges as "a", in a policy as "r".
# REASSIGN OWNED gives nobody default privileges or user mappings.
_OWNED: Final = """
SELECT FROM pg_shdepend
WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o'
  AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
  AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
LIMIT 1
"""
_OTHERS: Final = """
SELECT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
WHERE refclassid = 'pg_authid'::regclass AND deptype IN ('a', 'r')
  AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = %s)
  AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
  AND (deptype = 'r' OR classid NOT IN (
      'pg_class'::regclass, 'pg_namespace'::regclass, 'pg_database'::regclass,
      'pg_proc'::regclass, 'pg_type'::regclass))
ORDER BY 1
"""
# By the ids of the objects of which the server notes it: no catalogue is read through.
_PRIVILEGES: Final = """
WITH grantee AS (SELECT oid FROM pg_roles WHERE rolname = %s),
noted AS (
    SELECT classid, objid, objsubid FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM grantee)
      AND deptype = 'a'
      AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
),
granted (kind, classid, objid, name, acl) AS (
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
           n.classid, n.objid, NULL, c.relacl
    FROM noted n JOIN pg_class c ON c.oid = n.objid
    WHERE n.classid = 'pg_class'::regclass AND n.objsubid = 0
    UNION ALL
    SELECT 'TABLE', n.classid, n.objid, a.attname, a.attacl
    FROM noted n JOIN pg_attribute a ON a.attrelid = n.objid AND a.attnum = n.objsubid
    WHERE n.classid = 'pg_class'::regclass AND n.objsubid <> 0
    UNION ALL
    SELECT 'SCHEMA', n.classid, n.objid, NULL, s.nspacl
    FROM noted n JOIN pg_namespace s ON s.oid = n.objid WHERE n.classid = 'pg_namespace'::regclass
    UNION ALL
    SELECT 'DATABASE', n.classid, n.objid, NULL, d.datacl
    FROM noted n JOIN pg_database d ON d.oid = n.objid WHERE n.classid = 'pg_database'::regclass
    UNION ALL
    SELECT 'ROUTINE', n.classid, n.objid, NULL, p.proacl
    FROM noted n JOIN pg_proc p ON p.oid = n.objid WHERE n.classid = 'pg_proc'::regclass
    UNION ALL
    SELECT 'TYPE', n.classid, n.objid, NULL, t.typacl
    FROM noted n JOIN pg_type t ON t.oid = n.objid WHERE n.classid = 'pg_type'::regclass
)
SELECT g.kind, (pg_identify_object(g.classid, g.objid, 0)).identity, g.name,
       e.privilege_type, bool_or(e.is_grantable)
FROM granted g, aclexplode(g.acl) e
WHERE e.grantee = (SELECT oid FROM grantee)
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_COLUMNS: Final[Mapping[LiteralString, int]] = {
    _ROLE: 0,
    _ATTRIBUTES: 8,
    _SETTINGS: 2,
    _MEMBERSHIPS: 4,
    _MEMBERSHIPS_WITHOUT_OPTIONS: 2,
    _OWNED: 0,
    _PRIVILEGES: 5,
}
