"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="KEYTURN_DATA_DIR",
        help="Where everything is kept.  [default: ~/.local/share/keyturn]",
        show_default=False,
        file_okay=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
