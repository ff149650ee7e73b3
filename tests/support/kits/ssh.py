"""OpenSSH: a real sshd. What users may do comes by what is in their homes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
import tempfile
from types import MappingProxyType
from typing import Final

from typing_extensions import override

from keyturn_rotators.engines.ssh import Ssh
from keyturn_rotators.engines.ssh_keys import make_private_key
from support import sshd
from support.kits.kit import Document, Kit, StrategyName
from support.sshd import Sshd, make_key, public_half

missing = sshd.missing
_ANOTHER_HOST: Final = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAYtmwsFbObOS+FmjEibwdtiuPV+VSQKkekJK9veJ6iY"
)


@contextmanager
def start(folder: Path) -> Iterator["SshKit"]:
    """Run a server until the end of the block."""
    with Sshd.start(folder) as server:
        yield SshKit(server)


def _keys_of_other_kinds() -> tuple[str, ...]:
    if missing():
        return ("no tests of it are run",)
    with tempfile.TemporaryDirectory() as folder:
        return tuple(make_key(Path(folder) / kind, kind) for kind in ("rsa", "ecdsa"))


class SshKit(Kit):
    """A running server; see ``Kit``."""

    template = "ssh"
    engine = Ssh()
    strategies = (StrategyName.DUAL_CREDENTIAL,)
    first_password = make_private_key()
    other_password = make_private_key()
    elsewhere = MappingProxyType(
        {
            "username": "other",
            "host": "127.0.0.2",
            "port": 1,
            "masterarn": "arn:x",
            "hostKey": _ANOTHER_HOST,
        }
    )
    powers = ("sales", "accounts")
    odd_usernames = ("Dotted.name-1_2", "at@example.test", "Ünïcødé", "b lank", "a" * 100)
    # Nothing is changed at most of its messages: test_rotator_ssh.py cuts where something is.
    is_crashed = False
    odd_passwords = _keys_of_other_kinds()

    def __init__(self, server: Sshd) -> None:
        self.server = server

    @property
    @override
    def address(self) -> tuple[str, int]:
        return self.server.host, self.server.port

    @override
    def without_tls(self) -> AbstractContextManager[None]:
        """Let another server answer: that is what there is without the secret's host key."""
        return self.server.with_another_host_key()

    @override
    def document(self, username: str, password: str) -> Document:
        host, port = self.address
        return {
            "engine": "ssh",
            "host": host,
            "port": port,
            "username": username,
            "privateKey": password,
            "hostKey": self.server.host_key,
        }

    @override
    def admin_document(self) -> Document:
        return self.document("nobody-administers", make_private_key())

    @override
    def weak_admin_document(self) -> Document:
        return self.admin_document()

    @override
    def make_user(self, username: str, password: str) -> None:
        home = self.server.make_user(username, self._line(password))
        (home / self.powers[0]).touch()

    @override
    def set_password(self, username: str, password: str) -> None:
        self.server.keys_file(username).write_text(self._line(password))

    @override
    def accepts(self, username: str, password: str) -> bool:
        return self.server.accepts(username, password)

    @override
    def allow(self, username: str, power: str) -> None:
        raise AssertionError(f"no test gives {username} {power}")

    @override
    def forbid(self, username: str, power: str) -> None:
        raise AssertionError(f"no test takes {power} from {username}")

    @override
    def can(self, username: str, password: str, power: str) -> bool:
        return self.server.does(username, password, f"ls {power}") is not None

    def _line(self, private_key: str) -> str:
        return f"{public_half(private_key, self.server.folder)} made by hand\n"


KIT = SshKit
