"""Redshift's stand-in: compatible: PostgreSQL, with Redshift's catalogue recorded.

* Users, groups, privileges, logins and md5 hashes are PostgreSQL's own, and really are changed.
* Redshift's views are made in ``pg_catalog``, with the columns that AWS's pages have, out of what
  PostgreSQL says. Its syslog access and session timeout are always the default.
* A role whose name begins with ``ROLE`` is one of Redshift's roles; another without a login is one
  of its groups.
* What PostgreSQL says otherwise is translated on the way (``support.redshift_translator``), for
  there is no switch in what is tested. Redshift's own words are in tests of their text.

AWS: https://docs.aws.amazon.com/redshift/latest/dg/svv_views.html
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString

import psycopg
from psycopg import sql
from typing_extensions import override

from keyturn_rotators.engines.redshift import Redshift
from support.kits.kit import Document, Kit, StrategyName
from support.postgres_server import PostgresServer, installed_programs
from support.redshift_translator import translating

ROLE: Final = "role_"
DATABASE: Final = "postgres"
_ADMIN = "cluster_admin"
_WEAK_ADMIN = "weak_admin"
_PASSWORD = "password-of-an-administrator"
# A user's password is checked by its md5 hash, as Redshift does.
RULES: Final = ("host all all 127.0.0.1/32 md5",)


def missing() -> str:
    """Return what has to be installed."""
    return "" if installed_programs() else "postgresql"


@contextmanager
def start(folder: Path) -> Iterator["RedshiftKit"]:
    """Run a server until the end of the block."""
    with PostgresServer.start(folder, rules=RULES) as server:
        record_catalogue(server)
        server.make_role(_ADMIN, _PASSWORD, "SUPERUSER")
        server.make_role(_WEAK_ADMIN, _PASSWORD)
        for power in RedshiftKit.powers:
            server.execute(f"CREATE TABLE of_{power} (id int)")
        group = RedshiftKit.powers[0]
        server.execute(f"CREATE GROUP {group}")
        server.execute(f"GRANT SELECT ON of_{group} TO GROUP {group}")
        with translating((server.host, server.port)) as address:
            yield RedshiftKit(server, address)


def record_catalogue(server: PostgresServer) -> None:
    """Make Redshift's views in a server."""
    with server.connect() as connection:
        connection.execute("SET allow_system_table_mods TO on")
        for view, query in _VIEWS.items():
            connection.execute(f"CREATE OR REPLACE VIEW pg_catalog.{view} AS {query}".encode())
            connection.execute(f"GRANT SELECT ON pg_catalog.{view} TO PUBLIC".encode())


class RedshiftKit(Kit):
    """A running server; see ``Kit``. Users have one power by a group, and one by a privilege."""

    template = "redshift"
    engine = Redshift()
    strategies = (StrategyName.SINGLE_USER, StrategyName.ALTERNATING_USERS)
    powers = ("sales", "accounts")
    odd_usernames = ('quo"te', "back\\slash", "Ünïcødé \N{KEY}", "MixedCase", "a" * 57)
    odd_passwords = ("Aa1$1%s{}|:", "Zz9" + "~" * 61)
    logs_statements = True

    def __init__(self, server: PostgresServer, address: tuple[str, int]) -> None:
        self.server = server
        self._address = address

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self._address

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(username, password), "dbname": DATABASE}

    @override
    def admin_document(self) -> Document:
        return self.document(_ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        self.server.make_role(username, password)
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        change = sql.SQL("ALTER USER {} PASSWORD {}")
        self.server.execute(change.format(sql.Identifier(username), sql.Literal(password)))

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.accepts(username, password)

    @override
    def allow(self, username: str, power: str) -> None:
        self._change(username, power, "ALTER GROUP {} ADD USER {}", "GRANT SELECT ON {} TO {}")

    @override
    def forbid(self, username: str, power: str) -> None:
        self._change(username, power, "ALTER GROUP {} DROP USER {}", "REVOKE SELECT ON {} FROM {}")

    def _change(
        self, username: str, power: str, by_group: LiteralString, by_privilege: LiteralString
    ) -> None:
        is_group = power == self.powers[0]
        statement = sql.SQL(by_group if is_group else by_privilege)
        what = sql.Identifier(power if is_group else f"of_{power}")
        self.server.execute(statement.format(what, sql.Identifier(username)))

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        with self.server.connect(username, password) as connection:
            try:
                connection.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(f"of_{power}")))
            except psycopg.errors.InsufficientPrivilege:
                return False
        return True

    @override
    def log(self) -> bytes:
        return self.server.log.read_bytes()


