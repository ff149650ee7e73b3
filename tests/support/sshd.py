"""OpenSSH's server of one's own: on a free port, with users that the machine hasn't.

The users are in a file that Debian's ``libnss-wrapper`` shows the server in the system's place;
each is in truth whoever runs the tests, with a home below the server's folder.

    with Sshd.start(folder) as server:
        server.make_user("app", authorized_keys)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import os
from pathlib import Path
import shutil
import signal
import subprocess
from threading import Lock
from typing import Final

from support.database_process import HOST, as_somebody, free_port, listens, running
from support.polling import wait_until

USER_ID: Final = 1000
_PROGRAM: Final = Path("/usr/sbin/sshd")
_LIBRARY: Final = "*-linux-gnu/libnss_wrapper.so"
_CONFIGURATION: Final = """
Port {port}
ListenAddress {host}
HostKey {folder}/host_key
PidFile {folder}/pid
AuthorizedKeysFile .ssh/authorized_keys
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
# The homes' owner is another user outside of the server's own user namespace.
StrictModes no
MaxStartups 1000
Subsystem sftp internal-sftp
{more}
"""


def missing() -> str:
    """Return what has to be installed."""
    has_all = _PROGRAM.exists() and shutil.which("ssh") and _library()
    return "" if has_all else "openssh-server openssh-client libnss-wrapper"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """A running server."""

    folder: Path
    port: int
    host: str = HOST
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    @contextmanager
    def start(cls, folder: Path, *, more: str = "", key_type: str = "ed25519") -> Iterator["Sshd"]:
        """Run a server until the end of the block.

        Args:
            more: lines of its configuration.
            key_type: of the key by which it is known; see ssh-keygen(1).
        """
        folder.mkdir(mode=0o755)
        make_key(folder / "host_key", key_type)
        server = cls(folder=folder, port=free_port())
        text = _CONFIGURATION.format(port=server.port, host=HOST, folder=folder, more=more)
        (folder / "sshd_config").write_text(text)
        (folder / "passwd").write_text("")
        (folder / "group").write_text(f"users:x:{USER_ID}:\n")
        command: list[str | Path] = [*as_somebody(), _PROGRAM, "-D", "-e"]
        command += ["-f", folder / "sshd_config"]
        with running(
            command,
            lambda: listens(server.port),
            log=folder / "log",
            environment={
                "PATH": os.defpath,
                "LD_PRELOAD": _library(),
                "NSS_WRAPPER_PASSWD": str(folder / "passwd"),
                "NSS_WRAPPER_GROUP": str(folder / "group"),
            },
        ):
            yield server

    @contextmanager
    def with_another_host_key(self) -> Iterator[None]:
        """Be another server, until the end of the block."""
        own, other = self.folder / "own", self.folder / "host_key"
        other.rename(own)
        make_key(self.folder / "another")
        (self.folder / "another").rename(other)
        try:
            self._begin_anew(self.folder / "another.pub")
            yield
        finally:
            own.rename(other)
            self._begin_anew(self.folder / "host_key.pub")

    def _begin_anew(self, host_key: Path) -> None:
        """Have the server read everything anew; return when it shows this key."""
        os.kill(int((self.folder / "pid").read_text()), signal.SIGHUP)
        kind, blob, *_ = host_key.read_text().split()
        scan = ["ssh-keyscan", "-p", str(self.port), "-t", kind.removeprefix("ssh-"), self.host]

        def shows_it() -> bool:
            said = subprocess.run(scan, capture_output=True, check=False).stdout
            return blob.encode() in said

        wait_until(shows_it, what="the other host key")

    @property
    def host_key(self) -> str:
        """The public key by which the server is known."""
        return (self.folder / "host_key.pub").read_text().strip()

    def make_user(self, username: str, authorized_keys: str, *, has_password: bool = True) -> Path:
        """Make a user; return its home.

        Args:
            has_password: whether there is one that nobody knows, instead of an empty one.
        """
        home = self.folder / "homes" / username
        (home / ".ssh").mkdir(parents=True)
        self.keys_file(username).write_text(authorized_keys)
        with self._lock, (self.folder / "passwd").open("a") as users:
            password = "*" if has_password else ""
            users.write(f"{username}:{password}:{USER_ID}:{USER_ID}::{home}:/bin/sh\n")
        return home

    def keys_file(self, username: str) -> Path:
        """Return where a user's keys are."""
        return self.folder / "homes" / username / ".ssh" / "authorized_keys"

    def accepts(self, username: str, private_key: str) -> bool:
        """Return whether OpenSSH's own client gets in with a key."""
        return self.does(username, private_key, "pwd") is not None

    def does(self, username: str, private_key: str, command: str) -> str | None:
        """Return what a command of sftp(1) says, run by OpenSSH's own client; None if it fails."""
        known = f"[{self.host}]:{self.port} {self.host_key}\n"
        with _files(self.folder, key=private_key, known=known) as (key, known_hosts):
            done = subprocess.run(
                [
                    *("sftp", "-b", "-", "-q", "-F", "none", "-P", str(self.port)),
                    *("-o", f"IdentityFile={key}", "-o", "IdentitiesOnly=yes"),
                    *("-o", f"UserKnownHostsFile={known_hosts}"),
                    *("-o", "KexAlgorithms=curve25519-sha256"),
                    *("-o", "StrictHostKeyChecking=yes", "-o", "IdentityAgent=none"),
                    *("-o", f'User="{username}"', self.host),
                ],
                input=command.encode(),
                capture_output=True,
                check=False,
            )
        return done.stdout.decode() if done.returncode == 0 else None


def make_key(path: Path, key_type: str = "ed25519") -> str:
    """Make a key pair with OpenSSH's own program; return the private one."""
    _ssh_keygen("-q", "-t", key_type, "-N", "", "-C", "", "-f", str(path))
    return path.read_text()


def public_half(private_key: str, folder: Path) -> str:
    """Return a key's other half, as ssh-keygen(1) has it."""
    with _files(folder, key=private_key, known="") as (key, _):
        return _ssh_keygen("-y", "-f", str(key))


def _ssh_keygen(*arguments: str) -> str:
    command = ["ssh-keygen", *arguments]
    done = subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return done.stdout.decode().strip()


@contextmanager
def _files(folder: Path, *, key: str, known: str) -> Iterator[tuple[Path, Path]]:
    """Keep a key and the known hosts in files that no other user reads, for a moment."""
    place = folder / f"client-{os.urandom(8).hex()}"
    place.mkdir(mode=0o700)
    try:
        for name, text in (("key", key), ("known", known)):
            (place / name).touch(mode=0o600)
            (place / name).write_text(text)
        yield place / "key", place / "known"
    finally:
        shutil.rmtree(place)


def _library() -> str:
    return next((str(path) for path in Path("/usr/lib").glob(_LIBRARY)), "")
