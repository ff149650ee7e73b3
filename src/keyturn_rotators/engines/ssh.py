"""SSH keys of a user, with asyncssh: two lines of ``~/.ssh/authorized_keys``.

* The server is known by the secret's ``hostKey``, which no secret may leave out: there is no trust
  at first sight, and a server with another key is sent nothing.
* A private key is made here, and never sent: the server gets its other half.
* The file is changed by the user itself, over SFTP: written beside, synced, and renamed over the
  old one, so that at every moment it is one or the other. Nothing has to be allowed but SFTP.
* A login counts only if the server asked for the key.

SSH: RFC 4252; SFTP: draft-ietf-secsh-filexfer-02, with posix-rename@openssh.com and
fsync@openssh.com: https://github.com/openssh/openssh-portable/blob/master/PROTOCOL
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final, TypeVar

from keyturn_rotators.credential import Credential, Defaults
from keyturn_rotators.engines.ssh_keys import make_private_key, public_key, with_two_keys
from keyturn_rotators.errors import (
    ConnectionLostError,
    EncryptionError,
    LoginRefusedError,
    MissingKeyError,
    MissingRightError,
    PasswordNotAskedError,
    SecretValueError,
    StatementFailedError,
    TargetError,
    UnreachableError,
    without_values,
)

if TYPE_CHECKING:
    import asyncssh

    from keyturn_rotators.target import DualAdministration

_Answer = TypeVar("_Answer")

CONNECT_SECONDS: Final = 5
LOGIN_SECONDS: Final = 8
ANSWER_SECONDS: Final = 10
#: A file of some thousand keys.
FILE_BYTES_MAX: Final = 1 << 20
_HOST_KEY: Final = "hostKey"
_FILE: Final = ".ssh/authorized_keys"
_MODE_BITS: Final = 0o7777
_DEFAULTS: Final = Defaults(
    engines=frozenset({"ssh"}),
    port=22,
    password_key="privateKey",  # noqa: S106 - a key's name
    make_password=make_private_key,
    own_keys=(_HOST_KEY,),
)
_ADVICE: Final = (
    "The user itself changes its file, which must be ~/.ssh/authorized_keys and its own to write; "
    "there are no administrators of SSH keys."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """A server that takes a user's keys from ``~/.ssh/authorized_keys``, such as OpenSSH's."""

    @property
    def defaults(self) -> Defaults:
        return _DEFAULTS

    @contextmanager
    def login(self, credential: Credential) -> Iterator["SshSession"]:
        """Log in, and out at the end; see ``target.DualEngine``."""
        with asyncio.Runner() as runner:
            connection = runner.run(_connected(credential))
            try:
                yield SshSession(runner, connection, credential)
            finally:
                connection.abort()
                runner.run(connection.wait_closed())

    def administer(
        self, admin: Credential, _current: Credential
    ) -> "AbstractContextManager[DualAdministration]":
        """Say that there are no administrators.

        Raises:
            MissingRightError: always.
        """
        raise MissingRightError(admin.where, "only the user itself can do it", _ADVICE)


class SshSession:
    """A user's login; see ``target.DualSession``."""

    def __init__(
        self,
        runner: asyncio.Runner,
        connection: "asyncssh.SSHClientConnection",
        credential: Credential,
    ) -> None:
        self._runner = runner
        self._connection = connection
        self._credential = credential

    def probe(self) -> None:
        """Ask for the home directory: also a user that may do nothing but SFTP can."""
        self._run(self._probe())

    def keep_two_passwords(self, kept: str, fresh: str) -> None:
        """Let these two keys in, with the same options; see ``target.DualSession``."""
        self._run(self._keep_two(public_key(kept), public_key(fresh)))

    def _run(self, act: Coroutine[Any, Any, _Answer]) -> _Answer:
        import asyncssh

        where = self._credential.where
        try:
            return self._runner.run(asyncio.wait_for(act, ANSWER_SECONDS))
        except asyncssh.SFTPPermissionDenied as error:
            raise MissingRightError(where, _said(error), _ADVICE) from None
        except (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection) as error:
            raise ConnectionLostError(where, _said(error)) from None
        except (asyncssh.SFTPError, asyncssh.ChannelOpenError) as error:
            raise StatementFailedError(where, f"SFTP: {_said(error)}") from None
        except TimeoutError:
            raise ConnectionLostError(where, f"no answer within {ANSWER_SECONDS} s") from None
        except (asyncssh.Error, OSError) as error:
            raise ConnectionLostError(where, _said(error)) from None

    async def _probe(self) -> None:
        async with self._connection.start_sftp_client() as sftp:
            await sftp.realpath(".")

    async def _keep_two(self, kept: bytes, fresh: bytes) -> None:
        async with self._connection.start_sftp_client() as sftp:
            # Renamed over, a link would no longer be one.
            path = await sftp.realpath(_FILE)
            assert isinstance(path, str)
            async with sftp.open(path, "rb", encoding=None) as file:
                # Its type is of files that are opened as text.
                text: Any = await file.read(FILE_BYTES_MAX + 1)
                mode = (await file.stat()).permissions
            await _replace(sftp, path, mode, self._changed(text, kept, fresh))

    def _changed(self, text: bytes, kept: bytes, fresh: bytes) -> bytes:
        where = self._credential.where
        if len(text) > FILE_BYTES_MAX:
            raise StatementFailedError(where, f"{_FILE} is longer than {FILE_BYTES_MAX} bytes")
        changed = with_two_keys(text, kept, fresh)
        if changed is None:
            said = f"the key that logs in isn't in {_FILE}: the server has it from elsewhere"
            raise MissingRightError(where, said, _ADVICE)
        return changed


