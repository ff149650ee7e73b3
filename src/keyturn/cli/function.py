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
    build_own,
    find_template,
    templates,
)
from keyturn.model.errors import InvalidInputError

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
    _tell(
        template.summary,
        {
            "File": str(path),
            "Engine": template.engine,
            "Strategy": template.strategy,
            **_facts(packed, runtime, architecture),
        },
        as_json=as_json,
    )


@app.command("package-file")
def package_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="A Python file with lambda_handler.", exists=True, dir_okay=False, readable=True
        ),
    ],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="The ZIP to write.", dir_okay=False),
    ] = Path("function.zip"),
    *,
    lock_file: Annotated[
        Path | None,
        typer.Option(
            "--lock",
            help="What else it needs: versions with hashes, as pip-compile --generate-hashes "
            "writes them.",
            show_default=False,
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    runtime: Annotated[
        Runtime, typer.Option(help="Lambda runtime that will run it.")
    ] = Runtime.PYTHON_3_11,
    architecture: Annotated[
        Architecture, typer.Option("--arch", help="Processor that will run it.")
    ] = Architecture.X86_64,
    as_json: JsonOption = False,
) -> None:
    """Make the ZIP of a rotation function of your own.

    The ZIP holds the file, and what it imports of keyturn_rotators: the steps,
    the strategies, the checks. An engine of your own is all that is left to
    write; docs/functions/generic.md has one.

    Example: keyturn function package-file my_engine.py -o my-function.zip
    """
    try:
        packed = build_own(file, lock_file, Platform(runtime=runtime, architecture=architecture))
    except InvalidInputError as error:
        raise typer.BadParameter(str(error)) from None
    _write(output, packed)
    _tell(
        f"{file.name}, packaged.",
        {"File": str(output), **_facts(packed, runtime, architecture)},
        as_json=as_json,
    )


def _facts(packed: bytes, runtime: Runtime, architecture: Architecture) -> dict[str, str | int]:
    return {
        "Runtime": runtime.value,
        "Architecture": architecture.value,
        "Handler": HANDLER,
        "CodeSize": len(packed),
        "CodeSha256": b64encode(hashlib.sha256(packed).digest()).decode(),
    }


def _tell(summary: str, made: dict[str, str | int], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(made, indent=2))
        return
    typer.echo(summary)
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
