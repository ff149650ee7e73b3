"""A throw-away OpenLDAP: Debian's ``slapd``, with one administrator and no entries of its own.

    with OpenldapServer.start(folder) as server, server.administered() as connection:
        connection.add("uid=app,dc=example,dc=org", ["account", "simpleSecurityObject"], {...})

It logs every request but what is in it, and every change with what is in it.
"""

from base64 import b64decode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import re
from typing import Any, Final

from ldap3 import NONE, Connection, Server

from support.certificates import Certificate
from support.database_process import HOST, free_port, listens, running

SUFFIX: Final = "dc=example,dc=org"
ADMIN: Final = f"cn=root,{SUFFIX}"
ADMIN_PASSWORD: Final = "password-of-a-throw-away-server"
_PROGRAM: Final = Path("/usr/sbin/slapd")
_CONFIGURATION: Final = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload auditlog
moduleload ppolicy
{tls}
database mdb
directory {folder}/data
maxsize 10485760
dbnosync
suffix {suffix}
rootdn {admin}
rootpw {password}
{rules}
overlay auditlog
auditlog {folder}/changes.ldif
{more}
"""
#: By which an entry changes its own password.
RULES: Final = (
    "access to attrs=userPassword by self write by anonymous auth",
    "access to * by self read",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenldapServer:
    """A running server.

    Attributes:
        tls_port: of LDAPS; StartTLS is at the other one. Nothing listens without a certificate.
    """

    port: int
    tls_port: int
    folder: Path
    host: str = HOST

    @classmethod
    @contextmanager
    def start(
        cls,
        folder: Path,
        *,
        rules: Sequence[str] = RULES,
        more: str = "",
        certificate: Certificate | None = None,
    ) -> Iterator["OpenldapServer"]:
        """Run a server until the end of the block.

        Args:
            rules: who may do what.
            more: lines of the database's configuration, such as another overlay.
            certificate: the server's, if it is to have TLS.
        """
        server = cls(port=free_port(), tls_port=free_port(), folder=folder)
        (folder / "data").mkdir(mode=0o700, parents=True)
        server._configure(rules, more, certificate)
        where = [f"ldap://{HOST}:{server.port}"]
        if certificate is not None:
            where.append(f"ldaps://{HOST}:{server.tls_port}")
        command: list[str | Path] = [
            _PROGRAM,
            "-d",
            "stats",
            "-f",
            folder / "slapd.conf",
            "-h",
            " ".join(where),
        ]
        with running(command, lambda: listens(server.port), log=folder / "log"):
            with server.administered() as connection:
                assert connection.add(SUFFIX, ["dcObject", "organization"], {"o": "Example"})
            yield server

    @contextmanager
    def administered(self) -> Iterator[Connection]:
        """Log in as whom no rule holds back."""
        with self.connect(ADMIN, ADMIN_PASSWORD) as connection:
            yield connection

    @contextmanager
    def connect(self, dn: str, password: str) -> Iterator[Connection]:
        """Log in; a refused login is in the connection's ``result``."""
        server = Server(self.host, self.port, get_info=NONE)
        # Bytes are sent as they are.
        sent: Any = password.encode()
        connection = Connection(server, dn, sent, check_names=False, raise_exceptions=False)
        connection.bind()
        try:
            yield connection
        finally:
            connection.unbind()

    def accepts(self, dn: str, password: str) -> bool:
        """Return whether somebody can log in."""
        with self.connect(dn, password) as connection:
            return bool(connection.bound)

    def log(self) -> bytes:
        """Return the requests, and the changes with what LDIF hides as base64 in clear as well."""
        changes = (self.folder / "changes.ldif").read_bytes()
        hidden = re.findall(rb":: (\S+(?:\n \S+)*)", changes)
        shown = [b64decode(text.replace(b"\n ", b"")) for text in hidden]
        return b"\n".join([(self.folder / "log").read_bytes(), changes, *shown])

    def _configure(self, rules: Sequence[str], more: str, certificate: Certificate | None) -> None:
        tls = ""
        if certificate is not None:
            tls = (
                f"TLSCertificateFile {certificate.certificate_file}\n"
                f"TLSCertificateKeyFile {certificate.key_file}"
            )
        text = _CONFIGURATION.format(
            folder=self.folder,
            suffix=SUFFIX,
            admin=ADMIN,
            password=ADMIN_PASSWORD,
            rules="\n".join(rules),
            more=more,
            tls=tls,
        )
        (self.folder / "slapd.conf").write_text(text)


def is_installed() -> bool:
    """Return whether Debian's slapd is there."""
    return _PROGRAM.exists()
