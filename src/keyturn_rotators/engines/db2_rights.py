"""What Db2's catalogue says of a user, as rights. Only read.

Each view of the catalogue has a row for a grantor, an object and a grantee, with a column for each
privilege: N, Y, or G for one that may be passed on. Of several grantors the widest counts.

Db2: https://www.ibm.com/docs/en/db2/11.5?topic=views-catalog
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyturn_rotators.engines.db2_connection import quoted
from keyturn_rotators.rights import Right

#: Whoever has it was made to take turns. Who may grant roles (SECADM) gives it.
MARK: Final = "KEYTURN_ALTERNATING_USER"
GRANT_OPTION: Final = "WITH GRANT OPTION"
ADMIN_OPTION: Final = "WITH ADMIN OPTION"

_Rows = Callable[..., Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Privileges on one kind of object.

    Attributes:
        view: where they are, in SYSCAT.
        names: the columns that name the object.
        privileges: the columns that say them, each with GRANT's word for it.
        phrase: what comes between a privilege and TO, with ``{}`` for the object's name.
        only: which of the view's rows they are.
        is_by_all: whether REVOKE is told to mean every grantor.
    """

    view: str
    names: tuple[str, ...]
    privileges: Mapping[str, str]
    phrase: str
    only: str = ""
    is_by_all: bool = True

    def query(self) -> str:
        """Return the statement that reads them, of one user."""
        columns = ", ".join((*self.names, *self.privileges))
        order = f" ORDER BY {', '.join(self.names)}" if self.names else ""
        return (
            f"SELECT {columns} FROM SYSCAT.{self.view} "  # noqa: S608 - names of its own
            f"WHERE GRANTEE = ? AND GRANTEETYPE = 'U'{self.only}{order}"
        )

    def on(self, names: Sequence[str]) -> str:
        """Return what comes between a privilege and TO."""
        return self.phrase.format(".".join(quoted(name) for name in names))


