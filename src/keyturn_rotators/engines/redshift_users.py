"""Redshift's users: what one changes itself, and what an administrator makes two of them alike by.

The clone is made without a password (``PASSWORD DISABLE``), and in the group ``MARK``.

Redshift: https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html, r_REVOKE.html,
r_ALTER_GROUP.html and r_ALTER_DEFAULT_PRIVILEGES.html
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
import logging
from typing import TYPE_CHECKING, Final

from psycopg import sql

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.postgres_connection import STATEMENT_SECONDS, PostgresConnection
from keyturn_rotators.engines.redshift_catalogue import (
    ADMIN_OPTION,
    GRANT_OPTION,
    MARK,
    Catalogue,
    names_in,
)
from keyturn_rotators.engines.redshift_words import attribute, hash_of
from keyturn_rotators.errors import MissingRightError, StatementFailedError
from keyturn_rotators.logs import LOGGER_NAME
from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import psycopg

_ADVICE: Final = "The administrator must be a superuser: ALTER USER ... CREATEUSER."
_EXACT_NAMES: Final = "SET LOCAL enable_case_sensitive_identifier TO true"
_CREATE_USER: Final = "CREATE USER {} PASSWORD DISABLE IN GROUP {}"
_EXISTS: Final = Right(("user",))
# Its value is a list of names.
_SEARCH_PATH: Final = "search_path"

_log = logging.getLogger(LOGGER_NAME)


class RedshiftConnection(PostgresConnection):
    """A connection, and the login that it was made with."""

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Begin a transaction in which every name is the system's, and means exactly itself.

        The user, or whoever owns a schema, may have a view of theirs under a catalogue's name.
        """
        with self._connection.transaction():
            self._connection.execute("SET LOCAL search_path TO pg_catalog")
            self._connection.execute(f"SET LOCAL statement_timeout TO {STATEMENT_SECONDS * 1000}")
            self._connection.execute(_EXACT_NAMES)
            yield

    def _alter(self, username: str, change: sql.Composable) -> None:
        self._run("ALTER USER {} {}", sql.Identifier(username), change)

    def _run(self, statement: str, *parts: sql.Composable) -> None:
        self._connection.execute(_text(statement).format(*parts))


class RedshiftSession(RedshiftConnection):
    """A user's login; see ``target.Session``."""

    def probe(self) -> None:
        """Ask who it is."""
        with self._refusals(), self._transaction():
            self._one("SELECT session_user")

    def change_own_password(self, password: str) -> None:
        """Change the password of the user that logged in; see ``target.Session``."""
        with self._refusals(password), self._transaction():
            username = self._one("SELECT session_user")
            self._alter(username, _password(username, password))


