"""Db2's users, as an administrator changes them and makes two of them alike.

* The clone is given the role ``MARK``, which only who may grant roles gives, before it is made:
  Db2 gives rights to names. It is made with a password that nobody knows.
* Groups are the operating system's: the clone is put into its model's when it is made.

Db2: https://www.ibm.com/docs/en/db2/11.5?topic=views-catalog (SYSCAT.*AUTH) and
https://www.ibm.com/docs/en/db2/11.5?topic=statements-grant
"""

from collections.abc import Callable, Iterator, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.engines.db2_connection import Db2Connection, account_of, quoted
from keyturn_rotators.engines.db2_rights import KINDS, MARK, Kind, rights_of
from keyturn_rotators.rights import Right

if TYPE_CHECKING:
    import ibm_db_dbi

_ADVICE: Final = (
    "The administrator must be the instance's master user, with DBADM, ACCESSCTRL and SECADM in "
    "the user's database."
)
_GROUPS: Final = "SELECT GROUP FROM TABLE(SYSPROC.AUTH_LIST_GROUPS_FOR_AUTHID(?)) ORDER BY GROUP"
_ROLES: Final = "SELECT ROLENAME FROM SYSCAT.ROLES WHERE ROLENAME = ?"
_MARKED: Final = (
    "SELECT ROLENAME FROM SYSCAT.ROLEAUTH WHERE GRANTEE = ? AND GRANTEETYPE = 'U' AND ROLENAME = ?"
)
_SUFFIX: Final = "_CLONE"
_UNKNOWN_BYTES: Final = 16
_EXISTS: Final = Right(("user",))


class Db2Administration:
    """An administrator's login; see ``target.CloningAdministration``.

    Args:
        procedures: to the database of RDS's procedures.
        database: to the user's database.
        await_password: returns when a user's password is known.
    """

    def __init__(
        self,
        procedures: "ibm_db_dbi.Connection",
        database: "ibm_db_dbi.Connection",
        credential: Credential,
        await_password: Callable[[str, str], None],
    ) -> None:
        self._procedures = Db2Connection(procedures, credential, _ADVICE)
        self._database = Db2Connection(database, credential, _ADVICE)
        self._await_password = await_password

    def set_password(self, username: str, password: str) -> None:
        """Let a user log in with this password, and wait until it can."""
        self._procedures.call("RDSADMIN.CHANGE_PASSWORD", username, password)
        self._await_password(username, password)

    def rights_of(self, username: str) -> Sequence[Right]:
        """Return what a user has; see ``target.CloningAdministration``."""
        user = account_of(username)
        users = {str(row[0]).strip().upper() for row in self._procedures.call(_LIST_USERS)}
        if user not in users:
            return ()
        return [_EXISTS, *rights_of(self._database.rows, user)]

    def is_made_for(self, follower: str, model: str) -> bool:
        """Return whether the clone has the mark of those that ``grant`` made."""
        if follower == model:
            return False
        return bool(self._database.rows(_MARKED, account_of(follower), MARK))

    def grant(self, username: str, right: Right) -> None:
        """Give a user a right; see ``target.CloningAdministration``."""
        match right.subject:
            case ("user",):
                self._create(username)
            case ("role", role):
                self._give(username, f"ROLE {quoted(role)}", right)
            case ("column", schema, table, column, privilege):
                where = f"{quoted(schema)}.{quoted(table)}"
                self._give(username, f"{privilege} ({quoted(column)}) ON TABLE {where}", right)
            case (name, *names, privilege):
                self._give(username, f"{privilege} {KINDS[name].on(names)}", right)
            case _:
                raise RuntimeError(f"no right of a user's: {right.subject}")

    def revoke(self, username: str, right: Right) -> None:
        """Take a right from a user; see ``target.CloningAdministration``."""
        self._take(username, right)

    def _give(self, username: str, what: str, right: Right) -> None:
        if not right.value:
            # GRANT leaves an option that there is.
            held = {each.subject: each.value for each in self.rights_of(username)}
            if held.get(right.subject):
                self._take(username, right)
        user = quoted(account_of(username))
        self._database.run(f"GRANT {what} TO USER {user} {right.value}".rstrip())

    def _take(self, username: str, right: Right) -> None:
        user = quoted(account_of(username))
        match right.subject:
            case ("role", role):
                self._database.run(f"REVOKE ROLE {quoted(role)} FROM USER {user}")
            case ("column", schema, table, _, privilege):
                self._take_columns(username, (schema, table), privilege, right)
            case (name, *names, privilege):
                kind: Kind = KINDS[name]
                by_all = " BY ALL" if kind.is_by_all else ""
                self._database.run(f"REVOKE {privilege} {kind.on(names)} FROM USER {user}{by_all}")
            case _:
                raise RuntimeError(f"no right that can be taken: {right.subject}")

    def _take_columns(
        self, username: str, table: tuple[str, str], privilege: str, taken: Right
    ) -> None:
        """Take a privilege from a column: Db2 takes it from the whole table, so give the rest."""
        held = [
            each
            for each in self.rights_of(username)
            if each.subject[1:3] == table and each.subject[-1] == privilege and each != taken
        ]
        where = ".".join(map(quoted, table))
        user = quoted(account_of(username))
        self._database.run(f"REVOKE {privilege} ON TABLE {where} FROM USER {user} BY ALL")
        for each in held:
            if each.subject[0] in {"table", "column"} and each.subject != taken.subject:
                self.grant(username, each)

    def _create(self, username: str) -> None:
        if not self._database.rows(_ROLES, MARK):
            self._database.run(f"CREATE ROLE {quoted(MARK)}")
        user = quoted(account_of(username))
        self._database.run(f"GRANT ROLE {quoted(MARK)} TO USER {user}")
        groups = ",".join(self._groups(account_of(username).removesuffix(_SUFFIX)))
        unknown = f"aA1_{token_hex(_UNKNOWN_BYTES)}"
        self._procedures.call("RDSADMIN.ADD_USER", username, unknown, groups)

    def _groups(self, user: str) -> Iterator[str]:
        for (group,) in self._database.rows(_GROUPS, user):
            yield str(group).strip()


_LIST_USERS: Final = "RDSADMIN.LIST_USERS"
