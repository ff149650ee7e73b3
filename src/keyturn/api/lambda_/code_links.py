"""Links under which a package can be fetched: a function's or a layer version's code.

The rules, which every caller may rely on:

* A link needs no signature, as AWS's presigned ones don't: whoever has it has the code, for
  ``LINK_SECONDS``. It is given to those alone who may see the function or the layer.
* It carries its own permission, sealed: nothing is stored for it, and nobody else can make one.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_FunctionCodeLocation.html
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from keyturn.keys.envelope import DecryptionError
from keyturn.keys.keyring import Keyring
from keyturn.model.clock import Clock, to_epoch_ms
from keyturn.model.http import HttpResponse
from keyturn.store import functions as rows
from keyturn.store.database import Database

LINK_SECONDS: Final = 600
#: What a link's path begins with; the rest is its token.
PATH: Final = "/_keyturn/code/"
_USE: Final = "code link"
#: A token is spelled in base64; a path needs the letters of RFC 4648, section 5.
_TO_PATH: Final = str.maketrans("+/", "-_")
_FROM_PATH: Final = str.maketrans("-_", "+/")
_TEXT: Final = (("content-type", "text/plain; charset=utf-8"),)
_ZIP: Final = (("content-type", "application/zip"), ("cache-control", "no-store"))


class CodeLinks:
    """Makes links, and answers whoever follows one.

    ``endpoint`` tells our URL, which isn't known before the server listens.
    """

    def __init__(
        self, database: Database, keyring: Keyring, clock: Clock, endpoint: Callable[[], str]
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._endpoint = endpoint

    def link_to(self, sha256: str) -> str:
        """Return a link to the package with this hash."""
        until = self._clock.now() + timedelta(seconds=LINK_SECONDS)
        claims = {"use": _USE, "sha256": sha256, "until": to_epoch_ms(until)}
        token = self._keyring.seal_token(claims).translate(_TO_PATH).rstrip("=")
        return f"{self._endpoint()}{PATH}{token}"

    def fetch(self, path: str) -> HttpResponse:
        """Return what is behind the path of a link."""
        sha256 = self._hash_of(path.removeprefix(PATH))
        if sha256 is None:
            return HttpResponse(403, _TEXT, b"the link isn't one of ours, or not valid any more\n")
        with self._database.read() as connection:
            zipped = rows.read_code(connection, sha256)
        if zipped is None:
            return HttpResponse(404, _TEXT, b"the code isn't there any more\n")
        return HttpResponse(200, _ZIP, zipped)

    def _hash_of(self, token: str) -> str | None:
        try:
            padded = token.translate(_FROM_PATH) + "=" * (-len(token) % 4)
            claims = self._keyring.open_token(padded)
        except DecryptionError:
            return None
        # Tokens for other uses are sealed alike.
        if claims.get("use") != _USE or to_epoch_ms(self._clock.now()) > claims["until"]:
            return None
        return str(claims["sha256"])
