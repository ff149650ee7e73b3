"""OpenLDAP, with ldap3; also other directories whose entries log in with their userPassword.

* ``username`` is the DN that logs in, as it is written in the secret: the rotation searches for
  nothing.
* A login sends the password as it is (RFC 4513, 5.1.3). So the connection is TLS with the
  server's name and CA verified, also where the secret has no ``ssl``: from the first byte at port
  636, by StartTLS at any other; ``"ldaps"``, true or false, says otherwise. Only ``"ssl": false``
  sends passwords in the clear.
* A change sends a hash, unless the directory's password policy refuses one.
* An entry may have two passwords at once: ``userPassword`` has as many values as one likes, unless
  the overlay ppolicy is there, which allows one.
* A login counts only if the server says that it is somebody's.

OpenLDAP: https://www.openldap.org/doc/admin25/security.html
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
import ssl
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.openldap_connection import LdapConnection, login_error, told
from keyturn_rotators.errors import (
    EncryptionError,
    PasswordNotAskedError,
    SecretValueError,
    UnreachableError,
    without_values,
)
from keyturn_rotators.tls import context

if TYPE_CHECKING:
    from ldap3 import Connection, Tls

CONNECT_SECONDS: Final = 5
ANSWER_SECONDS: Final = 10
LDAPS_PORT: Final = 636
_LDAPS: Final = "ldaps"
_DEFAULTS: Final = Defaults(
    engines=frozenset({"openldap", "ldap"}), port=LDAPS_PORT, own_keys=(_LDAPS,)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Openldap:
    """OpenLDAP.

    Attributes:
        ca_file: the CAs that may vouch for a server; None for the system's.
    """

    ca_file: str | None = None

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @contextmanager
    def login(self, credential: Credential) -> Iterator["LdapSession"]:
        """Log in, and out at the end; see ``target.DualEngine``."""
        with self._bound(credential) as connection:
            session = LdapSession(
                connection,
                credential,
                "Let it write its own password (by self write, in the access rules for "
                'userPassword), or name an administrator\'s secret in the secret as "masterarn".',
            )
            session.probe()
            yield session

    @contextmanager
    def administer(self, admin: Credential, current: Credential) -> Iterator["LdapAdministration"]:
        """Log in, to change another entry; see ``target.DualEngine``."""
        with self._bound(admin) as connection:
            yield LdapAdministration(
                connection,
                admin,
                f"The administrator {admin.username} must have the right to write the "
                f"userPassword of {current.username}.",
            )

    @contextmanager
    def _bound(self, credential: Credential) -> Iterator["Connection"]:
        from ldap3.core.exceptions import LDAPException

        connection = self._opened(credential)
        try:
            connection.bind()
            if connection.result["result"]:
                said = without_values(told(connection), credential.password)
                raise login_error(connection.result["result"], said, credential)
            yield connection
        except LDAPException as error:
            said = without_values(str(error), credential.password)
            raise UnreachableError(credential.where, said) from None
        finally:
            with suppress(LDAPException, OSError):
                connection.unbind()

    def _opened(self, credential: Credential) -> "Connection":
        """Return a connection that may carry a password."""
        # The driver takes longest to load, and two of the four steps do without it.
        from ldap3.core.exceptions import LDAPCommunicationError, LDAPException

        connection = self._closed(credential)
        try:
            connection.open(read_server_info=False)
            if credential.ssl is not False and not connection.server.ssl:
                connection.start_tls(read_server_info=False)
        except LDAPException as error:
            # The driver leaves it open.
            if connection.socket is not None:
                connection.socket.close()
            said = without_values(str(error), credential.password)
            is_of_tls = not isinstance(error, LDAPCommunicationError) or "ssl wrapping" in said
            kind = EncryptionError if is_of_tls else UnreachableError
            raise kind(credential.where, said) from None
        return connection

    def _closed(self, credential: Credential) -> "Connection":
        from ldap3 import NONE, SIMPLE, SYNC, Connection, Server

        if "/" in credential.host or credential.host.count(":") == 1:
            # The driver would read it as a URL, a file or a host with a port.
            raise _unusable("host", "the name or address of one server, no URL")
        server = Server(
            credential.host.strip("[]"),
            port=credential.port,
            use_ssl=credential.ssl is not False and _is_ldaps(credential),
            tls=None if credential.ssl is False else self._tls(credential),
            get_info=NONE,
            connect_timeout=CONNECT_SECONDS,
        )
        # Bytes are sent as they are: other clients don't prepare passwords either.
        password: Any = credential.password.encode()
        return Connection(
            server,
            user=credential.username,
            password=password,
            authentication=SIMPLE,
            client_strategy=SYNC,
            check_names=False,
            # A server that refers to another must not thereby get the password sent there.
            auto_referrals=False,
            receive_timeout=ANSWER_SECONDS,
        )

    def _tls(self, credential: Credential) -> "Tls":
        return _verifying(context(credential, self.ca_file), credential.host)


class LdapSession(LdapConnection):
    """An entry's login."""

    def probe(self) -> None:
        """Ask whom the server takes us for."""
        if not self._who_am_i():
            raise PasswordNotAskedError(self._credential.where)

    def change_own_password(self, password: str) -> None:
        """Change the password of who logged in; see ``target.Session``."""
        self._set_password(self._credential.username, password, old=self._credential.password)

    def keep_two_passwords(self, kept: str, fresh: str) -> None:
        """Give who logged in two passwords; see ``target.DualSession``."""
        self._keep_two_passwords(self._credential.username, kept, fresh)


class LdapAdministration(LdapConnection):
    """An administrator's login."""

    def set_password(self, username: str, password: str) -> None:
        """Change an entry's password; see ``target.Administration``."""
        self._set_password(username, password)

    def keep_two_passwords(self, username: str, kept: str, fresh: str) -> None:
        """Give an entry two passwords; see ``target.DualAdministration``."""
        self._keep_two_passwords(username, kept, fresh)


def _is_ldaps(credential: Credential) -> bool:
    said = credential.own.get(_LDAPS, credential.port == LDAPS_PORT)
    if not isinstance(said, bool):
        raise _unusable(_LDAPS, "true or false")
    return said


def _unusable(key: str, rule: str) -> SecretValueError:
    return SecretValueError(
        f'The secret\'s "{key}" must be {rule}. '
        "Correct it with: aws secretsmanager put-secret-value."
    )


def _verifying(tls: ssl.SSLContext, host: str) -> "Tls":
    """Return the driver's TLS, which checks names by rules of its own, with Python's."""
    from ldap3 import Connection, Tls

    class Verifying(Tls):
        def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
            connection.socket = tls.wrap_socket(connection.socket, server_hostname=host)

    return Verifying()
