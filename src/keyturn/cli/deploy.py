"""``keyturn function deploy``: a rotation function, packaged and put where it runs."""

import json
import threading
from typing import Annotated, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
import typer

from keyturn.cli.options import JsonOption
from keyturn.functions.deployment import Deployed, RoleNeededError, Wanted, deploy
from keyturn.functions.distributions import Architecture, Platform, Runtime
from keyturn.functions.packaging import Template, UnknownTemplateError, build, find_template

_UPLOAD_SECONDS: Final = 120


def deploy_function(  # noqa: PLR0913 - a command's options are its parameters
    engine: Annotated[str, typer.Argument(help="What the credential is for, such as postgres.")],
    strategy: Annotated[str, typer.Argument(help="How it is changed, such as single-user.")],
    name: Annotated[str, typer.Argument(help="The function's name.")],
    *,
    role: Annotated[
        str | None,
        typer.Option(
            help="ARN of its execution role. Needed to make the function.", show_default=False
        ),
    ] = None,
    runtime: Annotated[
        Runtime, typer.Option(help="Lambda runtime that runs it.")
    ] = Runtime.PYTHON_3_11,
    architecture: Annotated[
        Architecture, typer.Option("--arch", help="Processor that runs it.")
    ] = Architecture.X86_64,
    timeout: Annotated[
        int | None,
        typer.Option(help="Seconds that a step may take.  [default: 30]", show_default=False),
    ] = None,
    memory: Annotated[
        int | None, typer.Option(help="MiB of memory.  [default: 256]", show_default=False)
    ] = None,
    variables: Annotated[
        list[str] | None,
        typer.Option(
            "--variable",
            help="NAME=VALUE of its environment; may be repeated. Others stay.",
            show_default=False,
        ),
    ] = None,
    subnets: Annotated[
        list[str] | None,
        typer.Option("--subnet", help="Subnet that it runs in; may be repeated."),
    ] = None,
    security_groups: Annotated[
        list[str] | None,
        typer.Option("--security-group", help="Security group of it; may be repeated."),
    ] = None,
    profile: Annotated[
        str | None, typer.Option(help="Profile of AWS's configuration.", show_default=False)
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(help="Region.  [default: AWS's configuration's]", show_default=False),
    ] = None,
    endpoint_url: Annotated[
        str | None,
        typer.Option(
            help="Who speaks Lambda's API.  [default: AWS_ENDPOINT_URL, or AWS]",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Package a rotation function, and make it or bring it up to date.

    It goes where AWS's own tools would send it: to Keyturn with the variables
    that `keyturn env` prints, to AWS without. Secrets Manager is allowed to
    invoke it. What is as it should be is left alone: repeat it at will.

    Example: keyturn function deploy postgres single-user MyRotator --role arn:aws:iam::...
    """
    template = _template(engine, strategy)
    wanted = Wanted(
        name=name,
        zipped=build(template, Platform(runtime=runtime, architecture=architecture)),
        runtime=runtime.value,
        architecture=architecture.value,
        description=template.summary,
        role_arn=role,
        timeout_seconds=timeout,
        memory_mb=memory,
        variables=dict(map(_variable, variables or [])),
        vpc_config=_vpc_config(subnets, security_groups),
    )
    try:
        client = boto3.Session(profile_name=profile, region_name=region).client(
            "lambda", endpoint_url=endpoint_url, config=Config(read_timeout=_UPLOAD_SECONDS)
        )
        _tell(wanted, deploy(client, wanted, threading.Event().wait), as_json=as_json)
    except RoleNeededError as error:
        raise typer.BadParameter(str(error)) from None
    except (BotoCoreError, ClientError) as error:
        typer.echo(f"keyturn: {name} couldn't be deployed: {error}", err=True)
        raise typer.Exit(1) from None


def _template(engine: str, strategy: str) -> Template:
    try:
        return find_template(engine, strategy)
    except UnknownTemplateError as error:
        raise typer.BadParameter(str(error)) from None


def _variable(text: str) -> tuple[str, str]:
    name, has_value, value = text.partition("=")
    if not name or not has_value:
        raise typer.BadParameter(f"--variable needs NAME=VALUE, and got {name or 'no name'}.")
    return name, value


def _vpc_config(
    subnets: list[str] | None, security_groups: list[str] | None
) -> dict[str, list[str]] | None:
    if subnets is None and security_groups is None:
        return None
    return {"SubnetIds": subnets or [], "SecurityGroupIds": security_groups or []}


def _tell(wanted: Wanted, deployed: Deployed, *, as_json: bool) -> None:
    told: dict[str, Any] = {
        "FunctionArn": deployed.arn,
        "CodeSha256": deployed.code_sha256,
        "Done": deployed.done,
    }
    if as_json:
        typer.echo(json.dumps(told, indent=2))
        return
    done = ", ".join(deployed.done) or "is up to date"
    typer.echo(f"{wanted.name}: {done}\n  {deployed.arn}")
