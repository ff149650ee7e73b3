"""``keyturn``: the root of the command line.

Exit codes: 0 done, 1 it failed (standard error says why and what to do), 2 the command was wrong.
"""

import sys
from typing import Annotated

import typer

from keyturn import __version__
from keyturn.cli import account, clock, environment, function, rotation, sandbox, serve, target
from keyturn.model.errors import ServiceError

app = typer.Typer(
    name="keyturn",
    help="A secrets manager that speaks AWS's API and rotates credentials for real.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)
app.command("serve")(serve.serve)
app.command("env")(environment.env)
app.command("sandbox")(sandbox.sandbox)
app.add_typer(account.app, name="account")
app.add_typer(function.app, name="function")
app.add_typer(rotation.app, name="rotation")
app.add_typer(target.app, name="target")
app.add_typer(clock.app, name="clock")


def _show_version(is_wanted: bool) -> None:  # noqa: FBT001 - Typer passes the option's value
    if is_wanted:
        typer.echo(f"keyturn {__version__}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", is_eager=True, callback=_show_version
        ),
    ] = False,
) -> None:
    """A secrets manager that speaks AWS's API and rotates credentials for real."""


def main() -> None:
    """Run the command line."""
    try:
        app()
    except ServiceError as error:
        typer.echo(f"keyturn: {error}", err=True)
        sys.exit(1)
