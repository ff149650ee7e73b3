"""Settings. This is the only reader of the environment; the command line passes the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
import os
from pathlib import Path
from typing import Final

from keyturn.api.request_rate import REQUESTS_PER_SECOND_MAX, REQUESTS_PER_SECOND_MIN
from keyturn.functions.execution.isolation import Wanted
from keyturn.functions.runtimes import CLIENT, CLIENT_MODULE, CLIENT_VERSION, RUNTIMES
from keyturn.model.errors import InvalidInputError
from keyturn.model.plaintext import Plaintext

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8585
# AWS's documentation writes its examples with this account: as they stand, they work here.
DEFAULT_ACCOUNT: Final = "123456789012"
DEFAULT_REGION: Final = "us-east-1"
_ACCOUNT_DIGITS: Final = 12
_PORT_MAX: Final = 65_535


class SettingError(InvalidInputError):
    """A setting can't be used; the message says which and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenKey:
    """An administrator's access key that was chosen outside, for automation."""

    access_key_id: str
    secret_access_key: Plaintext


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a server needs to know to start."""

    host: str
    port: int
    data_dir: Path
    account: str
    administrator_key: GivenKey | None = None
    api_processes: int | None = None
    requests_per_second: float | None = None
    has_virtual_clock: bool = False
    sandbox: Wanted = Wanted.AUTO
    interpreters: Mapping[str, Path] = field(default_factory=dict)
    node_client: Path | None = None


def default_data_dir() -> Path:
    """Return where data is kept unless somebody says otherwise.

    XDG Base Directory Specification: https://specifications.freedesktop.org/basedir-spec/
    """
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "keyturn"


def given_administrator_key(environment: Mapping[str, str] | None = None) -> GivenKey | None:
    """Return the first administrator's access key if the environment chooses one.

    Raises:
        SettingError: only one half of it is given.
    """
    variables = os.environ if environment is None else environment
    key_id = variables.get("KEYTURN_ADMIN_ACCESS_KEY_ID")
    secret = variables.get("KEYTURN_ADMIN_SECRET_ACCESS_KEY")
    if not key_id and not secret:
        return None
    if not key_id or not secret:
        raise SettingError(
            "KEYTURN_ADMIN_ACCESS_KEY_ID and KEYTURN_ADMIN_SECRET_ACCESS_KEY go together: set "
            "both, or neither to have a key made."
        )
    return GivenKey(access_key_id=key_id, secret_access_key=Plaintext(secret.encode()))


def check(settings: Settings) -> None:
    """Refuse settings that can't work.

    Raises:
        SettingError: one of them can't.
    """
    check_account(settings.account)
    if not 0 <= settings.port <= _PORT_MAX:
        raise SettingError(f"The port must be between 0 and {_PORT_MAX}.")
    _check_rate(settings.requests_per_second)


def check_account(account: str) -> None:
    """Refuse a number that no account can have.

    Raises:
        SettingError: it is one.
    """
    if len(account) != _ACCOUNT_DIGITS or not (account.isascii() and account.isdigit()):
        raise SettingError(f"The account id must have {_ACCOUNT_DIGITS} digits.")


def read_interpreters(named: Sequence[str]) -> dict[str, Path]:
    """Return interpreters by their runtimes, from words such as ``python3.12=/opt/py/bin/python``.

    Raises:
        SettingError: one names no runtime, or no file.
    """
    interpreters = {}
    for word in named:
        runtime, _, path = word.partition("=")
        if runtime not in RUNTIMES or not Path(path).is_file():
            raise SettingError(
                f"--interpreter {word} doesn't name an interpreter: write RUNTIME=PATH, with one "
                f"of {', '.join(RUNTIMES)} and the path of a program."
            )
        interpreters[runtime] = Path(path)
    return interpreters


def check_node_client(folder: Path | None) -> None:
    """Refuse a folder that isn't AWS's runtime client for Node.js.

    Raises:
        SettingError: it is something else.
    """
    if folder is not None and not (folder / CLIENT_MODULE).is_file():
        raise SettingError(
            f"--node-client {folder} isn't the folder of {CLIENT}, version {CLIENT_VERSION}: it "
            f"has no {CLIENT_MODULE}."
        )


def _check_rate(requests_per_second: float | None) -> None:
    if requests_per_second is None:
        return
    # What is not a number fails every comparison, and so this one.
    if not REQUESTS_PER_SECOND_MIN <= requests_per_second <= REQUESTS_PER_SECOND_MAX:
        raise SettingError(
            f"The requests per second must be a number from {REQUESTS_PER_SECOND_MIN} to "
            f"{REQUESTS_PER_SECOND_MAX}; without the setting there is no limit."
        )


def tell_starter(endpoint: str) -> None:
    """Write our URL to the pipe that whoever started us may have left open for it.

    ``KEYTURN_READY_FD`` names its descriptor; a program then needs neither to poll nor to wait.
    """
    descriptor = os.environ.get("KEYTURN_READY_FD", "")
    if descriptor.isdecimal():
        with os.fdopen(int(descriptor), "w") as pipe:
            pipe.write(endpoint + "\n")
