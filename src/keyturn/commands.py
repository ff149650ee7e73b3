"""What commands do beside a server: on its data directory, whether it runs or not.

Each opens the store by itself, as one more process of the server would. What a command asks for is
checked here as the API would check it; who may run it is whoever may read the data directory.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
import tempfile
from typing import Final

from keyturn.config import check_account
from keyturn.core import Core, open_core
from keyturn.data_dir import DataDir, DataDirError
from keyturn.engine.advance import advance
from keyturn.engine.virtual_clock import Arrival, Journey, VirtualClock
from keyturn.engine.wake import tapper
from keyturn.functions import places
from keyturn.functions.execution.isolation import Wanted
from keyturn.functions.execution.workshop import open_workshop
from keyturn.functions.names import FunctionRef, read_reference
from keyturn.functions.refusals import FunctionNotFoundError
from keyturn.iam import bootstrap
from keyturn.model.clock import SystemClock
from keyturn.model.errors import NotAllowedError
from keyturn.model.function import Function
from keyturn.model.function_place import Place
from keyturn.model.secret import Secret
from keyturn.rotation import history
from keyturn.rotation.history import RotationRecord
from keyturn.rotation.retry import retry
from keyturn.secrets import lookup
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store import function_places
from keyturn.store.database import Connection, Database
from keyturn.store.migrate import require_newest

_LAMBDA: Final = "lambda.amazonaws.com"


def sandbox_weakness() -> str | None:
    """Return why functions can't be isolated on this machine; None when they can."""
    with tempfile.TemporaryDirectory(prefix="keyturn-sandbox-") as folder:
        workshop = open_workshop(Path(folder), Wanted.AUTO)
        workshop.sandboxes.close()
        return workshop.weakness


def virtual_clock(path: Path) -> VirtualClock:
    """Return the clock of a server whose time can be moved, to look at. It may be stopped.

    Raises:
        DataDirError: there is none.
    """
    data_dir = DataDir(path)
    data_dir.require_virtual_clock()
    return VirtualClock(data_dir.clock, SystemClock())


def advance_clock(
    path: Path, by: timedelta, watch: Callable[[Journey, datetime], None]
) -> Arrival:
    """Move the clock of a running server; see ``keyturn.engine.advance``.

    Raises:
        DataDirError: there is no such clock, or no server runs.
        DataDirInUseError: another command is moving it.
        ClockLimitError, ServerGoneError: it can't be moved so far, or wasn't.
    """
    data_dir, clock = DataDir(path), virtual_clock(path)
    data_dir.require_server()
    with data_dir.hold_virtual_clock():
        return advance(
            clock,
            by,
            tap=tapper(data_dir.wake_socket),
            is_served=data_dir.is_served,
            watch=watch,
        )


def rotation_history(
    path: Path, secret_id: str, most: int, *, region: str, account: str | None = None
) -> list[RotationRecord]:
    """Return the latest rotations of a secret; the server may be stopped.

    Args:
        account: None for the server's first account.

    Raises:
        DataDirError: no server has run there, or it has no such secret.
        InvalidNameError: no secret can be called that.
    """
    data_dir = DataDir(path)
    _, first_account = data_dir.description()
    database = Database(data_dir.database)
    with closing(database):
        require_newest(database)
        with database.read() as connection:
            secret = _secret(connection, account or first_account, region, secret_id)
            return history.of_secret(connection, secret, most)


def retry_rotation(path: Path, secret_id: str, *, region: str, account: str | None = None) -> str:
    """Let a secret's rotation go on now, and return its VersionId; see ``keyturn.rotation.retry``.

    Args:
        account: None for the server's first account.

    Raises:
        DataDirError: no server runs there, or it has no such secret.
        InvalidNameError: no secret can be called that.
        NothingToRetryError: there is no rotation that could go on.
    """
    data_dir = DataDir(path)
    data_dir.require_server()
    with _opened(path) as (core, first_account), core.database.write() as connection:
        secret = _secret(connection, account or first_account, region, secret_id)
        token = retry(connection, core.keyring, secret, core.secrets_clock.now())
    tapper(data_dir.wake_socket)()
    return token


