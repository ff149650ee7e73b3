"""A packaged function, made or brought up to date through Lambda's API: here, or on AWS.

Each act is done only if it is needed, so that a deployment may be repeated: after a crash at any
line, and by whoever wants to see that nothing is to be done.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html,
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
import hashlib
from typing import TYPE_CHECKING, Any, Final

from keyturn.functions.packaging import HANDLER
from keyturn.model.errors import InvalidInputError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

TIMEOUT_SECONDS_DEFAULT: Final = 30
MEMORY_MB_DEFAULT: Final = 256
_SECRETS_MANAGER: Final = "secretsmanager.amazonaws.com"
_STATEMENT_ID: Final = "SecretsManagerInvokes"
# A role that was made a moment ago isn't known everywhere yet: AWS says so in these words.
_NOT_ASSUMABLE_YET: Final = "cannot be assumed by Lambda"
_ROLE_TRIES_MAX: Final = 10
_ROLE_PAUSE_SECONDS: Final = 3


class RoleNeededError(InvalidInputError):
    """A function that doesn't exist can't be made without a role."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no function {name}, and to make it needs its execution role's ARN: "
            "give it with --role."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a function is to be like. What is None stays as it is, or as Lambda has it.

    Attributes:
        variables: those of its environment that are set; others stay.
        vpc_config: as CreateFunction takes it.
    """

    name: str
    zipped: bytes = field(repr=False)
    runtime: str
    architecture: str
    description: str
    role_arn: str | None = None
    timeout_seconds: int | None = None
    memory_mb: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    vpc_config: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What came of it.

    Attributes:
        done: what was done, in words; empty if all was as it is wanted.
    """

    arn: str
    code_sha256: str
    done: list[str]


def deploy(client: "LambdaClient", wanted: Wanted, pause: Callable[[float], object]) -> Deployed:
    """Make a function, or bring it up to date, and let Secrets Manager invoke it.

    Args:
        pause: waits for so many seconds, for a role that was made a moment ago.

    Raises:
        RoleNeededError: it doesn't exist, and nobody said with which role to make it.
        botocore.exceptions.ClientError, botocore.exceptions.WaiterError: Lambda refused.
    """
    try:
        found = client.get_function_configuration(FunctionName=wanted.name)
    except client.exceptions.ResourceNotFoundException:
        found = None
    if found is None:
        arn, done = _create(client, wanted, pause), ["made"]
    else:
        arn, done = found["FunctionArn"], _update(client, wanted, found)
    if _permit(client, arn):
        done.append("allowed to Secrets Manager")
    return Deployed(arn=arn, code_sha256=_sha256_of(wanted.zipped), done=done)


def _create(client: "LambdaClient", wanted: Wanted, pause: Callable[[float], object]) -> str:
    if wanted.role_arn is None:
        raise RoleNeededError(wanted.name)
    request: dict[str, Any] = {
        "FunctionName": wanted.name,
        "Code": {"ZipFile": wanted.zipped},
        "Handler": HANDLER,
        "Runtime": wanted.runtime,
        "Architectures": [wanted.architecture],
        "Role": wanted.role_arn,
        "Timeout": wanted.timeout_seconds or TIMEOUT_SECONDS_DEFAULT,
        "MemorySize": wanted.memory_mb or MEMORY_MB_DEFAULT,
        "Description": wanted.description,
        "Environment": {"Variables": dict(wanted.variables)},
    }
    if wanted.vpc_config is not None:
        request["VpcConfig"] = dict(wanted.vpc_config)
    arn = _created_with_role(client, request, pause)
    client.get_waiter("function_active_v2").wait(FunctionName=wanted.name)
    return arn


def _created_with_role(
    client: "LambdaClient", request: dict[str, Any], pause: Callable[[float], object]
) -> str:
    for _ in range(_ROLE_TRIES_MAX - 1):
        try:
            return client.create_function(**request)["FunctionArn"]
        except client.exceptions.InvalidParameterValueException as refusal:
            if _NOT_ASSUMABLE_YET not in str(refusal):
                raise
            pause(_ROLE_PAUSE_SECONDS)
    return client.create_function(**request)["FunctionArn"]


def _update(client: "LambdaClient", wanted: Wanted, found: Mapping[str, Any]) -> list[str]:
    done = []
    is_same_code = found["CodeSha256"] == _sha256_of(wanted.zipped)
    if not is_same_code or found.get("Architectures") != [wanted.architecture]:
        client.update_function_code(
            FunctionName=wanted.name,
            ZipFile=wanted.zipped,
            Architectures=[wanted.architecture],  # type: ignore[list-item]
        )
        client.get_waiter("function_updated_v2").wait(FunctionName=wanted.name)
        done.append("given new code")
    if changes := _changes(wanted, found):
        client.update_function_configuration(FunctionName=wanted.name, **changes)
        client.get_waiter("function_updated_v2").wait(FunctionName=wanted.name)
        done.append(f"changed in {', '.join(sorted(changes))}")
    return done


def _changes(wanted: Wanted, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of UpdateFunctionConfiguration that aren't as they are wanted."""
    asked: dict[str, Any] = {
        "Handler": HANDLER,
        "Runtime": wanted.runtime,
        "Description": wanted.description,
        "Role": wanted.role_arn,
        "Timeout": wanted.timeout_seconds,
        "MemorySize": wanted.memory_mb,
    }
    changes = {
        name: value
        for name, value in asked.items()
        if value is not None and found.get(name) != value
    }
    has = found.get("Environment", {}).get("Variables", {})
    if has != (variables := {**has, **wanted.variables}):
        changes["Environment"] = {"Variables": variables}
    if wanted.vpc_config is not None:
        in_place = found.get("VpcConfig", {})
        if any(
            sorted(in_place.get(key, [])) != sorted(ids) for key, ids in wanted.vpc_config.items()
        ):
            changes["VpcConfig"] = dict(wanted.vpc_config)
    return changes


def _permit(client: "LambdaClient", arn: str) -> bool:
    """Let Secrets Manager of the function's account invoke it; return whether that was needed."""
    try:
        client.add_permission(
            FunctionName=arn,
            StatementId=_STATEMENT_ID,
            Action="lambda:InvokeFunction",
            Principal=_SECRETS_MANAGER,
            SourceAccount=arn.split(":")[4],
        )
    except client.exceptions.ResourceConflictException:
        return False
    return True


def _sha256_of(zipped: bytes) -> str:
    return b64encode(hashlib.sha256(zipped).digest()).decode()
