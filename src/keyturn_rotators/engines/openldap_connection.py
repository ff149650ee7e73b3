"""What a login to OpenLDAP has in common, whoever's it is: passwords, refusals.

LDAP: RFC 4511; passwords are RFC 4519's userPassword, with what RFC 3112 calls a scheme before
them. What a server says is told by its code: RFC 4511, appendix A.
"""

from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    PasswordRefusedError,
    ReadOnlyTargetError,
    StatementFailedError,
    TargetError,
    UnreachableError,
    without_values,
)

if TYPE_CHECKING:
    from ldap3 import Connection

_SALT_BYTES: Final = 16
# slapd's words for a database that takes no changes (servers/slapd/backend.c).
_READ_ONLY: Final = ("operation restricted", "shadow context")


class LdapConnection:
    """A connection, and the login that it was made with.

    Args:
        advice: what to do if the login may not do what it is asked to, as a sentence.
    """

    def __init__(self, connection: "Connection", credential: Credential, advice: str) -> None:
        self._connection = connection
        self._credential = credential
        self._advice = advice

    def _who_am_i(self) -> str:
        """Return whom the server takes us for, "" for nobody (RFC 4532)."""
        self._run(self._connection.extend.standard.who_am_i)
        return self._connection.result["authzid"] or ""

    def _set_password(self, dn: str, fresh: str, *, old: str | None = None) -> None:
        """Give an entry a password in place of all that it has.

        The server gets a hash. A password policy may want to see the password itself
        (``pwdCheckQuality``) and the old one with it (``pwdSafeModify``): it then gets both, as a
        login would send them, in RFC 3062's operation, and makes the hash.
        """
        try:
            self._replace(dn, fresh)
        except (MissingRightError, PasswordRefusedError) as refusal:
            with suppress(MissingRightError, StatementFailedError):
                self._modify_password(dn, fresh, old)
                return
            raise refusal from None

    def _modify_password(self, dn: str, fresh: str, old: str | None) -> None:
        request = self._connection.extend.standard.modify_password
        self._run(lambda: request(dn, old.encode() if old else None, fresh.encode()), fresh)

    def _keep_two_passwords(self, dn: str, kept: str, fresh: str) -> None:
        """Give an entry two passwords, at once, in place of all that it has."""
        try:
            self._replace(dn, fresh, kept)
        except PasswordRefusedError as error:
            # Another password would be refused as well.
            said = f"no two passwords, or none that is hashed; rotate as a single user: {error}"
            raise StatementFailedError(self._credential.where, said) from None

    def _replace(self, dn: str, *passwords: str) -> None:
        from ldap3 import MODIFY_REPLACE

        hashes = [hashed(password) for password in passwords]
        changes = {"userPassword": [(MODIFY_REPLACE, hashes)]}
        self._run(lambda: self._connection.modify(dn, changes), *passwords)

    def _run(self, act: Callable[[], object], *values: str) -> None:
        """Have a request answered, and keep values out of what is said of its failure."""
        from ldap3.core.exceptions import LDAPException

        values = (self._credential.password, *values)
        try:
            act()
        except LDAPException as error:
            said = without_values(str(error), *values)
            raise ConnectionLostError(self._credential.where, said) from None
        code = self._connection.result["result"]
        if code:
            said = without_values(told(self._connection), *values)
            raise statement_error(code, said, self._credential.where, self._advice)


def hashed(password: str) -> bytes:
    """Return what the server stores for a password: it never sees the password itself.

    Every slapd reads SSHA, also without a module. That it is fast to try is no matter for a
    password that nobody could guess, as those are that a rotation makes.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    digest = hashlib.sha1(password.encode() + salt).digest()  # noqa: S324
    return b"{SSHA}" + b64encode(digest + salt)


def told(connection: "Connection") -> str:
    """Return what a server answered: its code's name, and what it added."""
    result = connection.result
    return f"{result['description']} {result['message']}".strip()


def login_error(code: int, said: str, credential: Credential) -> TargetError:
    """Tell why a bind was refused."""
    match code:
        case 8 | 13:  # strongerAuthRequired, confidentialityRequired
            return EncryptionError(credential.where, said)
        case 51 | 52:  # busy, unavailable
            return UnreachableError(credential.where, said)
        case _:
            return LoginRefusedError(credential.where, credential.stage, said)


def statement_error(code: int, said: str, where: str, advice: str) -> TargetError:
    """Tell why a request was refused."""
    match code:
        case 10:  # referral: a replica names its provider
            return ReadOnlyTargetError(where)
        case 53 if any(word in said for word in _READ_ONLY):  # unwillingToPerform
            return ReadOnlyTargetError(where)
        case 32 | 50:  # noSuchObject, as of what one may not see; insufficientAccessRights
            return MissingRightError(where, said, advice)
        case 19:  # constraintViolation
            return PasswordRefusedError(where, said)
        case 52:  # unavailable
            return ConnectionLostError(where, said)
        case _:
            return StatementFailedError(where, f"{said} ({code})")
