"""``keyturn env``: what a shell needs to talk to the server."""

import json
import shlex
from typing import Annotated

import typer

from keyturn import commands
from keyturn.cli.options import DataDirOption
from keyturn.config import DEFAULT_REGION, default_data_dir


def env(
    *,
    data_dir: DataDirOption = None,
    region: Annotated[
        str, typer.Option(envvar="KEYTURN_REGION", help="Region that clients work in.")
    ] = DEFAULT_REGION,
    account_id: Annotated[
        str | None,
        typer.Option(
            help="Account whose administrator one is.  [default: the server's first]",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="A JSON object instead of export lines.")
    ] = False,
) -> None:
    """Print the export lines that point AWS's CLI and SDKs at the server, as its administrator.

    Use it as: eval "$(keyturn env)"

    AWS CLI before 2.13 doesn't read AWS_ENDPOINT_URL: give it --endpoint-url "$AWS_ENDPOINT_URL".
    """
    variables = {
        **commands.administrator_environment(data_dir or default_data_dir(), account_id),
        "AWS_DEFAULT_REGION": region,
        # The SDKs for JavaScript, Go, Java and Rust read no other.
        "AWS_REGION": region,
    }
    if as_json:
        typer.echo(json.dumps(variables))
        return
    # A session token left over from elsewhere would be sent with our key, and refused.
    typer.echo("unset AWS_SESSION_TOKEN")
    for name, value in variables.items():
        typer.echo(f"export {name}={shlex.quote(value)}")
