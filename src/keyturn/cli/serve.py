"""``keyturn serve``: run the server."""

from typing import Annotated

import typer

from keyturn import app
from keyturn.cli.options import DataDirOption
from keyturn.config import (
    DEFAULT_ACCOUNT,
    DEFAULT_HOST,
    DEFAULT_PORT,
    Settings,
    default_data_dir,
    given_administrator_key,
)

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


def serve(  # noqa: PLR0913 - a command's options are its parameters
    host: HostOption = DEFAULT_HOST,
    port: PortOption = DEFAULT_PORT,
    data_dir: DataDirOption = None,
    account_id: AccountOption = DEFAULT_ACCOUNT,
    api_processes: ApiProcessesOption = None,
    requests_per_second: RateOption = None,
    *,
    virtual_clock: VirtualClockOption = False,
) -> None:
    """Run the server until it is told to stop (SIGTERM or Ctrl-C).

    The first start makes the data directory, a master key in it, and an administrator with an
    access key; `keyturn env` prints what a client needs. Logs go to standard error.

    KEYTURN_ADMIN_ACCESS_KEY_ID and KEYTURN_ADMIN_SECRET_ACCESS_KEY choose that first access key,
    for automation.
    """
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
        )
    )