class RedshiftAdministration(RedshiftConnection):
    """A superuser's login; see ``target.CloningAdministration``."""

    def __init__(
        self, connection: "psycopg.Connection", credential: Credential, suffix: str
    ) -> None:
        super().__init__(connection, credential)
        self._catalogue = Catalogue(connection)
        self._suffix = suffix

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password."""
        with self._refusals(password, advice=_ADVICE), self._transaction():
            # The hash is of the name as well: of another spelling it would shut the user out.
            if not self._catalogue.has_user(username):
                said = f"there is no user of exactly the name {username}"
                raise StatementFailedError(self._credential.where, said)
            self._alter(username, _password(username, password))

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user is and has; see ``target.CloningAdministration``."""
        with self._refusals(advice=_ADVICE), self._transaction():
            if not self._catalogue.is_superuser():
                # Others see their own rows alone, and no error.
                said = "who isn't a superuser doesn't see another user's rights"
                raise MissingRightError(self._credential.where, said, _ADVICE)
            if not self._catalogue.has_user(username):
                return ()
            return [_EXISTS, *self._catalogue.rights_of(username)]

    def is_made_for(self, follower: str, model: str) -> bool:
        """Return whether the clone has the mark of those that ``grant`` made."""
        with self._refusals(advice=_ADVICE), self._transaction():
            return follower != model and self._catalogue.is_marked(follower)

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        with self._refusals(advice=_ADVICE), self._transaction():
            match right.subject:
                case ("user",):
                    self._create(username)
                case ("attribute", name):
                    text = _text(attribute(name, right.value))
                    self._alter(username, text.format(sql.Literal(right.value)))
                case ("setting", name):
                    self._alter(username, _set(name, right.value))
                case ("group", group):
                    names = (sql.Identifier(group), sql.Identifier(username))
                    self._run("ALTER GROUP {} ADD USER {}", *names)
                case ("role", role):
                    self._give("ADMIN OPTION FOR", _role(role), username, right.value)
                case ("privilege", kind, *names, privilege):
                    option = "" if kind == "COLUMN" else "GRANT OPTION FOR"
                    self._give(option, _on(kind, names, privilege), username, right.value)
                case ("default", *whose, privilege):
                    self._default(whose, privilege, username, right.value)
                case _:
                    raise RuntimeError(f"no right of a user's: {right.subject}")

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        user = sql.Identifier(username)
        with self._refusals(advice=_ADVICE), self._transaction():
            match right.subject:
                case ("setting", name):
                    self._alter(username, sql.SQL("RESET {}").format(sql.Identifier(name)))
                case ("group", group):
                    self._run("ALTER GROUP {} DROP USER {}", sql.Identifier(group), user)
                case ("role", role):
                    self._run("REVOKE {} FROM {}", _role(role), user)
                case ("privilege", kind, *names, privilege):
                    self._run("REVOKE {} FROM {}", _on(kind, names, privilege), user)
                case ("default", *whose, privilege):
                    what = (_defaults_of(whose), _text(privilege), _text(whose[-1]))
                    self._run("{} REVOKE {} ON {} FROM {}", *what, user)
                case _:
                    raise RuntimeError(f"no right that can be taken: {right.subject}")

    def _create(self, username: str) -> None:
        if not self._catalogue.has_group(MARK):
            self._run("CREATE GROUP {}", sql.Identifier(MARK))
        self._run(_CREATE_USER, sql.Identifier(username), sql.Identifier(MARK))
        model = username.removesuffix(self._suffix)
        if self._catalogue.owns_any(model):
            _log.warning(
                "%s owns objects, which %s doesn't come to own: let a third user own them, and "
                "grant them to both by a role or group",
                *(model, username),
            )

    def _give(self, option: str, what: sql.Composable, username: str, value: str) -> None:
        user = sql.Identifier(username)
        if option and not value:
            # GRANT leaves an option that there is.
            self._run("REVOKE {} {} FROM {}", _text(option), what, user)
        self._run("GRANT {} TO {} {}", what, user, _option(value))

    def _default(self, whose: Sequence[str], privilege: str, username: str, value: str) -> None:
        what = (_text(privilege), _text(whose[-1]))
        user = sql.Identifier(username)
        if not value:
            statement = "{} REVOKE GRANT OPTION FOR {} ON {} FROM {}"
            self._run(statement, _defaults_of(whose), *what, user)
        self._run("{} GRANT {} ON {} TO {} {}", _defaults_of(whose), *what, user, _option(value))


def _on(kind: str, names: Sequence[str], privilege: str) -> sql.Composed:
    """Return a privilege on an object, between GRANT and TO or REVOKE and FROM."""
    quoted = [sql.Identifier(name) for name in names]
    scope, _, whole = kind.partition(" IN ")
    match kind:
        case "COLUMN":
            column, table = quoted[2], sql.SQL(".").join(quoted[:2])
            return sql.SQL("{} ({}) ON TABLE {}").format(_text(privilege), column, table)
        case "FUNCTION" | "PROCEDURE":
            # The types are the server's words for them, quoted where they have to be.
            called = sql.SQL("{}({})").format(sql.SQL(".").join(quoted[:2]), _text(names[2]))
            return sql.SQL("{} ON {} {}").format(_text(privilege), _text(kind), called)
        case _ if whole:
            where = (_text(privilege), _text(scope), _text(whole), *quoted)
            return sql.SQL("{} FOR {} IN {} {}").format(*where)
        case _:
            what = (_text(privilege), _text(kind), sql.SQL(".").join(quoted))
            return sql.SQL("{} ON {} {}").format(*what)


def _defaults_of(whose: Sequence[str]) -> sql.Composed:
    owner, schema, _ = whose
    where = sql.SQL(" IN SCHEMA {}").format(sql.Identifier(schema)) if schema else sql.SQL("")
    return sql.SQL("ALTER DEFAULT PRIVILEGES FOR USER {}{}").format(sql.Identifier(owner), where)


def _role(role: str) -> sql.Composed:
    return sql.SQL("ROLE {}").format(sql.Identifier(role))


def _option(value: str) -> sql.SQL:
    return _text(value if value in {ADMIN_OPTION, GRANT_OPTION} else "")


def _password(username: str, password: str) -> sql.Composed:
    return sql.SQL("PASSWORD {}").format(sql.Literal(hash_of(password, username)))


def _set(name: str, value: str) -> sql.Composed:
    values = names_in(value) if name == _SEARCH_PATH else [value]
    literals = sql.SQL(", ").join(map(sql.Literal, values))
    return sql.SQL("SET {} TO {}").format(sql.Identifier(name), literals)


def _text(text: str) -> sql.SQL:
    """Return a piece of a statement that is this module's, or the server's own word."""
    return sql.SQL(text)
