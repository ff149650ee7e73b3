"""redis-py's connection, with the CAs of the secret and no others. Imported late, with the driver.

The driver's own TLS adds the CAs that it is given to the system's, of which any may then vouch.
"""

import socket
import ssl
from typing import Any, Final

from redis.connection import Connection

from keyturn_rotators.errors import EncryptionError

#: Nothing is said to the server by the driver itself.
SETTINGS: Final = {
    "protocol": 2,
    "driver_info": None,
    # A key is bytes, of whatever encoding; it is given as it was found.
    "decode_responses": True,
    "encoding_errors": "surrogateescape",
}


class TlsConnection(Connection):
    """A connection that has a verified server at its other end."""

    def __init__(self, context: ssl.SSLContext, **settings: Any) -> None:  # noqa: ANN401
        super().__init__(**settings)  # type: ignore[no-untyped-call]
        self._context = context

    def _connect(self) -> socket.socket:
        plain: socket.socket = super()._connect()  # type: ignore[no-untyped-call]
        try:
            plain.settimeout(self.socket_connect_timeout)
            wrapped = self._context.wrap_socket(plain, server_hostname=self.host)
        except TimeoutError:
            said = "no answer to the beginning of TLS"
        except ssl.SSLError as error:
            said = getattr(error, "verify_message", "") or error.reason or str(error)
        else:
            wrapped.settimeout(self.socket_timeout)
            return wrapped
        finally:
            # What was wrapped has the connection now, and this object has none.
            plain.close()
        raise EncryptionError(f"{self.host}:{self.port}", said)
