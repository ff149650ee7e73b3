"""``keyturn account``: further AWS accounts on one commands."""

from typing import Annotated, Final

import typer

from keyturn import commands
from keyturn.cli.options import DataDirOption
from keyturn.config import default_data_dir

app: Final = typer.Typer(
    help="AWS accounts on this server, each with users, functions and secrets of its own.",
    no_args_is_help=True,
)


@app.callback()
def root() -> None:
    """AWS accounts on this server, each with users, functions and secrets of its own."""


@app.command("create")
def create(
    account_id: Annotated[str, typer.Argument(help="Twelve digits that no other account has.")],
    *,
    data_dir: DataDirOption = None,
) -> None:
    """Make an account with an administrator; `keyturn env --account-id` gives its access key.

    The server may be running. Its first account is made by `keyturn serve`.
    """
    commands.create_account(data_dir or default_data_dir(), account_id)
    typer.echo(f'Made account {account_id}: eval "$(keyturn env --account-id {account_id})"')
