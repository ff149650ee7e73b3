"""``keyturn sandbox``: what functions run in on this machine."""

import json

import typer

from keyturn import commands
from keyturn.cli.options import JsonOption


def sandbox(*, as_json: JsonOption = False) -> None:
    """Try what keeps functions from the rest of this machine, and say whether it works.

    The exit code is 1 when it doesn't: a server then runs functions unconfined, or
    with --sandbox bubblewrap doesn't start. See docs/operate/sandbox.md.
    """
    weakness = commands.sandbox_weakness()
    if as_json:
        typer.echo(json.dumps({"isolated": weakness is None, "reason": weakness}))
    elif weakness is None:
        typer.echo("Functions run in sandboxes of bubblewrap, isolated from this machine.")
    else:
        typer.echo(f"Functions can't be isolated here: {weakness}")
    raise typer.Exit(0 if weakness is None else 1)
