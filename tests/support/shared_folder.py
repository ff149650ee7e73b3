"""A folder that a test and its functions share, though a sandbox shows no files of the host.

Functions reach it by the network: ``CLIENT`` is what their source needs, then

    FOLDER.write("target", text); FOLDER.append("steps", line); FOLDER.read(name); FOLDER.has(name)
"""

import json
from pathlib import Path
import socketserver
import threading

from typing_extensions import override

_CLIENT = """
import json, socket

class SharedFolder:
    def write(self, name, text): self._ask(how="w", name=name, text=text)
    def append(self, name, text): self._ask(how="a", name=name, text=text)
    def read(self, name): return self._ask(how="r", name=name)
    def has(self, name): return self._ask(how="", name=name)

    def _ask(self, **request):
        with socket.create_connection({address!r}) as connection:
            file = connection.makefile("rw")
            file.write(json.dumps(request) + "\\n")
            file.flush()
            return json.loads(file.readline())

FOLDER = SharedFolder()
"""


class SharedFolder:
    """Serves a folder to functions, as long as this process lives."""

    def __init__(self, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._server = _Server(path)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def client(self) -> str:
        """What a function's source needs, to have it as ``FOLDER``."""
        return _CLIENT.format(address=self._server.server_address)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.path = path


class _Connection(socketserver.StreamRequestHandler):
    server: _Server

    @override
    def handle(self) -> None:
        line = self.rfile.readline()
        if line:
            answer = self._answered(**json.loads(line))
            self.wfile.write(json.dumps(answer).encode() + b"\n")

    def _answered(self, how: str, name: str, text: str = "") -> str | bool | None:
        file = self.server.path / name
        match how:
            case "":
                return file.exists()
            case "r":
                return file.read_text()
            case _:
                with file.open(how) as opened:
                    opened.write(text)
                return None
