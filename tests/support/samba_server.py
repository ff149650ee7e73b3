"""A throw-away Active Directory: Debian's Samba, as root, at an address of its own.

    with SambaServer.start(folder) as server:
        server.make_user("app", "password")

LDAP's ports are what they are, so each server has another address of the machine's own network,
127.0.0.0/8; its certificate is for that and for 127.0.0.1, where a proxy may be.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
import os
from pathlib import Path
import secrets
import signal
import socket
import ssl
import subprocess
from typing import Any, Final

from ldap3 import BASE, MODIFY_ADD, MODIFY_REPLACE, NONE, SIMPLE, Connection, Server, Tls

from support.certificates import Certificate, make_certificate
from support.polling import wait_until

DOMAIN: Final = "example.test"
SUFFIX: Final = "DC=example,DC=test"
ADMIN: Final = f"Administrator@{DOMAIN}"
ADMIN_PASSWORD: Final = "Password-of-1-throw-away-server"
LDAP_PORT: Final = 389
LDAPS_PORT: Final = 636
_PROGRAM: Final = Path("/usr/sbin/samba")
_TOOL: Final = Path("/usr/bin/samba-tool")
_MODULES: Final = Path("/usr/share/samba/setup/provision.ldif")
_ADDRESSES: Final = range(2, 250)
_DISABLED: Final = "514"
_ENABLED: Final = "512"
_CONFIGURATION: Final = """
	old password allowed period = {minutes}
	pid directory = {folder}
	ncalrpc dir = {folder}/ncalrpc
	log file = {folder}/log.%m
	tls enabled = {tls}
	tls certfile = {certificate.certificate_file}
	tls keyfile = {certificate.key_file}
	tls cafile = {certificate.ca_file}
