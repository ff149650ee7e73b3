"""One API process: uvicorn on the socket that the supervisor bound."""

import socket
from typing import Final

import uvicorn

from keyturn.model.errors import ServiceError
from keyturn.server.asgi import Application

_KEEP_ALIVE_SECONDS: Final = 75
_GRACEFUL_SECONDS: Final = 15
_BACKLOG: Final = 2048


class ListenError(ServiceError):
    """The address can't be listened on; the message says why and what to do."""


def serve(application: Application, listening: socket.socket) -> None:
    """Serve until SIGTERM; requests under way are answered first."""
    config = uvicorn.Config(
        application,
        loop="uvloop",
        http="httptools",
        ws="none",
        interface="asgi3",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACEFUL_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 takes any free one.

    Raises:
        ListenError: the address is in use, or isn't one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise ListenError(
            f"Can't listen on {host}, port {port}: {error.strerror}. Choose others with --host "
            "and --port."
        ) from error
    listening.set_inheritable(True)
    return listening
