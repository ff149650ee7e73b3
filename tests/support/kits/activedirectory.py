"""Active Directory: Samba's. What users may do comes by groups."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from typing_extensions import override

from keyturn_rotators.engines.activedirectory import ActiveDirectory
from support import samba_server
from support.kits.kit import Document, Kit, StrategyName
from support.samba_server import (
    ADMIN,
    ADMIN_PASSWORD,
    DOMAIN,
    LDAP_PORT,
    SambaServer,
    encoded,
)

missing = samba_server.missing
_WEAK_ADMIN = "weak-admin"
_PASSWORD = "password-of-an-administrator"


@contextmanager
def start(folder: Path) -> Iterator["ActiveDirectoryKit"]:
    """Run a server until the end of the block."""
    with SambaServer.start(folder) as server:
        server.make_user(_WEAK_ADMIN, _PASSWORD)
        yield ActiveDirectoryKit(server)


class ActiveDirectoryKit(Kit):
    """A running server; see ``Kit``. Logins are by StartTLS, which a server may lack."""

    template = "activedirectory"
    engine = ActiveDirectory()
    strategies = (StrategyName.SINGLE_USER,)
    powers = ("sales", "accounts")
    odd_usernames = ("b lank.", "it's-Ünïcødé", "a" * 20)
    odd_passwords = ("'\"\\{}%s", " blanks ", "ünïcødé\N{KEY}", "p" * 127)
    refused_password = "short"

    def __init__(self, server: SambaServer) -> None:
        self.server = server
        self._groups = {power: server.make_group(power) for power in self.powers}
        self._users: dict[str, str] = {}

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, LDAP_PORT

    @override
    def without_tls(self) -> AbstractContextManager[None]:
        return self.server.without_tls()

    @override
    def document(self, username: str, password: str) -> Document:
        name = username if "@" in username else f"{username}@{DOMAIN}"
        ca = self.server.certificate.ca_file.read_text()
        return {**super().document(name, password), "caCertificate": ca}

    @override
    def admin_document(self) -> Document:
        return self.document(ADMIN, ADMIN_PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        self._users[f"{username}@{DOMAIN}"] = self.server.make_user(username, password)
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        self.server.change(self._dn(username), {"unicodePwd": encoded(password)})

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.sids_of_login(username, password) is not None

    @override
    def allow(self, username: str, power: str) -> None:
        self.server.add_member(self._groups[power], self._dn(username))

    @override
    def forbid(self, username: str, power: str) -> None:
        raise AssertionError(f"no test takes {power} from {username}")

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        sids = self.server.sids_of_login(username, password)
        assert sids is not None
        return self.server.sid_of(self._groups[power]) in sids

    def _dn(self, username: str) -> str:
        return self._users[username if "@" in username else f"{username}@{DOMAIN}"]


KIT = ActiveDirectoryKit
