"""OpenLDAP: Debian's slapd. What users may do comes by groups, which the access rules name."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ldap3 import MODIFY_ADD, MODIFY_DELETE
from ldap3.utils.dn import escape_rdn
from typing_extensions import override

from keyturn_rotators.engines.openldap import Openldap
from support.kits.kit import Document, Kit, StrategyName
from support.openldap_server import ADMIN, RULES, SUFFIX, OpenldapServer, is_installed

_PASSWORD_ADMIN: Final = f"cn=password admin,{SUFFIX}"
_WEAK_ADMIN: Final = f"cn=weak admin,{SUFFIX}"
_PASSWORD: Final = "password-of-an-administrator"
_LOGS_IN: Final = ["account", "simpleSecurityObject"]


def missing() -> str:
    """Return what has to be installed."""
    return "" if is_installed() else "slapd"


@contextmanager
def start(folder: Path) -> Iterator["OpenldapKit"]:
    """Run a server until the end of the block."""
    own, others = RULES
    rules = [f'{own} by dn.exact="{_PASSWORD_ADMIN}" write']
    for power in OpenldapKit.powers:
        allowed = f'by group.exact="{_group(power)}" read'
        rules.append(f'access to dn.exact="cn=of {power},{SUFFIX}" {allowed}')
    with OpenldapServer.start(folder, rules=[*rules, others]) as server:
        kit = OpenldapKit(server)
        kit.prepare()
        yield kit


def _group(power: str) -> str:
    return f"cn={power},{SUFFIX}"


def _dn(username: str) -> str:
    """Return a user's DN, of which the first part is what a test calls it."""
    is_dn = username.endswith(SUFFIX)
    return username if is_dn else f"uid={escape_rdn(username)},{SUFFIX}"


class OpenldapKit(Kit):
    """A running server; see ``Kit``."""

    engine = Openldap()
    template = "openldap"
    strategies = (StrategyName.SINGLE_USER, StrategyName.DUAL_CREDENTIAL)
    powers = ("sales", "accounts")
    odd_usernames = ("comma, plus+ and =", 'quo"te', "back\\slash", "Ünïcødé \N{KEY}", "a" * 200)
    odd_passwords = ("'", '"\\', "ünï\N{KEY}", "{SSHA}x", " blank ", "bell\a", "p" * 1000)
    logs_statements = True

    def __init__(self, server: OpenldapServer) -> None:
        self.server = server

    def prepare(self) -> None:
        """Make the administrators, and the groups and what they are for."""
        with self.server.administered() as connection:
            for dn in (_PASSWORD_ADMIN, _WEAK_ADMIN):
                entry = {"userPassword": _PASSWORD}
                assert connection.add(dn, ["organizationalRole", "simpleSecurityObject"], entry)
            for power in self.powers:
                assert connection.add(_group(power), "groupOfNames", {"member": ADMIN})
                assert connection.add(f"cn=of {power},{SUFFIX}", "organizationalRole")

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    @override
    def document(self, username: str, password: str) -> Document:
        return {**super().document(_dn(username), password), "ssl": False}

    @override
    def admin_document(self) -> Document:
        return self.document(_PASSWORD_ADMIN, _PASSWORD)

    @override
    def weak_admin_document(self) -> Document:
        return self.document(_WEAK_ADMIN, _PASSWORD)

    @override
    def make_user(self, username: str, password: str) -> None:
        with self.server.administered() as connection:
            entry = {"userPassword": "{SSHA}nobody's"}
            assert connection.add(_dn(username), _LOGS_IN, entry), connection.result
        self.set_password(username, password)
        self.allow(username, self.powers[0])

    @override
    def set_password(self, username: str, password: str) -> None:
        with self.server.administered() as connection:
            change = connection.extend.standard.modify_password
            assert change(_dn(username), new_password=password.encode()), connection.result

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.accepts(_dn(username), password)

    @override
    def allow(self, username: str, power: str) -> None:
        self._change_group(power, MODIFY_ADD, username)

    @override
    def forbid(self, username: str, power: str) -> None:
        self._change_group(power, MODIFY_DELETE, username)

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        with self.server.connect(_dn(username), password) as connection:
            assert connection.bound
            connection.search(f"cn=of {power},{SUFFIX}", "(objectClass=*)", "BASE")
            return bool(connection.entries)

    @override
    def log(self) -> bytes:
        return self.server.log()

    def _change_group(self, power: str, change: str, username: str) -> None:
        with self.server.administered() as connection:
            changes = {"member": [(change, [_dn(username)])]}
            assert connection.modify(_group(power), changes), connection.result


KIT = OpenldapKit
