"""Which CAs may vouch for a database.

The secret's own ``caCertificate`` comes first, then the function's TLS_CA_FILE, then the system's.
There is no connection without one that was asked for: what is missing is an error.
"""

from functools import cache
import os
from pathlib import Path
import ssl
import tempfile
from typing import Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import EncryptionError

# Lambda's (Amazon Linux), then Debian's.
_SYSTEM_CA_FILES: Final = ("/etc/pki/tls/cert.pem", "/etc/ssl/certs/ca-certificates.crt")


def context(credential: Credential, configured: str | None) -> ssl.SSLContext:
    """Return what verifies the server's name and certificate.

    Args:
        configured: the function's file of CAs, if it has one of its own.

    Raises:
        EncryptionError: the CAs can't be read.
    """
    try:
        return ssl.create_default_context(cafile=ca_file(credential, configured))
    except ssl.SSLError as error:
        raise EncryptionError(
            credential.where, f"the CA file is unusable: {error.reason}"
        ) from None


def ca_file(credential: Credential, configured: str | None) -> str:
    """Return the file of the CAs that may vouch for the server, for drivers that want a file.

    Raises:
        EncryptionError: there is none.
    """
    if credential.ca_certificate is not None:
        return _written(credential.ca_certificate)
    candidates = (configured,) if configured else _SYSTEM_CA_FILES
    for path in candidates:
        if Path(path).is_file():
            return path
    raise EncryptionError(credential.where, f"no CA file at {' or '.join(candidates)}")


@cache
def _written(pem: str) -> str:
    """Return a file with this text, of this process alone: nobody else could have made it."""
    descriptor, path = tempfile.mkstemp(prefix="keyturn-ca-", suffix=".pem")
    with os.fdopen(descriptor, "w") as file:
        file.write(pem)
    return path
