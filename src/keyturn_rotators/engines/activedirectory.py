r"""Active Directory, with ldap3; Microsoft's or Samba's.

* ``username`` is what logs in: ``app@example.com``, ``EXAMPLE\app`` or a DN. Whose entry it is the
  directory says itself, by the SID of who is logged in: nothing is searched for by a name.
* A password is the attribute ``unicodePwd``, which the directory takes by TLS alone: from the
  first byte at port 636, by StartTLS at any other; ``"ldaps"``, true or false, says otherwise.
* A user's own change has the old and the new password in one request. An administrator's sets it,
  which the domain's minimum age and history don't stop.
* A replaced password may go on working for logins by LDAP or NTLM, for an hour by default
  (OldPasswordAllowedPeriod), and not for Kerberos: that isn't relied on.

Microsoft: [MS-ADTS] 3.1.1.3.1.5 (unicodePwd) and 3.1.1.3.2 (rootDSE: tokenGroups);
https://learn.microsoft.com/openspecs/windows_protocols/ms-adts
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.openldap import LDAPS_PORT, Openldap
from keyturn_rotators.engines.openldap_connection import LdapConnection
from keyturn_rotators.errors import (
    MissingRightError,
    PasswordNotAskedError,
    PasswordRefusedError,
    SecretValueError,
    StatementFailedError,
)

if TYPE_CHECKING:
    from ldap3 import Connection

_DEFAULTS: Final = Defaults(
    engines=frozenset({"activedirectory"}), port=LDAPS_PORT, own_keys=("ldaps",)
)
# A domain's accounts; others are nobody, everybody, or the machine's.
_OF_A_DOMAIN: Final = "S-1-5-21-"
_AUTHORITY_BYTES: Final = 8
_ADVICE: Final = (
    "Let SELF have the right Change Password, or name an administrator's secret in the secret as "
    '"masterarn".'
)
_TOO_YOUNG: Final = (
    "the password in use was set less than the domain's minimum age ago, which stops users and "
    "not administrators"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveDirectory:
    """Active Directory.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @contextmanager
    def login(self, credential: Credential) -> Iterator["DirectorySession"]:
        """Log in, and out at the end; see ``target.Engine``."""
        with self._bound(credential) as connection:
            yield DirectorySession(connection, credential, _ADVICE)

    @contextmanager
    def administer(
        self, admin: Credential, current: Credential
    ) -> Iterator["DirectoryAdministration"]:
        """Log in, to change who ``current`` is; see ``target.Engine``."""
        with self._bound(current) as connection:
            sid = DirectorySession(connection, current, _ADVICE).sid()
        with self._bound(admin) as connection:
            yield DirectoryAdministration(
                connection,
                admin,
                f"The administrator {admin.username} must have the right Reset Password on "
                f"{current.username}.",
                sid,
            )

    @contextmanager
    def _bound(self, credential: Credential) -> Iterator["Connection"]:
        if credential.ssl is False:
            raise SecretValueError(
                "The secret's \"ssl\" can't be false: Active Directory takes new passwords by TLS "
                "alone. Leave it out, and give the directory a certificate."
            )
        with _Ldap(ca_file=self.ca_file).bound(credential) as connection:
            yield connection


class _Directory(LdapConnection):
    """A login to the directory."""

    def _read(self, base: str, *names: str) -> dict[str, Any]:
        """Return an entry's attributes, as bytes."""
        from ldap3 import BASE

        search = self._connection.search
        self._run(
            lambda: search(base, "(objectClass=*)", search_scope=BASE, attributes=list(names))
        )
        response = self._connection.response or []
        found = [each["raw_attributes"] for each in response if "raw_attributes" in each]
        if not found:
            said = f"the login doesn't see {base or 'what the directory is'}"
            raise StatementFailedError(self._credential.where, said)
        attributes: dict[str, Any] = found[0]
        return attributes

    def _replace_password(self, sid: str, fresh: str, *, old: str | None = None) -> None:
        from ldap3 import MODIFY_ADD, MODIFY_DELETE, MODIFY_REPLACE

        changes: list[Any] = [(MODIFY_REPLACE, [_encoded(fresh)])]
        if old is not None:
            changes = [(MODIFY_DELETE, [_encoded(old)]), (MODIFY_ADD, [_encoded(fresh)])]
        request = {"unicodePwd": changes}
        self._run(lambda: self._connection.modify(f"<SID={sid}>", request), fresh)


