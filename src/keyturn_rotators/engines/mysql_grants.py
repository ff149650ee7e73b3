"""The lines that SHOW GRANTS answers with, taken apart.

Both servers quote every name, with the session's settings of ``mysql_connection``. What is named
is kept as the server wrote it, to be used in GRANT and REVOKE as it is; a password's hash, which
MariaDB's lines hold, is not.

MySQL: https://dev.mysql.com/doc/refman/8.4/en/show-grants.html
MariaDB: https://mariadb.com/kb/en/show-grants/
"""

from collections.abc import Iterator
from dataclasses import dataclass
import re
from typing import Final

_TOKEN: Final = re.compile(
    r"""`(?:[^`]|``)*`|'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|[(),]|[^\s(),`'"]+""", re.DOTALL
)
_VERBS: Final = ("GRANT", "REVOKE")


@dataclass(frozen=True, slots=True)
class Grant:
    """One line.

    Attributes:
        is_revoke: whether it takes a part of a wider one away (MySQL's partial revokes).
        names: privileges, each for one column at most; or roles.
        where: what they are about, as ON has it; "" if ``names`` are roles.
        is_grantable: whether the line ends in an option, GRANT's or ADMIN's.
    """

    is_revoke: bool
    names: tuple[str, ...]
    where: str
    grantee: str
    is_grantable: bool


def parse(line: str) -> Grant | None:
    """Take a line apart; None if it is none that grants or revokes."""
    tokens = [(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(line)]
    words = [token for token, _, _ in tokens]
    if words[:1] not in ([verb] for verb in _VERBS):
        return None
    to = next(place for place, word in enumerate(words) if word in {"TO", "FROM"})
    on = words.index("ON", 0, to) if "ON" in words[:to] else to
    tail = words[to + 1 :]
    return Grant(
        is_revoke=words[0] == "REVOKE",
        names=tuple(_names(words[1:on])),
        where=line[tokens[on][2] : tokens[to][1]].strip() if on < to else "",
        grantee="".join(tail[:3]) if tail[1:2] == ["@"] else tail[0],
        is_grantable=any(word in {"GRANT", "ADMIN"} for word in tail),
    )


def _names(words: list[str]) -> Iterator[str]:
    """Yield what is listed; a privilege on several columns once a column."""
    name: list[str] = []
    columns: list[str] | None = None
    for word in [*words, ","]:
        if word == "(":
            columns = []
        elif columns is None and word == ",":
            if name:
                yield _name(name)
            name = []
        elif word == ")":
            yield from (f"{_name(name)} ({column})" for column in columns or ())
            name, columns = [], None
        elif columns is None:
            name.append(word)
        elif word != ",":
            columns.append(word)


def _name(words: list[str]) -> str:
    # A role of MySQL's is three tokens that belong together, a privilege words.
    return "".join(words) if "@" in words else " ".join(words)
