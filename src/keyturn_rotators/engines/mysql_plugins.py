"""How MySQL's and MariaDB's accounts may ask for their password, and what is answered.

The server chooses; whoever pretends to be it, too. So a password itself crosses only inside TLS,
and only where the account's plugin checks a digest of it (``caching_sha2_password`` the first time
after a change, ``sha256_password``). ``mysql_clear_password`` and ``dialog``, which hand the
password on to another system, get it only from a server that was verified.

MySQL: https://dev.mysql.com/doc/refman/8.4/en/caching-sha2-pluggable-authentication.html
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import EncryptionError, LoginRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pymysql.connections import Connection, MysqlPacket

_PASSWORD_ITSELF: Final = ("mysql_clear_password", "dialog")
# The driver needs a library for the first, and has never heard of the others.
_UNKNOWN: Final = ("client_ed25519", "parsec", "mysql_old_password", "auth_gssapi_client")
_FAST_PATH_TAKEN: Final = b"\x03"
_SALT_BYTES: Final = 20


def plugins(credential: Credential) -> "Mapping[str, Callable[[Connection], _Plugin]]":
    """Return what answers for which plugin; the driver itself does for the others."""
    classes: dict[str, type[_Plugin]] = {
        "caching_sha2_password": _CachingSha2,
        "sha256_password": _Sha256,
        **dict.fromkeys(_PASSWORD_ITSELF, _PasswordItself),
        **dict.fromkeys(_UNKNOWN, _Unknown),
    }
    return {name: partial(plugin, credential) for name, plugin in classes.items()}


def is_encrypted(connection: "Connection") -> bool:
    """Return whether a connection has TLS."""
    is_secure: bool = connection._secure  # noqa: SLF001 - the driver tells nobody
    return is_secure


@dataclass(frozen=True, slots=True)
class _Plugin(ABC):
    credential: Credential
    connection: "Connection"

    @abstractmethod
    def authenticate(self, packet: "MysqlPacket") -> "MysqlPacket":
        """Answer what the server asks; return what it says to that."""

    def _answer(self, data: bytes) -> "MysqlPacket":
        self.connection.write_packet(data)
        return self._read()

    def _read(self) -> "MysqlPacket":
        return self.connection._read_packet()  # noqa: SLF001 - a plugin's only way

    def _send_password(self, *, is_allowed: bool) -> "MysqlPacket":
        if not is_allowed:
            raise EncryptionError(
                self.credential.where,
                "the account's plugin asks for the password itself, which wasn't sent; set the "
                'secret\'s "ssl" to true',
            )
        return self._answer(self.connection.password + b"\0")


class _CachingSha2(_Plugin):
    def authenticate(self, packet: "MysqlPacket") -> "MysqlPacket":
        if packet.is_auth_switch_request():
            packet = self._answer(_scramble(self.connection, packet))
        if not packet.is_extra_auth_data():
            return packet
        if packet.get_all_data()[1:] == _FAST_PATH_TAKEN:
            return self._read()
        return self._send_password(is_allowed=is_encrypted(self.connection))


class _Sha256(_Plugin):
    def authenticate(self, _packet: "MysqlPacket") -> "MysqlPacket":
        return self._send_password(is_allowed=is_encrypted(self.connection))


class _PasswordItself(_Plugin):
    def authenticate(self, _packet: "MysqlPacket") -> "MysqlPacket":
        return self._send_password(is_allowed=bool(self.credential.ssl))


class _Unknown(_Plugin):
    def authenticate(self, _packet: "MysqlPacket") -> "MysqlPacket":
        raise LoginRefusedError(
            self.credential.where,
            self.credential.stage,
            "the account's authentication plugin is none that this function speaks",
        )


def _scramble(connection: "Connection", packet: "MysqlPacket") -> bytes:
    from pymysql import _auth

    scrambled: bytes = _auth.scramble_caching_sha2(
        connection.password, packet.read_all()[:_SALT_BYTES]
    )
    return scrambled
