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
import logging
from typing import TYPE_CHECKING, Final, LiteralString

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.postgres_catalogue import WITH_OPTIONS, Catalogue
from keyturn_rotators.engines.postgres_connection import PostgresConnection
from keyturn_rotators.errors import NotPairedError, RightsDifferError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import psycopg
    from psycopg import sql

_EXISTS: Final = Right(("role",))
_OWNS: Final = Right(("owner of what the clone made",))
_ACTS_AS_ITSELF: Final = Right(("acts as itself",), is_own=True)
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

_log = logging.getLogger(LOGGER_NAME)


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
            if not self._catalogue.has_role(username):
                return ()
            user = self._user_acted_as(username)
            rights = [_EXISTS, *self._catalogue.attributes(username)]
            if user is None:
                rights += self._catalogue.settings(username)
                return [*rights, *self._catalogue.memberships(username)]
            rights += [
                each
                for each in self._catalogue.settings(username)
                if (each.subject, each.value) != (("setting", "", "role"), user)
            ]
            return rights if user == username else [*rights, *self._of_its_own(username, user)]

    def is_made_for(self, follower: str, model: str) -> bool:
        """Return whether the two act as one, or the clone is the user's member.

        An administrator alone could have made that so; AWS's function makes it a member, too.
        """
        user = self._user(follower)
        clone = user + self._suffix
        with self._refusals(), self._transaction():
            owner = self._acts_as(user)
            if owner is None or owner == user:
                return self._is_member(clone, user)
            both = {follower, model}
            return all(
                self._acts_as(role) == owner and self._is_member(role, owner) for role in both
            )

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
                    assert right == _OWNS
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
                    assert right == _OWNS
                    self._reassign_to_user(username)

    def _user(self, username: str) -> str:
        return username.removesuffix(self._suffix)

    def _user_acted_as(self, username: str) -> str | None:
        """Return the user that both roles act as; None if they act as an owner role."""
        user = self._user(username)
        if not self._catalogue.has_role(user):
            return None
        return user if self._acts_as(user) in {None, user} else None

    def _is_member(self, role: str, group: str) -> bool:
        return any(
            right.subject == ("member", group) for right in self._catalogue.memberships(role)
        )

    def _acts_as(self, role: str) -> str | None:
        for setting in self._catalogue.settings(role):
            if setting.subject == ("setting", "", "role"):
                return setting.value
        return None

    def _of_its_own(self, clone: str, user: str) -> Iterator[Right]:
        """Yield what a clone has by its own name, and its user hasn't.

        As from a time when it acted as itself, or from somebody who didn't know that it doesn't.
        """
        memberships = {right.subject[1]: right for right in self._catalogue.memberships(clone)}
        link = memberships.pop(user, None)
        acts_as_user = _is_whole(link) and self._acts_as(clone) == user
        if not acts_as_user:
            yield _ACTS_AS_ITSELF
        if link is not None and not acts_as_user:
            self._require_movable(clone, user)
        if self._catalogue.owns_any(clone):
            yield _OWNS
        has = {*self._catalogue.memberships(user), *self._catalogue.privileges(user)}
        yield from (right for right in memberships.values() if right not in has)
        privileges = [right for right in self._catalogue.privileges(clone) if right not in has]
        if not acts_as_user:
            yield from privileges
        elif privileges:
            _log.warning(
                "%s was granted %s. That has no effect, since it acts as %s: grant it to that",
                *(clone, "; ".join(map(str, privileges)), user),
            )

    def _require_movable(self, clone: str, user: str) -> None:
        """Refuse before anything is moved from a clone that acted as itself, if that would hurt.

        Raises:
            RightsDifferError: the clone would lose something that its user can't be given, or
                would be without it until it acts as the user.
        """
        if others := self._catalogue.others_of(clone):
            advice = f'Grant it to "{user}", and take it from "{clone}".'
            raise RightsDifferError(clone, user, "; ".join(others), advice)
        if not self._catalogue.inherits(clone, user):
            advice = f'GRANT "{user}" TO "{clone}", with ALTER ROLE "{clone}" INHERIT.'
            raise RightsDifferError(user, clone, f"+ what {user} has", advice)

    def _create(self, username: str) -> None:
        from psycopg import sql

        clone = username + self._suffix
        if self._catalogue.has_role(clone):
            # To act as it, and to own what the clone does, would change the one that is in use.
            reason = f"there is no {username}, after whom {clone} would be called"
            raise NotPairedError(clone, username, reason)
        # Without a password, and without the right to log in before it has one.
        self._run(sql.SQL("CREATE ROLE"), _name(username), sql.SQL("NOLOGIN"))
        if self._user_acted_as(username) not in {None, username}:
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
        if self._user_acted_as(clone) != username or not self._catalogue.has_role(clone):
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


def _is_whole(membership: Right | None) -> bool:
    """Return whether a membership lets the role act as the other one, and have what that has."""
    if membership is None:
        return False
    return "INHERIT FALSE" not in membership.value and "SET FALSE" not in membership.value


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