"""


def missing() -> str:
    """Return what has to be installed, or else is needed."""
    if not all(path.exists() for path in (_PROGRAM, _TOOL, _MODULES)):
        return "samba samba-ad-dc samba-ad-provision samba-dsdb-modules samba-vfs-modules winbind"
    return "it as root: LDAP's ports are privileged" if os.geteuid() else ""


@dataclass(kw_only=True)
class SambaServer:
    """A running server.

    Attributes:
        old_password_minutes: how long a replaced password goes on working.
    """

    folder: Path
    host: str
    certificate: Certificate
    old_password_minutes: int = 0
    _process: "subprocess.Popen[bytes] | None" = field(default=None)

    @classmethod
    @contextmanager
    def start(cls, folder: Path, *, old_password_minutes: int = 0) -> Iterator["SambaServer"]:
        """Run a server until the end of the block."""
        folder.mkdir()
        host = _free_address()
        certificate = make_certificate(folder, host, "127.0.0.1")
        # Samba takes no key that others may read.
        certificate.key_file.chmod(0o600)
        server = cls(
            folder=folder,
            host=host,
            certificate=certificate,
            old_password_minutes=old_password_minutes,
        )
        server._provision()
        server._run(has_tls=True)
        try:
            # Nothing that would stop the tests' many changes.
            server.change(
                SUFFIX,
                {"minPwdAge": "0", "pwdHistoryLength": "0", "pwdProperties": "0"},
            )
            yield server
        finally:
            server._stop()

    @contextmanager
    def without_tls(self) -> Iterator[None]:
        """Offer no TLS until the end of the block."""
        self._stop()
        self._run(has_tls=False)
        try:
            yield
        finally:
            self._stop()
            self._run(has_tls=True)

    def _provision(self) -> None:
        command = [
            *(str(_TOOL), "domain", "provision", "--realm=EXAMPLE.TEST", "--domain=EXAMPLE"),
            *("--server-role=dc", "--dns-backend=NONE", f"--adminpass={ADMIN_PASSWORD}"),
            *("--host-name=dc1", f"--host-ip={self.host}", f"--targetdir={self.folder}/domain"),
            *(f"--option=interfaces={self.host}/8", "--option=bind interfaces only=yes"),
            "--option=server services=ldap",
        ]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"no domain was made:\n{done.stderr.decode()}")

    def _run(self, *, has_tls: bool) -> None:
        provisioned = (self.folder / "domain" / "etc" / "smb.conf").read_text()
        own = _CONFIGURATION.format(
            folder=self.folder,
            certificate=self.certificate,
            minutes=self.old_password_minutes,
            tls="yes" if has_tls else "no",
        )
        (self.folder / "smb.conf").write_text(provisioned.replace("[global]", f"[global]{own}", 1))
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(_PROGRAM), "--foreground", "--model=single", "--no-process-group"),
                    *("--debug-stdout", f"--configfile={self.folder}/smb.conf"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(self._is_ready, what="the directory")

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the directory ended:\n{(self.folder / 'log').read_text()}")
        return _listens(self.host)

    def _stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)

    def make_user(self, username: str, password: str) -> str:
        """Make a user; return its DN."""
        dn = f"CN={username},CN=Users,{SUFFIX}"
        attributes = {
            "sAMAccountName": username,
            "userPrincipalName": f"{username}@{DOMAIN}",
            "unicodePwd": encoded(password),
            "userAccountControl": _ENABLED,
        }
        with self.administered() as connection:
            assert connection.add(dn, "user", attributes), connection.result
        return dn

    def make_group(self, name: str) -> str:
        """Make a group; return its DN."""
        dn = f"CN={name},CN=Users,{SUFFIX}"
        with self.administered() as connection:
            assert connection.add(dn, "group", {"sAMAccountName": name}), connection.result
        return dn

    def change(self, dn: str, attributes: Mapping[str, Any]) -> None:
        """Set an entry's attributes."""
        changes = {name: [(MODIFY_REPLACE, [value])] for name, value in attributes.items()}
        with self.administered() as connection:
            assert connection.modify(dn, changes), connection.result

    def add_member(self, group: str, dn: str) -> None:
        """Let a user be in a group."""
        with self.administered() as connection:
            assert connection.modify(group, {"member": [(MODIFY_ADD, [dn])]}), connection.result

    def sid_of(self, dn: str) -> bytes:
        """Return an entry's SID."""
        with self.administered() as connection:
            return _attribute(connection, dn, "objectSid")[0]

    def sids_of_login(self, username: str, password: str) -> list[bytes] | None:
        """Return who somebody is and what they are in, as they log in; None if they can't."""
        connection = self._connection(username, password)
        try:
            return _attribute(connection, "", "tokenGroups") if connection.bind() else None
        finally:
            connection.unbind()

    @contextmanager
    def administered(self) -> Iterator[Connection]:
        """Be the domain's administrator."""
        connection = self._connection(ADMIN, ADMIN_PASSWORD)
        assert connection.bind(), connection.result
        try:
            yield connection
        finally:
            connection.unbind()

    def _connection(self, username: str, password: str) -> Connection:
        # On the machine itself; the driver's own check of names is no longer Python's.
        tls = Tls(validate=ssl.CERT_NONE)
        server = Server(self.host, port=LDAPS_PORT, use_ssl=True, tls=tls, get_info=NONE)
        return Connection(
            server, user=username, password=password, authentication=SIMPLE, check_names=False
        )


def encoded(password: str) -> bytes:
    """Return a password as the directory takes it."""
    return f'"{password}"'.encode("utf-16-le")


def _attribute(connection: Connection, dn: str, name: str) -> list[bytes]:
    connection.search(dn, "(objectClass=*)", search_scope=BASE, attributes=[name])
    (found,) = connection.response or [{"raw_attributes": {}}]
    values: list[bytes] = found["raw_attributes"][name]
    return values


def _free_address() -> str:
    begun = secrets.randbelow(len(_ADDRESSES))
    # From anywhere on: others of the machine look for one at the same time.
    for number in (*_ADDRESSES[begun:], *_ADDRESSES[:begun]):
        host = f"127.0.0.{number}"
        with socket.socket() as probe:
            try:
                probe.bind((host, LDAP_PORT))
            except OSError:
                continue
        return host
    raise RuntimeError("every address of the machine's own has an LDAP server")


def _listens(host: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((host, LDAP_PORT)) == 0
