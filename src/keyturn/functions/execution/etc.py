"""The /etc of a sandbox: what names, addresses and certificates need, and nothing of the host's.

It is made anew when what it is made from has changed: the name servers, hosts and certificates of
this machine. Names are looked up by TCP alone (``use-vc``), since a function's datagrams lead
nowhere; see ``keyturn.functions.execution.connector``.

Linux: resolv.conf(5), nsswitch.conf(5)
AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html; its certificates are in
/etc/pki/tls.
"""

from collections.abc import Iterator, Mapping
import hashlib
from pathlib import Path
import secrets
import shutil
import threading
from typing import Final

#: Where systems keep the certificates that they trust, in one file: Debian, Red Hat, SUSE.
_TRUSTED: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
)
_COPIED: Final = ("hosts", "ld.so.cache", "localtime", "mime.types", "protocols", "services")
# Folders of links into /usr, and of certificates: shown as they are.
_BOUND: Final = ("/etc/alternatives", "/etc/ssl/certs")
_NAMES: Final = (
    "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n"
)
_RESOLVER: Final = Path("/etc/resolv.conf")


class Etc:
    """Makes folders to show as /etc. Threads may share it.

    Attributes:
        bound: folders of the host's /etc that are to be shown in it, at their own places.
    """

    def __init__(self, folder: Path, users: Mapping[int, int]) -> None:
        """Make them in ``folder``, with the groups of these users."""
        self.bound = [path for path in map(Path, _BOUND) if path.is_dir()]
        self._folder = folder
        self._users = users
        self._lock = threading.Lock()

    def folder(self) -> Path:
        """Return a folder for what this machine's /etc says now."""
        made = self._folder / _fingerprint()
        with self._lock:
            if not made.is_dir():
                draft = self._folder / secrets.token_hex(8)
                self._make(draft)
                draft.rename(made)
        return made

    def _make(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        for path, content in self._contents():
            file = folder / path
            file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            file.write_bytes(content)
            file.chmod(0o644)
        for bound in self.bound:
            (folder / bound.relative_to("/etc")).mkdir(mode=0o755, parents=True, exist_ok=True)
        for made in (folder, *folder.rglob("*")):
            if made.is_dir():
                made.chmod(0o755)

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        users = [
            f"sbx_user{user_id}:x:{user_id}:{group_id}::/tmp:/sbin/nologin\n"
            for user_id, group_id in self._users.items()
        ]
        yield "passwd", _lines("root:x:0:0:root:/root:/sbin/nologin\n", *users)
        groups = [f"sbx_group{group_id}:x:{group_id}:\n" for group_id in self._users.values()]
        yield "group", _lines("root:x:0:\n", *groups)
        yield "nsswitch.conf", _NAMES.encode()
        yield "resolv.conf", _read(_RESOLVER) + b"\noptions use-vc\n"
        for name in _COPIED:
            if content := _read(Path("/etc", name)):
                yield name, content
        trusted = next(filter(None, (_read(Path(path)) for path in _TRUSTED)), b"")
        yield "pki/tls/cert.pem", trusted
        yield "pki/tls/certs/ca-bundle.crt", trusted


def _lines(*lines: str) -> bytes:
    return "".join(lines).encode()


def _fingerprint() -> str:
    """Return what changes when something that is copied does."""
    found = hashlib.sha256()
    for path in (*(Path("/etc", name) for name in _COPIED), _RESOLVER, *map(Path, _TRUSTED)):
        if path.exists():
            stat = path.stat()
            found.update(f"{path}:{stat.st_mtime_ns}:{stat.st_size};".encode())
    return found.hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