def create_account(path: Path, account: str) -> None:
    """Make a further account on a running server, with an administrator.

    Raises:
        SettingError: no account can have that number.
        DataDirError: no server has run there.
        AccountExistsError: there is such an account.
    """
    check_account(account)
    with _opened(path) as (core, _):
        bootstrap.add_account(core.database, core.keyring, core.clock, account)


def administrator_environment(path: Path, account: str | None = None) -> dict[str, str]:
    """Return the variables with which a client is the administrator of a running server.

    Args:
        account: None for the server's first account.

    Raises:
        DataDirError: no server has run there, or its administrator has no access key.
    """
    data_dir = DataDir(path)
    endpoint, first_account = data_dir.description()
    with _opened(path) as (core, _):
        pair = bootstrap.administrator_credentials(
            core.database, core.keyring, account or first_account
        )
    if pair is None:
        raise DataDirError(
            "The account has no administrator whose access key works. Use another user's key, or "
            "make the account with: keyturn account create"
        )
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": pair.access_key_id,
        "AWS_SECRET_ACCESS_KEY": pair.secret_access_key.reveal().decode(),
    }


def place_function(
    path: Path,
    name: str,
    place: Place | None,
    *,
    region: str,
    account: str | None = None,
    role: str | None = None,
) -> str:
    """Say where a function's code runs, and return the function's ARN.

    Args:
        place: None for this machine.
        account: None for the server's first account.
        role: the function is made with this role if it doesn't exist.

    Raises:
        DataDirError: no server has run there; there is no such function, or no such role.
        ParameterError: no function can be called that.
    """
    with _opened(path) as (core, first_account):
        reference = read_reference(name, region=region, account=account or first_account)
        return _placed(core, reference, place, role).arn


def functions_elsewhere(path: Path) -> list[tuple[str, Place]]:
    """Return the functions whose code runs elsewhere, by their ARNs.

    Raises:
        DataDirError: no server has run there.
    """
    with _opened(path) as (core, _), core.database.read() as connection:
        return list(function_places.all_by_function(connection))


def _secret(connection: Connection, account: str, region: str, secret_id: str) -> Secret:
    try:
        return lookup.find(connection, account, region, secret_id)
    except SecretNotFoundError:
        raise DataDirError(
            f"There is no secret {secret_id} in account {account}, region {region}. Name another "
            "with --account-id or --region."
        ) from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Core, str]]:
    data_dir = DataDir(path)
    _, first_account = data_dir.description()
    core = open_core(data_dir)
    with closing(core.database):
        require_newest(core.database)
        yield core, first_account


def _placed(core: Core, reference: FunctionRef, place: Place | None, role: str | None) -> Function:
    if role is not None:
        _require_role(core, role)
    with core.database.write() as connection:
        try:
            return places.put(connection, reference, place)
        except FunctionNotFoundError:
            if role is None or place is None:
                raise _missing(reference) from None
        return _made(core, connection, reference, place, role)


def _made(
    core: Core, connection: Connection, reference: FunctionRef, place: Place, role: str
) -> Function:
    places.make_function(connection, core.keyring, reference, role, core.clock.now())
    return places.put(connection, reference, place)


def _require_role(core: Core, role: str) -> None:
    try:
        core.authority.assumable_by_service(_LAMBDA, role)
    except NotAllowedError:
        raise DataDirError(
            f"The role {role} can't be a function's: there is none, or its trust policy doesn't "
            f"name {_LAMBDA}."
        ) from None


def _missing(reference: FunctionRef) -> DataDirError:
    return DataDirError(
        f"There is no function {reference.name} in account {reference.account}, region "
        f"{reference.region}. Name another with --account-id or --region, or make it with --role."
    )