KINDS: Final[Mapping[str, Kind]] = {
    "database": Kind(
        view="DBAUTH",
        names=(),
        privileges={
            "ACCESSCTRLAUTH": "ACCESSCTRL",
            "BINDADDAUTH": "BINDADD",
            "CONNECTAUTH": "CONNECT",
            "CREATESECUREAUTH": "CREATE_SECURE_OBJECT",
            "CREATETABAUTH": "CREATETAB",
            "DATAACCESSAUTH": "DATAACCESS",
            "DBADMAUTH": "DBADM",
            "EXPLAINAUTH": "EXPLAIN",
            "EXTERNALROUTINEAUTH": "CREATE_EXTERNAL_ROUTINE",
            "IMPLSCHEMAAUTH": "IMPLICIT_SCHEMA",
            "LOADAUTH": "LOAD",
            "NOFENCEAUTH": "CREATE_NOT_FENCED_ROUTINE",
            "QUIESCECONNECTAUTH": "QUIESCE_CONNECT",
            "SECURITYADMAUTH": "SECADM",
            "SQLADMAUTH": "SQLADM",
            "WLMADMAUTH": "WLMADM",
        },
        phrase="ON DATABASE",
    ),
    "schema": Kind(
        view="SCHEMAAUTH",
        names=("SCHEMANAME",),
        privileges={"ALTERINAUTH": "ALTERIN", "CREATEINAUTH": "CREATEIN", "DROPINAUTH": "DROPIN"},
        phrase="ON SCHEMA {}",
    ),
    "table": Kind(
        view="TABAUTH",
        names=("TABSCHEMA", "TABNAME"),
        privileges={
            "CONTROLAUTH": "CONTROL",
            "ALTERAUTH": "ALTER",
            "DELETEAUTH": "DELETE",
            "INDEXAUTH": "INDEX",
            "INSERTAUTH": "INSERT",
            "REFAUTH": "REFERENCES",
            "SELECTAUTH": "SELECT",
            "UPDATEAUTH": "UPDATE",
        },
        phrase="ON TABLE {}",
    ),
    "sequence": Kind(
        view="SEQUENCEAUTH",
        names=("SEQSCHEMA", "SEQNAME"),
        privileges={"USAGEAUTH": "USAGE", "ALTERAUTH": "ALTER"},
        phrase="ON SEQUENCE {}",
        is_by_all=False,
    ),
    "package": Kind(
        view="PACKAGEAUTH",
        names=("PKGSCHEMA", "PKGNAME"),
        privileges={"CONTROLAUTH": "CONTROL", "BINDAUTH": "BIND", "EXECUTEAUTH": "EXECUTE"},
        phrase="ON PACKAGE {}",
    ),
    "tablespace": Kind(
        view="TBSPACEAUTH",
        names=("TBSPACE",),
        privileges={"USEAUTH": "USE"},
        phrase="OF TABLESPACE {}",
    ),
    "procedure": Kind(
        view="ROUTINEAUTH",
        names=("SCHEMA", "SPECIFICNAME"),
        privileges={"EXECUTEAUTH": "EXECUTE"},
        phrase="ON SPECIFIC PROCEDURE {}",
        only=" AND ROUTINETYPE = 'P'",
    ),
    "function": Kind(
        view="ROUTINEAUTH",
        names=("SCHEMA", "SPECIFICNAME"),
        privileges={"EXECUTEAUTH": "EXECUTE"},
        phrase="ON SPECIFIC FUNCTION {}",
        only=" AND ROUTINETYPE = 'F'",
    ),
}
_COLUMNS: Final = """
SELECT TABSCHEMA, TABNAME, COLNAME, PRIVTYPE, GRANTABLE FROM SYSCAT.COLAUTH
WHERE GRANTEE = ? AND GRANTEETYPE = 'U' ORDER BY TABSCHEMA, TABNAME, COLNAME, PRIVTYPE
"""
_ROLES: Final = """
SELECT ROLENAME, ADMIN FROM SYSCAT.ROLEAUTH WHERE GRANTEE = ? AND GRANTEETYPE = 'U'
ORDER BY ROLENAME
"""
_COLUMN_PRIVILEGES: Final = {"U": "UPDATE", "R": "REFERENCES"}


def rights_of(rows: _Rows, user: str) -> Iterator[Right]:
    """Yield what a user has, in the order in which to give it."""
    for name, kind in KINDS.items():
        yield from _widest(_of_kind(rows, user, name, kind))
    yield from _widest(_columns(rows, user))
    yield from _widest(_roles(rows, user))


def _of_kind(rows: _Rows, user: str, name: str, kind: Kind) -> Iterator[Right]:
    words = list(kind.privileges.values())
    for row in rows(kind.query(), user):
        names = [str(part).strip() for part in row[: len(kind.names)]]
        for word, held in zip(words, row[len(kind.names) :], strict=True):
            if held in {"Y", "G"}:
                yield Right((name, *names, word), GRANT_OPTION if held == "G" else "")


def _columns(rows: _Rows, user: str) -> Iterator[Right]:
    for *names, kind, grantable in rows(_COLUMNS, user):
        parts = [str(part).strip() for part in names]
        option = GRANT_OPTION if grantable == "G" else ""
        yield Right(("column", *parts, _COLUMN_PRIVILEGES[kind]), option)


def _roles(rows: _Rows, user: str) -> Iterator[Right]:
    for role, admin in rows(_ROLES, user):
        if str(role).strip() != MARK:
            yield Right(("role", str(role).strip()), ADMIN_OPTION if admin == "Y" else "")


def _widest(rights: Iterator[Right]) -> Sequence[Right]:
    """Return each right once: of several grantors' the one that may be passed on."""
    found: dict[tuple[str, ...], Right] = {}
    for right in rights:
        if right.value or right.subject not in found:
            found[right.subject] = right
    return list(found.values())