async def _replace(sftp: "asyncssh.SFTPClient", path: str, mode: int | None, text: bytes) -> None:
    """Put a file in the place of another at once, so that a crash leaves one of the two."""
    import asyncssh

    beside = f"{path}.keyturn-{token_hex(4)}"
    attributes = asyncssh.SFTPAttrs(permissions=0o600)
    try:
        async with sftp.open(beside, "xb", attributes, encoding=None) as file:
            await file.write(text)
            await file.chmod((mode or 0o600) & _MODE_BITS)
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()
        await sftp.posix_rename(beside, path)
    except asyncssh.SFTPError:
        with suppress(asyncssh.SFTPError):
            await sftp.remove(beside)
        raise


async def _connected(credential: Credential) -> "asyncssh.SSHClientConnection":
    import asyncssh

    where = credential.where
    trusted = _host_keys(credential)
    try:
        connection = await asyncssh.connect(
            credential.host,
            credential.port,
            username=credential.username,
            client_keys=[_private_key(credential)],
            known_hosts=(trusted, [], []),
            server_host_key_algs=_algorithms(trusted),
            preferred_auth=["publickey"],
            disable_trivial_auth=True,
            # Nothing of the machine's: no files of the user's, no agent.
            config=None,
            agent_path=None,
            client_certs=(),
            connect_timeout=CONNECT_SECONDS,
            login_timeout=LOGIN_SECONDS,
        )
    except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed) as error:
        said = f"the server's key isn't the secret's {_HOST_KEY}: {_said(error)}"
        raise EncryptionError(where, said) from None
    except asyncssh.PermissionDenied as error:
        raise _refused(credential, error) from None
    except (asyncssh.Error, OSError) as error:
        raise UnreachableError(where, _said(error)) from None
    return connection


def _refused(credential: Credential, error: "asyncssh.PermissionDenied") -> TargetError:
    if "trivial" in str(error).lower():
        return PasswordNotAskedError(credential.where)
    return LoginRefusedError(credential.where, credential.stage, _said(error))


def _private_key(credential: Credential) -> "asyncssh.SSHKey":
    import asyncssh

    # Says more clearly what is wrong with it, and shows nothing of it.
    public_key(credential.password)
    return asyncssh.import_private_key(credential.password)


def _host_keys(credential: Credential) -> "list[asyncssh.SSHKey]":
    import asyncssh

    text = credential.own.get(_HOST_KEY)
    if not text:
        raise MissingKeyError(_HOST_KEY, needed=(*_DEFAULTS.needed, _HOST_KEY))
    try:
        return [asyncssh.import_public_key(line) for line in str(text).splitlines() if line]
    except asyncssh.KeyImportError:
        raise SecretValueError(
            f'The secret\'s "{_HOST_KEY}" must be public keys, a line each, such as those of '
            "/etc/ssh/ssh_host_ed25519_key.pub. Correct it with: aws secretsmanager "
            "put-secret-value."
        ) from None


def _algorithms(keys: "list[asyncssh.SSHKey]") -> list[str]:
    """Return what a server is to sign with, so that it shows one of these of its keys."""
    return list(dict.fromkeys(name.decode() for key in keys for name in key.sig_algorithms))


def _said(error: Exception) -> str:
    return without_values(str(error) or type(error).__name__)
