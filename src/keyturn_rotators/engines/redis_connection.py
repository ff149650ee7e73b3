"""What a login to Redis has in common, whoever's it is: commands, changes that last, refusals."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
import hashlib
import re
import ssl
from typing import TYPE_CHECKING, Any, Final

from keyturn_rotators.credential import Credential
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingRightError,
    NotSavedError,
    StatementFailedError,
    TargetError,
    UnreachableError,
    without_values,
)
from keyturn_rotators.tls import context

if TYPE_CHECKING:
    from redis.connection import Connection
    from redis.exceptions import RedisError

#: For an address to take the connection, and again for TLS to begin: a server that has none says
#: nothing to it.
CONNECT_SECONDS: Final = 3
ANSWER_SECONDS: Final = 10
_ADVICE: Final = (
    "Allow it +acl|setuser and +acl|save, without an aclfile +config|rewrite too; or name such an "
    'administrator\'s secret in the secret as "masterarn".'
)
_NO_CERTIFICATE: Final = (
    "The server may want a certificate of its clients (tls-auth-clients), and this has none"
)
_Command = tuple[str, ...]
_Failure = Callable[[str, str], TargetError]
_SAVE_ACL_FILE: Final[_Command] = ("ACL", "SAVE")
_SAVE_CONFIGURATION: Final[_Command] = ("CONFIG", "REWRITE")
# Redis and Valkey say so in these words (acl.c, config.c).
_NO_ACL_FILE: Final = "not configured to use an ACL file"

_HASH: Final = re.compile("#[0-9a-f]+")


class RedisConnection:
    """A connection, and the login that it was made with."""

    def __init__(
        self, connection: "Connection", credential: Credential, *, persists: bool
    ) -> None:
        self._connection = connection
        self._credential = credential
        self._persists = persists

    def _change(self, username: str, *rules: str) -> None:
        """Change a user, in memory and on disk.

        The two commands are sent in one go: if this process dies, the server does both or none.
        It is tried first whether it can save at all, so that nothing is changed that can't last.
        """
        save = self._way_to_save() if self._persists else ()
        self._send(("ACL", "SETUSER", username, *rules), *save)
        self._answer()
        for _ in save:
            self._answer(NotSavedError)

    def _way_to_save(self) -> Sequence[_Command]:
        """Save the users as they are; return the command that does."""
        try:
            self._send(_SAVE_ACL_FILE)
            self._answer(NotSavedError)
        except NotSavedError as failure:
            # With an aclfile, CONFIG REWRITE leaves the users out.
            if _NO_ACL_FILE not in str(failure):
                raise
        else:
            return [_SAVE_ACL_FILE]
        self._send(_SAVE_CONFIGURATION)
        self._answer(NotSavedError)
        return [_SAVE_CONFIGURATION]

    def _run(self, *command: str) -> Any:  # noqa: ANN401 - a server's answer
        self._send(command)
        return self._answer()

    def _send(self, *commands: _Command) -> None:
        with self._refusals():
            packed = b"".join(self._connection.pack_commands(commands))
            self._connection.send_packed_command([packed], check_health=False)

    def _answer(self, failure: _Failure = StatementFailedError) -> Any:  # noqa: ANN401 - a server's
        with self._refusals(failure):
            return self._connection.read_response()

    @contextmanager
    def _refusals(self, failure: _Failure = StatementFailedError) -> Iterator[None]:
        from redis.exceptions import RedisError

        try:
            yield
        except RedisError as error:
            # A refused rule is quoted in the cause's text.
            raise _statement_error(error, self._credential, failure) from None


def hash_of(password: str) -> str:
    """Return what the server keeps of a password, as ACL SETUSER takes it."""
    return "#" + hashlib.sha256(password.encode()).hexdigest()


@contextmanager
def connected(credential: Credential, ca_file: str | None) -> Iterator["Connection"]:
    """Yield a connection, with nothing said on it yet.

    Raises:
        UnreachableError: nobody answers.
        EncryptionError: not with TLS that is to be trusted.
    """
    # The driver takes longest to load, and two of the four steps do without it.
    from redis.connection import Connection
    from redis.exceptions import RedisError

    from keyturn_rotators.engines.redis_driver import SETTINGS, TlsConnection

    settings: dict[str, Any] = {
        **SETTINGS,
        "host": credential.host,
        "port": credential.port,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_timeout": ANSWER_SECONDS,
    }
    if credential.ssl is False:
        connection = Connection(**settings)
    else:
        connection = TlsConnection(context(credential, ca_file), **settings)
    try:
        connection.connect()
    except RedisError as error:
        raise UnreachableError(credential.where, without_values(str(error))) from None
    try:
        yield connection
    finally:
        connection.disconnect()


def log_in(connection: "Connection", credential: Credential) -> Mapping[str, str]:
    """Log in; return what the server says of itself.

    HELLO does it in one command, and is refused to no user.

    Raises:
        LoginRefusedError: the server answers, and doesn't let the user in.
        UnreachableError, EncryptionError: see ``connected``.
    """
    from redis.exceptions import RedisError

    login = ("AUTH", credential.username, credential.password)
    try:
        connection.send_command("HELLO", 2, *login, check_health=False)
        said = connection.read_response()
    except RedisError as error:
        raise _login_error(error, credential) from None
    return dict(zip(said[::2], said[1::2], strict=True))


def _login_error(error: "RedisError", credential: Credential) -> TargetError:
    from redis.exceptions import AuthenticationError, ResponseError

    said = without_values(str(error), credential.password)
    if isinstance(error, AuthenticationError | ResponseError):
        return LoginRefusedError(credential.where, credential.stage, said)
    broken = isinstance(error.__context__, ssl.SSLError | ConnectionError)
    if broken and credential.ssl is not False:
        # Under TLS 1.3 a server refuses a client without a certificate only now.
        return EncryptionError(credential.where, f"{said}. {_NO_CERTIFICATE}")
    return UnreachableError(credential.where, said)


def _statement_error(
    error: "RedisError", credential: Credential, failure: _Failure
) -> TargetError:
    from redis.exceptions import NoPermissionError, ResponseError

    said = _HASH.sub("#***", without_values(str(error), credential.password))
    if isinstance(error, NoPermissionError):
        return MissingRightError(credential.where, said, _ADVICE)
    if isinstance(error, ResponseError):
        return failure(credential.where, said)
    return ConnectionLostError(credential.where, said)
