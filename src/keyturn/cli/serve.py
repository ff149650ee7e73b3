"""``keyturn serve``: run the server."""

from pathlib import Path
from typing import Annotated

import typer

from keyturn import app
from keyturn.cli.options import DataDirOption
from keyturn.config import (
    DEFAULT_ACCOUNT,
    DEFAULT_HOST,
    DEFAULT_PORT,
    Settings,
    check_node_client,
    default_data_dir,
    given_administrator_key,
    read_interpreters,
)
from keyturn.functions.execution.isolation import Wanted

HostOption = Annotated[str, typer.Option(envvar="KEYTURN_HOST", help="Address to listen on.")]
PortOption = Annotated[
    int, typer.Option(envvar="KEYTURN_PORT", help="Port to listen on; 0 for any free one.")
]
AccountOption = Annotated[
    str,
    typer.Option(
        envvar="KEYTURN_ACCOUNT_ID",
        help="The AWS account that everything belongs to, fixed at the first start.",
    ),
]
ApiProcessesOption = Annotated[
    int | None,
    typer.Option(
        envvar="KEYTURN_API_PROCESSES",
        help="Processes that answer requests.  [default: one a core]",
        min=1,
        show_default=False,
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        envvar="KEYTURN_REQUESTS_PER_SECOND",
        help="Requests that each user and role may send a second, a second's worth at once.  "
        "[default: no limit]",
        show_default=False,
    ),
]
VirtualClockOption = Annotated[
    bool,
    typer.Option(
        "--virtual-clock",
        envvar="KEYTURN_VIRTUAL_CLOCK",
        help="For tests: make a data directory whose time `keyturn clock advance` moves.",
        show_default=False,
    ),
]
SandboxOption = Annotated[
    Wanted,
    typer.Option(
        envvar="KEYTURN_SANDBOX",
        help="What functions run in: auto takes bubblewrap where it works; bubblewrap refuses to "
        "start where it doesn't (`keyturn sandbox` says why); none isolates nothing.",
    ),
]
InterpreterOption = Annotated[
    list[str] | None,
    typer.Option(
        envvar="KEYTURN_INTERPRETERS",
        metavar="RUNTIME=PATH",
        help="The interpreter of a runtime, where it isn't on the path. May be repeated.",
        show_default=False,
    ),
]
NodeClientOption = Annotated[
    Path | None,
    typer.Option(
        envvar="KEYTURN_NODE_CLIENT",
        metavar="FOLDER",
        help="AWS's runtime client for Node.js, an npm package, where it isn't beside node.",
        show_default=False,
    ),
]


def serve(  # noqa: PLR0913 - a command's options are its parameters
    host: HostOption = DEFAULT_HOST,
    port: PortOption = DEFAULT_PORT,
    data_dir: DataDirOption = None,
    account_id: AccountOption = DEFAULT_ACCOUNT,
    api_processes: ApiProcessesOption = None,
    requests_per_second: RateOption = None,
    *,
    sandbox: SandboxOption = Wanted.AUTO,
    interpreter: InterpreterOption = None,
    node_client: NodeClientOption = None,
    virtual_clock: VirtualClockOption = False,
) -> None:
    """Run the server until it is told to stop (SIGTERM or Ctrl-C).

    The first start makes the data directory, a master key in it, and an administrator with an
    access key; `keyturn env` prints what a client needs. Logs go to standard error.

    KEYTURN_ADMIN_ACCESS_KEY_ID and KEYTURN_ADMIN_SECRET_ACCESS_KEY choose that first access key,
    for automation.
    """
    check_node_client(node_client)
    app.serve(
        Settings(
            host=host,
            port=port,
            data_dir=data_dir or default_data_dir(),
            account=account_id,
            administrator_key=given_administrator_key(),
            api_processes=api_processes,
            requests_per_second=requests_per_second,
            has_virtual_clock=virtual_clock,
            sandbox=sandbox,
            interpreters=read_interpreters(interpreter or []),
            node_client=node_client,
        )
    )
