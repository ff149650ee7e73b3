"""``keyturn target``: databases by name, for what asks RDS or Redshift where they are."""

from collections.abc import Iterator, Sequence
import json
from typing import Annotated, Any, Final

import typer

from keyturn import commands
from keyturn.cli.options import DataDirOption, JsonOption
from keyturn.config import DEFAULT_REGION, default_data_dir
from keyturn.model.target import Target, TargetKind
from keyturn.secrets.targets import TargetError

_HELP: Final = "Databases by name, for rotation functions that ask RDS or Redshift where they are."

app: Final = typer.Typer(help=_HELP, no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(help="The target's name, as RDS's identifiers are.")]
KindOption = Annotated[
    TargetKind | None,
    typer.Option(help="Which one, if several kinds have that name.", show_default=False),
]
SecretArgument = Annotated[str, typer.Argument(help="The secret's name or ARN.")]
RegionOption = Annotated[
    str, typer.Option(envvar="KEYTURN_REGION", help="Region that the target is in.")
]
AccountOption = Annotated[
    str | None,
    typer.Option(
        help="Account that the target is in.  [default: the server's first]", show_default=False
    ),
]


@app.command("add")
def add(  # noqa: PLR0913 - a command's options are its parameters
    name: NameArgument,
    *,
    engine: Annotated[str, typer.Option(help="RDS's name for it: postgres, aurora-mysql, ...")],
    host: Annotated[str, typer.Option(help="Host name or IP address.")],
    port: Annotated[int, typer.Option(help="Port.")],
    kind: Annotated[TargetKind, typer.Option(help="What it is.")] = TargetKind.DB_INSTANCE,
    reader_host: Annotated[
        str | None, typer.Option(help="A cluster's reader endpoint.", show_default=False)
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Cluster that it is a member of.", show_default=False)
    ] = None,
    is_writer: Annotated[
        bool, typer.Option("--writer", help="With --cluster: it is its writer.")
    ] = False,
    replica_of: Annotated[
        str | None, typer.Option(help="Instance that it is a read replica of.", show_default=False)
    ] = None,
    is_replacing: Annotated[
        bool, typer.Option("--replace", help="Change it if there is one of that name.")
    ] = False,
    region: RegionOption = DEFAULT_REGION,
    account_id: AccountOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Name a database: rds describe-db-instances and the like then tell of it.

    The server may be running. Nothing is asked of the database, and nothing
    that is kept of it is secret.

    Example: keyturn target add orders --engine postgres --host db.internal --port 5432
    """
    path = data_dir or default_data_dir()
    target = Target(
        account=commands.account_or_first(path, account_id),
        region=region,
        kind=kind,
        name=name.lower(),
        engine=engine,
        host=host,
        port=port,
        reader_host=reader_host,
        cluster=_lowered(cluster),
        is_writer=is_writer,
        replica_of=_lowered(replica_of),
    )
    try:
        commands.add_target(path, target, is_replacing=is_replacing)
    except TargetError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"{target.arn} is at {target.where}.")


@app.command("list")
def list_targets(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the databases that are named, of every account and region."""
    found = commands.named_targets(data_dir or default_data_dir())
    if as_json:
        typer.echo(json.dumps([_document(target) for target in found], indent=2))
    elif found:
        typer.echo("\n".join(_table([_cells(target) for target in found])))
    else:
        typer.echo("No target is named. Name one with: keyturn target add")


@app.command("remove")
def remove(
    name: NameArgument,
    *,
    kind: KindOption = None,
    region: RegionOption = DEFAULT_REGION,
    account_id: AccountOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Forget a database. Secrets that are linked to it keep the link, which leads nowhere."""
    removed = commands.remove_target(
        data_dir or default_data_dir(), name, kind, region=region, account=account_id
    )
    typer.echo(f"{removed.arn} is removed.")


@app.command("link")
def link(
    secret: SecretArgument,
    name: NameArgument,
    *,
    kind: KindOption = None,
    region: RegionOption = DEFAULT_REGION,
    account_id: AccountOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Say which database a secret is for, by the system tag that RDS gives secrets of its own.

    A rotation function then asks RDS for the host, port and engine, which the
    secret's value needn't have. No user can set or remove that tag.

    Example: keyturn target link orders-admin orders
    """
    arn, target = commands.link_secret(
        data_dir or default_data_dir(), secret, name, kind, region=region, account=account_id
    )
    assert target is not None
    typer.echo(f"{arn} is for {target.arn}.")


@app.command("unlink")
def unlink(
    secret: SecretArgument,
    *,
    region: RegionOption = DEFAULT_REGION,
    account_id: AccountOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Take back what `link` said of a secret."""
    arn, _ = commands.link_secret(
        data_dir or default_data_dir(), secret, None, region=region, account=account_id
    )
    typer.echo(f"{arn} is for no target.")


def _lowered(name: str | None) -> str | None:
    # RDS keeps identifiers in small letters, however they are written.
    return None if name is None else name.lower()


def _document(target: Target) -> dict[str, Any]:
    return {
        "Arn": target.arn,
        "Kind": target.kind.value,
        "Name": target.name,
        "Engine": target.engine,
        "Host": target.host,
        "Port": target.port,
        "ReaderHost": target.reader_host,
        "Cluster": target.cluster,
        "Writer": target.is_writer,
        "ReplicaOf": target.replica_of,
    }


def _cells(target: Target) -> Sequence[str]:
    return (
        target.account,
        target.region,
        target.kind.value,
        target.name,
        target.engine,
        target.where,
        _relation(target),
    )


def _relation(target: Target) -> str:
    if target.cluster is not None:
        return f"{'writer' if target.is_writer else 'reader'} of {target.cluster}"
    if target.replica_of is not None:
        return f"replica of {target.replica_of}"
    return "" if target.reader_host is None else f"readers at {target.reader_host}"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        yield "  ".join(cell.ljust(width) for cell, width in cells).rstrip()
