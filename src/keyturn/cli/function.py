"""``keyturn function``: rotation functions, ready for Lambda, and where functions run."""

from base64 import b64encode
import hashlib
import json
from pathlib import Path
from typing import Annotated, Final

import typer

from keyturn.cli import deploy, place
from keyturn.functions.distributions import Architecture, Platform, Runtime
from keyturn.functions.packaging import (
    HANDLER,
    Template,
    UnknownTemplateError,
    build,
    find_template,
    templates,
)

app: Final = typer.Typer(
    help="Rotation functions, packaged for Keyturn and for AWS Lambda; where functions run.",
    no_args_is_help=True,
)
app.command("deploy")(deploy.deploy_function)
app.command("place")(place.place)
app.command("places")(place.list_places)

JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]


@app.command("list-templates")
def list_templates(*, as_json: JsonOption = False) -> None:
    """List the rotation functions that `package` makes."""
    known = templates()
    if as_json:
        rows = [
            {"Engine": one.engine, "Strategy": one.strategy, "Description": one.summary}
            for one in known
        ]
        typer.echo(json.dumps(rows, indent=2))
        return
    for one in known:
        typer.echo(f"{one.engine} {one.strategy}  {one.summary}")


@app.command("package")
def package(
    engine: Annotated[str, typer.Argument(help="What the credential is for, such as postgres.")],
    strategy: Annotated[str, typer.Argument(help="How it is changed, such as single-user.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The ZIP to write, instead of ENGINE-STRATEGY.zip.",
            show_default=False,
            dir_okay=False,
        ),
    ] = None,
    *,
    runtime: Annotated[
        Runtime, typer.Option(help="Lambda runtime that will run it.")
    ] = Runtime.PYTHON_3_11,
    architecture: Annotated[
        Architecture, typer.Option("--arch", help="Processor that will run it.")
    ] = Architecture.X86_64,
    as_json: JsonOption = False,
) -> None:
    """Make a rotation function's ZIP, as `aws lambda create-function` takes it.

    The ZIP holds the function and its database driver. The same command makes
    the same bytes: Lambda's CodeSha256 tells whether a function is up to date.

    The driver is taken from this installation where RUNTIME is its Python,
    and downloaded otherwise.

    Example: keyturn function package postgres single-user -o my-function.zip
    """
    template = _template(engine, strategy)
    packed = build(template, Platform(runtime=runtime, architecture=architecture))
    path = output or Path(f"{engine}-{strategy}.zip")
    _write(path, packed)
    made = {
        "File": str(path),
        "Engine": template.engine,
        "Strategy": template.strategy,
        "Runtime": runtime.value,
        "Architecture": architecture.value,
        "Handler": HANDLER,
        "CodeSize": len(packed),
        "CodeSha256": b64encode(hashlib.sha256(packed).digest()).decode(),
    }
    if as_json:
        typer.echo(json.dumps(made, indent=2))
        return
    typer.echo(template.summary)
    for name, value in made.items():
        typer.echo(f"  {name:<13}{value}")


def _template(engine: str, strategy: str) -> Template:
    try:
        return find_template(engine, strategy)
    except UnknownTemplateError as error:
        raise typer.BadParameter(str(error)) from None


def _write(path: Path, packed: bytes) -> None:
    try:
        path.write_bytes(packed)
    except OSError as error:
        typer.echo(f"keyturn: can't write {path}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