KIT = RedshiftKit

_WHO: Final = """
       i.oid::int AS identity_id, coalesce(i.rolname, 'public')::text AS identity_name,
       CASE WHEN i.oid IS NULL THEN 'public' WHEN i.rolcanlogin THEN 'user'
            WHEN starts_with(i.rolname, 'role_') THEN 'role' ELSE 'group' END AS identity_type,
       a.is_grantable AS admin_option
"""
_IDENTITY: Final = "LEFT JOIN pg_roles i ON i.oid = a.grantee"
_VIEWS: Final = {
    "svv_user_info": """
SELECT rolname::text AS user_name, oid::int AS user_id, rolcreatedb AS createdb,
       rolsuper AS superuser, false AS catalog_update,
       CASE rolconnlimit WHEN -1 THEN 'UNLIMITED' ELSE rolconnlimit::text END AS connection_limit,
       'RESTRICTED'::text AS syslog_access, NULL::timestamp AS last_ddl_timestamp,
       0 AS session_timeout, NULL::text AS external_user_id
FROM pg_roles WHERE rolcanlogin
""",
    "pg_user_info": """
SELECT usename, usesysid, usecreatedb, usesuper, false AS usecatupd, passwd,
       valuntil::text AS valuntil, useconfig, NULL::text AS useconnlimit
FROM pg_user
""",
    "pg_group": """
SELECT rolname AS groname, oid AS grosysid,
       ARRAY(SELECT member FROM pg_auth_members WHERE roleid = r.oid) AS grolist
FROM pg_roles r WHERE NOT rolcanlogin AND NOT starts_with(rolname, 'role_')
""",
    "svv_user_grants": """
SELECT u.oid::int AS user_id, u.rolname::text AS user_name, r.oid::int AS role_id,
       r.rolname::text AS role_name, m.admin_option
FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
WHERE u.rolcanlogin AND starts_with(r.rolname, 'role_')
""",
    "svv_database_privileges": f"""
SELECT d.datname::text AS database_name, a.privilege_type, {_WHO},
       'DATABASE'::text AS privilege_scope
FROM pg_database d, aclexplode(d.datacl) a {_IDENTITY}
WHERE a.privilege_type <> 'CONNECT'
""",  # noqa: S608 - no values
    "svv_schema_privileges": f"""
SELECT n.nspname::text AS namespace_name, a.privilege_type, {_WHO},
       'SCHEMA'::text AS privilege_scope
FROM pg_namespace n, aclexplode(n.nspacl) a {_IDENTITY}
""",  # noqa: S608 - no values
    "svv_relation_privileges": f"""
SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name, a.privilege_type,
       {_WHO}
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a {_IDENTITY}
WHERE a.privilege_type IN ('INSERT', 'SELECT', 'UPDATE', 'DELETE', 'REFERENCES')
""",  # noqa: S608 - no values
    "svv_column_privileges": f"""
SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name,
       t.attname::text AS column_name, a.privilege_type, {_WHO}
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(t.attacl) a {_IDENTITY}
""",  # noqa: S608 - no values
    "pg_proc_info": """
SELECT oid AS prooid, proname, pronamespace, proowner, proargtypes, prokind FROM pg_proc
""",
    "svv_function_privileges": f"""
SELECT n.nspname::text AS namespace_name, p.proname::text AS function_name,
       oidvectortypes(p.proargtypes) AS argument_types, a.privilege_type, {_WHO}
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) a {_IDENTITY}
""",  # noqa: S608 - no values
    "svv_default_privileges": """
SELECT n.nspname::text AS schema_name,
       CASE d.defaclobjtype WHEN 'r' THEN 'RELATION' ELSE 'FUNCTION' END AS object_type,
       o.oid::int AS owner_id, o.rolname::text AS owner_name, 'user'::text AS owner_type,
       a.privilege_type, g.oid::int AS grantee_id, g.rolname::text AS grantee_name,
       CASE WHEN g.rolcanlogin THEN 'user' ELSE 'role' END AS grantee_type,
       a.is_grantable AS admin_option
FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole
     LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace, aclexplode(d.defaclacl) a
     JOIN pg_roles g ON g.oid = a.grantee
WHERE d.defaclobjtype IN ('r', 'f')
""",
}