class DirectorySession(_Directory):
    """A user's login; see ``target.Session``."""

    def sid(self) -> str:
        """Return who is logged in, by what no two are called.

        Raises:
            PasswordNotAskedError: nobody is.
        """
        # The first of what the login is a member of is itself.
        groups = self._read("", "tokenGroups").get("tokenGroups") or [b""]
        sid = _sid(groups[0])
        if not sid.startswith(_OF_A_DOMAIN):
            raise PasswordNotAskedError(self._credential.where)
        return sid

    def probe(self) -> None:
        """Ask who it is."""
        self.sid()

    def change_own_password(self, password: str) -> None:
        """Change the password of who is logged in; see ``target.Session``.

        Raises:
            MissingRightError: the password is younger than it may be, which an administrator may
                change all the same.
        """
        sid = self.sid()
        try:
            self._replace_password(sid, password, old=self._credential.password)
        except PasswordRefusedError as refusal:
            if self._is_too_young(sid):
                said = f"{refusal}; {_TOO_YOUNG}"
                raise MissingRightError(self._credential.where, said, _ADVICE) from None
            raise

    def _is_too_young(self, sid: str) -> bool:
        """Return whether the password is younger than the domain's minimum age.

        Both are the directory's own times, in 100 ns: since 1601, and less than nothing. A user
        who may not read them isn't too young, as far as is known; nor is one with a policy of its
        own looked up, which users may not read.
        """
        root = self._read("", "defaultNamingContext", "currentTime")
        domain = root["defaultNamingContext"][0].decode()
        ages = self._read(domain, "minPwdAge").get("minPwdAge")
        changes = self._read(f"<SID={sid}>", "pwdLastSet").get("pwdLastSet")
        if not ages or not changes:
            return False
        # The directory's clock tells whole seconds.
        now, age_min = _filetime(root["currentTime"][0].decode()), -int(ages[0])
        return age_min > 0 and int(changes[0]) + age_min > now


class DirectoryAdministration(_Directory):
    """An administrator's login; see ``target.Administration``.

    Args:
        sid: whose password it changes.
    """

    def __init__(
        self, connection: "Connection", credential: Credential, advice: str, sid: str
    ) -> None:
        super().__init__(connection, credential, advice)
        self._sid = sid

    def set_password(self, _username: str, password: str) -> None:
        """Let the user log in with this password."""
        self._replace_password(self._sid, password)


class _Ldap(Openldap):
    """LDAP's protocol, without OpenLDAP's entries."""

    def bound(self, credential: Credential) -> Any:  # noqa: ANN401 - as its parent's
        return self._bound(credential)


def _encoded(password: str) -> bytes:
    return f'"{password}"'.encode("utf-16-le")


def _sid(data: bytes) -> str:
    """Return a SID as text: [MS-DTYP] 2.4.2."""
    if len(data) < _AUTHORITY_BYTES:
        return ""
    revision, authority = data[0], int.from_bytes(data[2:_AUTHORITY_BYTES], "big")
    parts = [data[i : i + 4] for i in range(_AUTHORITY_BYTES, len(data), 4)]
    return "-".join(
        map(str, ["S", revision, authority, *(int.from_bytes(part, "little") for part in parts)])
    )


def _filetime(text: str) -> int:
    """Return a time of the directory's, such as ``20260131235959.0Z``, in 100 ns since 1601."""
    moment = datetime.strptime(f"{text[:14]}+0000", "%Y%m%d%H%M%S%z")
    return int((moment - datetime(1601, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 10
