"""``keyturn function deploy``: a rotation function, packaged and put where it runs."""

import json
import threading
from typing import Annotated, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
import typer

from keyturn.cli.options import JsonOption
from keyturn.functions.deployment import Deployed, Wanted, deploy
from keyturn.functions.distributions import Architecture, Platform, Runtime
from keyturn.functions.packaging import Template, UnknownTemplateError, build, find_template
from keyturn.model.errors import ConflictError, InvalidInputError

_UPLOAD_SECONDS: Final = 120


EngineArgument = Annotated[
    str, typer.Argument(help="What the credential is for, such as postgres.")
]
StrategyArgument = Annotated[str, typer.Argument(help="How it is changed, such as single-user.")]
NameArgument = Annotated[str, typer.Argument(help="The function's name.")]
RoleOption = Annotated[
    str | None,
    typer.Option(help="ARN of its execution role. Needed to make the function."),
]
RuntimeOption = Annotated[Runtime, typer.Option(help="Lambda runtime that runs it.")]
ArchitectureOption = Annotated[
    Architecture, typer.Option("--arch", help="Processor that runs it.")
]
TimeoutOption = Annotated[
    int | None, typer.Option(help="Seconds that a step may take; 30 for a new function.")
]
MemoryOption = Annotated[int | None, typer.Option(help="MiB of memory; 256 for a new function.")]
VariablesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--variable",
        help="NAME=VALUE of its environment; may be repeated. Others stay. Not for secrets: other "
        "users of this machine can read a command's words.",
    ),
]
SubnetsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--subnet", help="Subnet that it runs in, instead of those it has; may be repeated."
    ),
]
SecurityGroupsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--security-group", help="Security group of it, instead of those it has; may be repeated."
    ),
]
ReplaceOption = Annotated[
    bool,
    typer.Option(
        "--replace", help="Overwrite a function of that name that isn't a rotation function."
    ),
]
ProfileOption = Annotated[str | None, typer.Option(help="Profile of AWS's configuration.")]
RegionOption = Annotated[str | None, typer.Option(help="Region, instead of the profile's.")]
EndpointOption = Annotated[
    str | None,
    typer.Option(help="Who speaks Lambda's API, instead of AWS_ENDPOINT_URL or AWS."),
]


def deploy_function(  # noqa: PLR0913 - a command's options are its parameters
    engine: EngineArgument,
    strategy: StrategyArgument,
    name: NameArgument,
    *,
    role: RoleOption = None,
    runtime: RuntimeOption = Runtime.PYTHON_3_11,
    architecture: ArchitectureOption = Architecture.X86_64,
    timeout: TimeoutOption = None,
    memory: MemoryOption = None,
    variables: VariablesOption = None,
    subnets: SubnetsOption = None,
    security_groups: SecurityGroupsOption = None,
    is_replacing: ReplaceOption = False,
    profile: ProfileOption = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    as_json: JsonOption = False,
) -> None:
    """Package a rotation function, and make it or bring it up to date.

    It goes where AWS's own tools would send it: to Keyturn with the variables
    that `keyturn env` prints, to AWS without. Secrets Manager is allowed to
    invoke it. What is as it should be is left alone: repeat it at will.
    A function that isn't one of these is left alone, too, without --replace.

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
        subnet_ids=subnets,
        security_group_ids=security_groups,
    )
    deployed = _deployed(wanted, profile, region, endpoint_url, is_replacing=is_replacing)
    _tell(wanted, deployed, as_json=as_json)


def _deployed(
    wanted: Wanted,
    profile: str | None,
    region: str | None,
    endpoint_url: str | None,
    *,
    is_replacing: bool,
) -> Deployed:
    try:
        client = boto3.Session(profile_name=profile, region_name=region).client(
            "lambda", endpoint_url=endpoint_url, config=Config(read_timeout=_UPLOAD_SECONDS)
        )
        return deploy(client, wanted, threading.Event().wait, is_replacing=is_replacing)
    except InvalidInputError as error:
        raise typer.BadParameter(str(error)) from None
    except (BotoCoreError, ClientError, ConflictError) as error:
        typer.echo(f"keyturn: {wanted.name} couldn't be deployed: {error}", err=True)
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
