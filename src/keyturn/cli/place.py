"""``keyturn function place`` and ``places``: functions whose code runs elsewhere."""

import json
from typing import Annotated, Any, Final

import typer

from keyturn import commands
from keyturn.cli.options import DataDirOption, JsonOption
from keyturn.config import DEFAULT_REGION, default_data_dir
from keyturn.functions import places
from keyturn.functions.places import PlaceError
from keyturn.functions.refusals import ParameterError
from keyturn.model.function_place import HttpPlace, LambdaPlace, Place

_LAMBDA: Final = "lambda.amazonaws.com"


UrlOption = Annotated[
    str | None,
    typer.Option(
        help="It runs behind this HTTP endpoint of Lambda's runtime interface.",
        show_default=False,
    ),
]
LambdaArnOption = Annotated[
    str | None,
    typer.Option(
        help="It runs in AWS Lambda, as this function, version or alias.", show_default=False
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        help="With --lambda-arn: profile of AWS's configuration with the server's credentials.  "
        "[default: those of the server's environment]",
        show_default=False,
    ),
]
EndpointOption = Annotated[
    str | None,
    typer.Option(
        help="With --lambda-arn: who speaks Lambda's API, instead of AWS.", show_default=False
    ),
]
RoleOption = Annotated[
    str | None,
    typer.Option(
        help="Make the function with this role's ARN if it doesn't exist.", show_default=False
    ),
]
RegionOption = Annotated[
    str,
    typer.Option(
        envvar="KEYTURN_REGION", help="Region that the function is in. An ARN says it itself."
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option(
        help="Account that the function is in.  [default: the server's first]",
        show_default=False,
    ),
]


def place(  # noqa: PLR0913 - a command's options are its parameters
    name: Annotated[str, typer.Argument(help="The function's name or ARN.")],
    *,
    url: UrlOption = None,
    lambda_arn: LambdaArnOption = None,
    here: Annotated[bool, typer.Option("--here", help="It runs on this machine again.")] = False,
    profile: ProfileOption = None,
    endpoint_url: EndpointOption = None,
    role: RoleOption = None,
    region: RegionOption = DEFAULT_REGION,
    account_id: AccountOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Say where a function's code runs: behind a URL, in AWS Lambda, or here.

    Everything else about the function stays as it is: who may invoke it, its
    timeout, its log. The server may be running; its next invocation is there.

    Example: keyturn function place MyRotator --url http://rotator.internal:8080
    """
    chosen = _chosen(url, lambda_arn, profile, endpoint_url, is_here=here)
    path = data_dir or default_data_dir()
    try:
        arn = commands.place_function(
            path, name, chosen, region=region, account=account_id, role=role
        )
    except ParameterError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"{arn} runs {'here' if chosen is None else f'at {chosen}'}.")


def list_places(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """List the functions whose code runs elsewhere, and where."""
    found = commands.functions_elsewhere(data_dir or default_data_dir())
    if as_json:
        typer.echo(json.dumps([_document(arn, each) for arn, each in found], indent=2))
    elif found:
        typer.echo("\n".join(f"{arn}  {each}" for arn, each in found))
    else:
        typer.echo("Every function runs here.")


def _chosen(
    url: str | None,
    lambda_arn: str | None,
    profile: str | None,
    endpoint_url: str | None,
    *,
    is_here: bool,
) -> Place | None:
    if [url is not None, lambda_arn is not None, is_here].count(True) != 1:
        raise typer.BadParameter("Say where: one of --url, --lambda-arn and --here.")
    if lambda_arn is None and (profile is not None or endpoint_url is not None):
        raise typer.BadParameter("--profile and --endpoint-url go with --lambda-arn.")
    try:
        if url is not None:
            return places.http_place(url)
        if lambda_arn is not None:
            return places.lambda_place(lambda_arn, profile=profile, endpoint_url=endpoint_url)
    except PlaceError as error:
        raise typer.BadParameter(str(error)) from None
    return None


def _document(arn: str, found: Place) -> dict[str, Any]:
    match found:
        case HttpPlace(url):
            return {"FunctionArn": arn, "Url": url}
        case LambdaPlace(arn=lambda_arn, profile=profile, endpoint_url=endpoint_url):
            return {
                "FunctionArn": arn,
                "LambdaArn": lambda_arn,
                "Profile": profile,
                "EndpointUrl": endpoint_url,
            }
