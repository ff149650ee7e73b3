"""A user's line of ACL LIST, as rights, and back. Pure.

The line is what the server itself saves and reads: every rule of the user, in words that ACL
SETUSER takes. So a user is remade from its line with a right more or less, in one command, which
the server does as a whole or not at all; passwords stay as they are in it.

Redis: https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from keyturn_rotators.rights import Right

#: A user that is there, and can't log in nor do anything.
NOBODY: Final = ("reset", "resetchannels")
#: Among a user's passwords, that it was made here. Nobody could find a password with this hash: it
#: is 32 bytes of text, as SHA-256 has.
MARK: Final = "#" + b"keyturn: made for another user's".hex()
EXISTS: Final = Right(("user",))
_COMMANDS: Final = ("commands",)
_DATABASES: Final = ("databases",)
_PAYLOAD: Final = ("payload",)
# What holds for a user whose line doesn't say, and after a reset. Databases are Valkey 9.1's.
_LIMITS: Final[dict[tuple[str, ...], str]] = {_DATABASES: "alldbs", _PAYLOAD: "sanitize-payload"}
_KINDS: Final = {"~": "keys", "%": "keys", "&": "channels", "(": "selector"}
_OF_THE_LOGIN: Final = frozenset({"on", "off", "nopass", "resetchannels"})


@dataclass(frozen=True, slots=True)
class Rules:
    """A user's rules, in the order of its line."""

    rules: tuple[str, ...] = ()

    @classmethod
    def of(cls, username: str, lines: Sequence[str]) -> "Rules | None":
        """Return a user's rules from the lines of all users; None if there is no such user."""
        beginning = f"user {username} "
        for line in lines:
            if line.startswith(beginning):
                return cls(tuple(_split(line.removeprefix(beginning))))
        return None

    @property
    def is_marked(self) -> bool:
        """Whether the user was made here."""
        return MARK in self.rules

    @property
    def needs_no_password(self) -> bool:
        """Whether the user logs in with any password."""
        return "nopass" in self.rules

    def rights(self) -> Sequence[Right]:
        """Return what the user may do; its passwords, and whether it is on, are no rights.

        Commands come before the keys that they may be used on: of what is given one after the
        other, no part is more than the whole.
        """
        commands = " ".join(rule for rule in self.rules if _subject(rule) == _COMMANDS)
        limits = [Right(subject, self._limit(subject)) for subject in _LIMITS]
        return [EXISTS, *limits, Right(_COMMANDS, commands), *self._listed()]

    def having(self, right: Right) -> "Rules":
        """Return these rules with a right."""
        if right == EXISTS or _LIMITS.get(right.subject) == right.value:
            return self.without(right)
        given = right.value.split() if right.value else right.subject[1:]
        return Rules((*self.without(right).rules, *given))

    def without(self, right: Right) -> "Rules":
        """Return these rules without a right."""
        return Rules(tuple(rule for rule in self.rules if _subject(rule) != right.subject))

    def _limit(self, subject: tuple[str, ...]) -> str:
        return next((rule for rule in self.rules if _subject(rule) == subject), _LIMITS[subject])

    def _listed(self) -> Iterator[Right]:
        for rule in self.rules:
            subject = _subject(rule)
            if len(subject) > 1:
                yield Right(subject)


def _split(line: str) -> Iterator[str]:
    """Yield a line's rules. A selector, in parentheses, has spaces in it; nothing else has any."""
    selector: list[str] = []
    for word in line.split(" "):
        if selector or word.startswith("("):
            selector.append(word)
            if word.endswith(")"):
                yield " ".join(selector)
                selector = []
        else:
            yield word


def _subject(rule: str) -> tuple[str, ...]:
    """Return what a rule is about; nothing, if it is about how to log in."""
    if rule.startswith("#") or rule in _OF_THE_LOGIN:
        return ()
    if rule.startswith(("+", "-")):
        return _COMMANDS
    if rule.endswith("sanitize-payload"):
        return _PAYLOAD
    if rule.startswith("db=") or rule.endswith("dbs"):
        return _DATABASES
    # A kind that isn't known is a later server's.
    return (_KINDS.get(rule[0], "rule"), rule)
