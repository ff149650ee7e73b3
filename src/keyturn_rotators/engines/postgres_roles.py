"""PostgreSQL's roles: what an administrator grants and sets for two alternating users.

Two roles that take turns must own the same things, or what one makes is closed to the other. So
both act as one role (``ALTER ROLE .. SET role``), which owns and is granted everything:

* If the user of the secret acts as an owner role, its clone is a plain copy: a member of the same
  roles, with the same settings.
* If it acts as itself, its clone is a member of it and acts as it. It then has what the user has,
  at once and with nothing to copy. What was made by the clone, or granted to it, while it acted as
  itself (as by AWS's function) is moved to the user.

Copied in both cases: attributes, connection limit, VALID UNTIL, and settings, also those of one
database. Privileges are looked at in the secret's database and in what all databases share.

PostgreSQL: https://www.postgresql.org/docs/current/role-membership.html, sql-alterrole.html and
sql-reassign-owned.html
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import csv
from dataclasses import replace
from typing import TYPE_CHECKING, Final, LiteralString

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.postgres_catalogue import WITH_OPTIONS, Catalogue
from keyturn_rotators.engines.postgres_connection import PostgresConnection
from keyturn_rotators.engines.postgres_pair import OWNS, RolePair
from keyturn_rotators.errors import NotPairedError
from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

_LINK: Final = "INHERIT TRUE, SET TRUE"
# Their values are lists of names, each quoted by itself (src/bin/pg_dump/dumputils.c,
# variable_is_guc_list_quote).
_LISTS_OF_NAMES: Final = frozenset(
    {
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
        "unix_socket_directories",
    }
)


class PostgresAdministration(PostgresConnection):
    """An administrator's login; see ``target.CloningAdministration``."""

    def __init__(
        self, connection: "psycopg.Connection", credential: Credential, suffix: str
    ) -> None:
        super().__init__(connection, credential)
        self._catalogue = Catalogue(connection)
        self._suffix = suffix

    def set_password(self, username: str, password: str) -> None:
        """Let a role log in with this password."""
        from psycopg import sql

        with self._change(username, password):
            verifier = sql.Literal(self._verifier(username, password))
            self._alter(username, sql.SQL("LOGIN PASSWORD {}").format(verifier))

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a role is and has; see ``target.CloningAdministration``."""
        with self._refusals(), self._transaction():
            return self._seen(username).rights_of(username)

    def is_made_for(self, follower: str, _model: str) -> bool:
        """Return whether the two act as one, or the clone is the user's member."""
        with self._refusals(), self._transaction():
            return self._seen(follower).is_one()

    def grant(self, username: str, right: Right) -> None:
        """Give a role a right; see ``target.CloningAdministration``."""
        with self._change(username):
            match right.subject:
                case ("role",):
                    self._create(username)
                case ("attribute", name):
                    self._alter(username, _attribute(name, right.value))
                case ("setting", dbname, name):
                    self._set(username, dbname, name, right.value)
                case ("member", role):
                    self._join(username, role, right.value)
                    self._take_from_clone(username, right)
                case ("privilege", *what):
                    self._privilege("GRANT", what, "TO", username, right.value)
                    self._take_from_clone(username, right)
                case _:
                    assert right == OWNS
                    self._reassign_to_user(username + self._suffix)

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a role; see ``target.CloningAdministration``."""
        from psycopg import sql

        with self._change(username):
            match right.subject:
                case ("setting", dbname, name):
                    self._alter(username, sql.SQL("RESET {}").format(_setting(name)), dbname)
                case ("member", role):
                    self._leave_whoever_granted(username, role)
                case ("privilege", *what):
                    self._privilege("REVOKE", what, "FROM", username)
                case ("acts as itself",):
                    self._let_act_as_user(username)
                case _:
                    assert right == OWNS
                    self._reassign_to_user(username)

    def _user(self, username: str) -> str:
        return username.removesuffix(self._suffix)

    def _pair(self, username: str) -> RolePair:
        user = self._user(username)
        return RolePair(self._catalogue, user, user + self._suffix)

    def _seen(self, username: str) -> RolePair:
        pair = self._pair(username)
        return replace(pair, catalogue=self._catalogue.seen(pair.user, pair.clone))

    def _create(self, username: str) -> None:
        from psycopg import sql

        clone = username + self._suffix
        if self._catalogue.has_role(clone):
            # To act as it, and to own what the clone does, would change the one that is in use.
            reason = f"there is no {username}, after whom {clone} would be called"
            raise NotPairedError(clone, username, reason)
        # Without a password, and without the right to log in before it has one.
        self._run(sql.SQL("CREATE ROLE"), _name(username), sql.SQL("NOLOGIN"))
        if self._pair(username).user_acted_as() not in {None, username}:
            self._let_act_as_user(username)

    def _let_act_as_user(self, clone: str) -> None:
        from psycopg import sql

        user = self._user(clone)
        self._join(clone, user, _LINK)
        self._alter(clone, sql.SQL("SET role TO {}").format(sql.Literal(user)))

    def _join(self, username: str, role: str, options: str) -> None:
        from psycopg import sql

        if self._connection.info.server_version < WITH_OPTIONS:
            options = "ADMIN OPTION" if "ADMIN TRUE" in options else ""
            if not options:
                revoke = sql.SQL("REVOKE ADMIN OPTION FOR")
                self._run(revoke, _name(role), sql.SQL("FROM"), _name(username))
        ending = sql.SQL("WITH ") + _trusted(options) if options else sql.SQL("")
        self._run(sql.SQL("GRANT"), _name(role), sql.SQL("TO"), _name(username), ending)

    def _leave(self, username: str, role: str, grantor: str | None = None) -> None:
        from psycopg import sql

        parts = [sql.SQL("REVOKE"), _name(role), sql.SQL("FROM"), _name(username)]
        if grantor is not None:
            parts += [sql.SQL("GRANTED BY"), _name(grantor)]
        self._run(*parts)

    def _leave_whoever_granted(self, username: str, role: str) -> None:
        if self._connection.info.server_version < WITH_OPTIONS:
            self._leave(username, role)
            return
        # Each grantor's membership is one of its own.
        for grantor in self._catalogue.grantors(username, role):
            self._leave(username, role, grantor)

    def _privilege(
        self, act: LiteralString, what: Sequence[str], way: LiteralString, role: str, end: str = ""
    ) -> None:
        from psycopg import sql

        kind, identity, column, privilege = what
        columns = sql.SQL("({})").format(_name(column)) if column else sql.SQL("")
        granted = (_trusted(privilege), columns, sql.SQL("ON"), _trusted(f"{kind} {identity}"))
        self._run(sql.SQL(act), *granted, sql.SQL(way), _name(role), _trusted(end))

    def _reassign_to_user(self, clone: str) -> None:
        from psycopg import sql

        user = self._user(clone)
        self._run(sql.SQL("REASSIGN OWNED BY"), _name(clone), sql.SQL("TO"), _name(user))

    def _take_from_clone(self, username: str, right: Right) -> None:
        """Take from a clone what the user that it acts as has been given in its place."""
        clone = username + self._suffix
        if self._pair(clone).user_acted_as() != username or not self._catalogue.has_role(clone):
            return
        match right.subject:
            case ("member", role):
                self._leave(clone, role)
            case (_, *what):
                self._privilege("REVOKE", what, "FROM", clone)
            case _:
                return

    def _set(self, username: str, dbname: str, name: str, value: str) -> None:
        # PostgreSQL lets superusers alone give some settings, and any that it doesn't know.
        advice = f'Have a superuser give it to both: ALTER ROLE "{username}" SET {name} TO ...'
        with self._refusals(advice=advice):
            self._alter(username, _set(name, value), dbname)

    @contextmanager
    def _change(self, username: str, *passwords: str) -> Iterator[None]:
        user, admin = self._user(username), self._credential.username
        advice = (
            "The administrator must be a superuser; or it has CREATEROLE and was given the user: "
            f'GRANT "{user}" TO "{admin}" WITH ADMIN OPTION.'
        )
        with self._refusals(*passwords, advice=advice), self._transaction():
            self._prepare_change()
            yield

    def _alter(self, username: str, change: "sql.Composable", dbname: str = "") -> None:
        from psycopg import sql

        where = sql.SQL("IN DATABASE {}").format(_name(dbname)) if dbname else sql.SQL("")
        self._run(sql.SQL("ALTER ROLE"), _name(username), where, change)

    def _run(self, *parts: "sql.Composable") -> None:
        from psycopg import sql

        self._connection.execute(sql.SQL(" ").join(parts))


def _attribute(name: str, value: str) -> "sql.Composable":
    from psycopg import sql

    match value:
        case "on":
            return _trusted(name)
        case "off":
            return _trusted(f"NO{name}")
        case _ if name == "CONNECTION LIMIT":
            return _trusted(f"{name} {value}")
        case _:
            return sql.SQL("{} {}").format(_trusted(name), sql.Literal(value))


def _name(name: str) -> "sql.Identifier":
    from psycopg import sql

    return sql.Identifier(name)


def _setting(name: str) -> "sql.Composed":
    from psycopg import sql

    # One of an extension has a dot in its name.
    return sql.SQL(".").join(map(_name, name.split(".")))


def _set(name: str, value: str) -> "sql.Composed":
    from psycopg import sql

    values = [value]
    if name in _LISTS_OF_NAMES:
        values = next(csv.reader([value], skipinitialspace=True), [""])
    literals = sql.SQL(", ").join(map(sql.Literal, values))
    return sql.SQL("SET {} TO {}").format(_setting(name), literals)


def _trusted(text: str) -> "sql.SQL":
    """Return a piece of a statement that the server itself wrote, quoted where it must be."""
    from psycopg import sql

    return sql.SQL(text)
