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
from keyturn.model.target import Target, TargetKind
from keyturn.rotation import history
from keyturn.rotation.history import RotationRecord
from keyturn.rotation.retry import retry
from keyturn.secrets import lookup, ownership, targets
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store import function_places, secrets as secret_rows, targets as target_rows
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


def add_target(path: Path, target: Target, *, is_replacing: bool) -> None:
    """Name a database; see ``keyturn.secrets.targets``.

    Raises:
        DataDirError: no server has run there.
        TargetError, TargetExistsError, TargetInUseError, TargetNotFoundError,
            TooManyTargetsError: it can't be named so.
    """
    with _opened(path) as (core, _), core.database.write() as connection:
        targets.add(connection, target, is_replacing=is_replacing)


def remove_target(
    path: Path, name: str, kind: TargetKind | None, *, region: str, account: str | None = None
) -> Target:
    """Forget a database, and return what it was.

    Args:
        kind: None for whichever has the name.
        account: None for the server's first account.

    Raises:
        DataDirError: no server has run there.
        TargetNotFoundError, AmbiguousTargetError, TargetInUseError: it can't be removed.
    """
    with _opened(path) as (core, first_account), core.database.write() as connection:
        target = targets.find(connection, account or first_account, region, name, kind)
        targets.remove(connection, target)
    return target


def named_targets(path: Path) -> list[Target]:
    """Return all databases that are named, of every account and region.

    Raises:
        DataDirError: no server has run there.
    """
    with _opened(path) as (core, _), core.database.read() as connection:
        return target_rows.everywhere(connection)


def link_secret(
    path: Path,
    secret_id: str,
    name: str | None,
    kind: TargetKind | None = None,
    *,
    region: str,
    account: str | None = None,
) -> tuple[str, Target | None]:
    """Say which database a secret is for, by its system tag; return the secret's ARN, and it.

    Args:
        name: the target's; None for no target.
        kind: None for whichever has the name.
        account: None for the server's first account.

    Raises:
        DataDirError: no server has run there, it has no such secret, or that one is a replica.
        InvalidNameError: no secret can be called that.
        TargetNotFoundError, AmbiguousTargetError: there is no such target, or more than one.
    """
    with _opened(path) as (core, first_account), core.database.write() as connection:
        secret = _secret(connection, account or first_account, region, secret_id)
        _require_own_tags(secret)
        target = None
        if name is not None:
            target = targets.find(connection, secret.account, region, name, kind)
        tags = targets.linked(secret.tags, target)
        if tags != secret.tags:
            now = core.secrets_clock.now()
            secret_rows.save(connection, secret.id, tags=tags, last_changed_at=now)
    return secret.arn, target


def account_or_first(path: Path, account: str | None) -> str:
    """Return an account's number, or that of the server's first account.

    Raises:
        DataDirError: no server has run there.
        SettingError: no account can have that number.
    """
    if account is None:
        return DataDir(path).description()[1]
    check_account(account)
    return account


def _require_own_tags(secret: Secret) -> None:
    try:
        ownership.require_own_metadata(secret)
    except ownership.OnReplicaError:
        raise DataDirError(
            f"{secret.arn} is a replica, whose tags are its primary's: name that one."
        ) from None


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
