"""A packaged function, made or brought up to date through Lambda's API: here, or on AWS.

* Each act is done only if it is needed, so that a deployment may be repeated: after a crash at any
  line, and by whoever wants to see that nothing is to be done.
* What is refused here is refused before anything is changed.
* What somebody else changes in between is never overwritten: Lambda compares the RevisionId.

AWS: https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html,
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets-required-permissions-function.html
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from keyturn.functions.packaging import HANDLER, templates
from keyturn.model.errors import ConflictError, InvalidInputError

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

TIMEOUT_SECONDS_DEFAULT: Final = 30
MEMORY_MB_DEFAULT: Final = 256
_SECRETS_MANAGER: Final = "secretsmanager.amazonaws.com"
_STATEMENT_ID: Final = "SecretsManagerInvokes"
_INVOKE: Final = "lambda:InvokeFunction"
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


class VpcIncompleteError(InvalidInputError):
    """A function is in a VPC by subnets and security groups, and one of the two is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} has neither subnets nor security groups yet, and to be in a VPC needs both: "
            "give them with --subnet and --security-group."
        )


class ForeignFunctionError(ConflictError):
    """The function of that name isn't a rotation function from here."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        description = found.get("Description")
        super().__init__(
            f"There is a function {found['FunctionName']}, and it isn't one of Keyturn's rotation "
            f"functions: its handler is {found.get('Handler')!r}, its runtime "
            f"{found.get('Runtime')!r}, its description {description!r}. If it is to be replaced, "
            "say so with --replace."
        )


class EnvironmentUnreadableError(ConflictError):
    """Which variables a function has isn't known, so none of them can be changed."""

    def __init__(self, name: str, error: Mapping[str, str]) -> None:
        super().__init__(
            f"Lambda doesn't tell the variables that {name} has, and to set one would remove the "
            f"others: {error.get('ErrorCode')}, {error.get('Message')}"
        )


class StatementTakenError(ConflictError):
    """The statement that would let Secrets Manager invoke the function is another one."""

    def __init__(self, arn: str) -> None:
        super().__init__(
            f"The policy of {arn} has a statement {_STATEMENT_ID} that isn't the one which lets "
            f"{_SECRETS_MANAGER} of its account invoke it: remove that statement, and deploy "
            "again."
        )


class ChangedMeanwhileError(ConflictError):
    """Somebody else changed the function since it was looked at."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} was changed by somebody else meanwhile. That change is left alone: "
            "deploy again."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a function is to be like. What is None stays as it is, or as Lambda has it.

    Attributes:
        variables: those of its environment that are set; others stay.
        subnet_ids: all of its subnets.
        security_group_ids: all of its security groups.
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
    subnet_ids: Sequence[str] | None = None
    security_group_ids: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What came of it.

    Attributes:
        done: what was done, in words; empty if all was as it is wanted.
    """

    arn: str
    code_sha256: str
    done: list[str]


def deploy(
    client: "LambdaClient",
    wanted: Wanted,
    pause: Callable[[float], object],
    *,
    is_replacing: bool = False,
) -> Deployed:
    """Make a function, or bring it up to date, and let Secrets Manager invoke it.

    Args:
        pause: waits for so many seconds, for a role that was made a moment ago.
        is_replacing: a function of that name is overwritten, whatever it is.

    Raises:
        RoleNeededError: it doesn't exist, and nobody said with which role to make it.
        VpcIncompleteError: it would have subnets or security groups alone.
        ForeignFunctionError: it isn't a rotation function from here.
        EnvironmentUnreadableError: a variable is to be set, and Lambda doesn't tell the others.
        StatementTakenError: its policy has another statement where the needed one would be.
        ChangedMeanwhileError: somebody else changed it since it was looked at.
        botocore.exceptions.ClientError, botocore.exceptions.WaiterError: Lambda refused.
    """
    found = _settled(client, wanted.name)
    if found is None:
        arn, is_permitted, done = _create(client, wanted, pause), False, ["made"]
    else:
        if not is_replacing and not _is_from_here(found):
            raise ForeignFunctionError(found)
        arn = found["FunctionArn"]
        is_permitted = _is_permitted(client, arn)
        done = _update(client, wanted, found)
    if not is_permitted:
        _permit(client, arn)
        done.append("allowed to Secrets Manager")
    return Deployed(arn=arn, code_sha256=_sha256_of(wanted.zipped), done=done)


def _settled(client: "LambdaClient", name: str) -> Mapping[str, Any] | None:
    """Return a function's configuration once nothing is under way; None if there is none."""
    try:
        found = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        return None
    # AWS: functions-states, a function that is made or updated can't be updated meanwhile. A
    # deployment that died, or anybody else, may have left it so.
    is_being_made = found.get("State") == "Pending"
    is_being_updated = found.get("LastUpdateStatus") == "InProgress"
    if is_being_made:
        client.get_waiter("function_active_v2").wait(FunctionName=name)
    if is_being_updated:
        client.get_waiter("function_updated_v2").wait(FunctionName=name)
    if is_being_made or is_being_updated:
        return client.get_function_configuration(FunctionName=name)
    return found


def _is_from_here(found: Mapping[str, Any]) -> bool:
    summaries = {template.summary for template in templates()}
    return found.get("Handler") == HANDLER and found.get("Description") in summaries


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
    if (vpc_config := _vpc_config(wanted, {})) is not None:
        request["VpcConfig"] = vpc_config
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
    # What is refused in the configuration is refused before there is new code.
    changes = _changes(wanted, found)
    if (giving_code := _giving_code(wanted, found)) is not None:
        with _applied(client, wanted.name):
            client.update_function_code(
                FunctionName=wanted.name,
                ZipFile=wanted.zipped,
                Architectures=[wanted.architecture],  # type: ignore[list-item]
                RevisionId=found["RevisionId"],
            )
        done.append(giving_code)
        # The RevisionId changes with the update, and once more when the update is done.
        found = client.get_function_configuration(FunctionName=wanted.name)
        changes = _changes(wanted, found)
    if changes:
        with _applied(client, wanted.name):
            client.update_function_configuration(
                FunctionName=wanted.name, RevisionId=found["RevisionId"], **changes
            )
        done.append(f"changed in {', '.join(sorted(changes))}")
    return done


def _giving_code(wanted: Wanted, found: Mapping[str, Any]) -> str | None:
    """Return in words that a function is to be given its code; None if it needn't be."""
    is_same_code = found["CodeSha256"] == _sha256_of(wanted.zipped)
    if not is_same_code or found.get("Architectures") != [wanted.architecture]:
        return "given new code"
    # Lambda tells of what was asked for, also where that failed: it isn't what runs.
    if "Failed" in (found.get("State"), found.get("LastUpdateStatus")):
        return "given its code again"
    return None


@contextmanager
def _applied(client: "LambdaClient", name: str) -> Iterator[None]:
    """Wait until an update is in force, and say whose change was in its way."""
    try:
        yield
    except client.exceptions.PreconditionFailedException as error:
        raise ChangedMeanwhileError(name) from error
    client.get_waiter("function_updated_v2").wait(FunctionName=name)


def _changes(wanted: Wanted, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of UpdateFunctionConfiguration that aren't as they are wanted.

    Raises:
        EnvironmentUnreadableError: a variable is to be set, and the others aren't known.
        VpcIncompleteError: it would have subnets or security groups alone.
    """
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
    environment = found.get("Environment", {})
    if wanted.variables and "Error" in environment:
        raise EnvironmentUnreadableError(wanted.name, environment["Error"])
    has = environment.get("Variables", {})
    if has != (variables := {**has, **wanted.variables}):
        changes["Environment"] = {"Variables": variables}
    in_place = found.get("VpcConfig", {})
    vpc_config = _vpc_config(wanted, in_place)
    if vpc_config is not None and _sorted_ids(vpc_config) != _sorted_ids(in_place):
        changes["VpcConfig"] = vpc_config
    return changes


def _vpc_config(wanted: Wanted, in_place: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return VpcConfig as it is wanted, with the rest of what is there; None to leave it alone."""
    if wanted.subnet_ids is None and wanted.security_group_ids is None:
        return None
    asked = {"SubnetIds": wanted.subnet_ids, "SecurityGroupIds": wanted.security_group_ids}
    # Lambda tells the VPC's id, and doesn't take it.
    kept = {key: value for key, value in in_place.items() if key != "VpcId"}
    config = {**kept, **{key: list(ids) for key, ids in asked.items() if ids is not None}}
    if not all(_sorted_ids(config)):
        raise VpcIncompleteError(wanted.name)
    return config


def _sorted_ids(vpc_config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return (
        sorted(vpc_config.get("SubnetIds", [])),
        sorted(vpc_config.get("SecurityGroupIds", [])),
    )


def _is_permitted(client: "LambdaClient", arn: str) -> bool:
    """Return whether Secrets Manager of the function's account may invoke it.

    Raises:
        StatementTakenError: it may not, and can't be allowed under the statement's id.
    """
    try:
        policy = client.get_policy(FunctionName=arn)["Policy"]
    except client.exceptions.ResourceNotFoundException:
        return False
    statements = json.loads(policy)["Statement"]
    if any(_permits(statement, _account_of(arn)) for statement in statements):
        return True
    if any(statement.get("Sid") == _STATEMENT_ID for statement in statements):
        raise StatementTakenError(arn)
    return False


def _permits(statement: Mapping[str, Any], account: str) -> bool:
    """Return whether a statement lets Secrets Manager of one account invoke, as Lambda writes it.

    One for every account's secrets, or for one secret alone, isn't that.
    """
    return (
        statement.get("Effect") == "Allow"
        and statement.get("Principal") == {"Service": _SECRETS_MANAGER}
        and statement.get("Action") in (_INVOKE, "lambda:*", "*")
        and statement.get("Condition") == {"StringEquals": {"AWS:SourceAccount": account}}
    )


def _permit(client: "LambdaClient", arn: str) -> None:
    client.add_permission(
        FunctionName=arn,
        StatementId=_STATEMENT_ID,
        Action=_INVOKE,
        Principal=_SECRETS_MANAGER,
        SourceAccount=_account_of(arn),
    )


def _account_of(arn: str) -> str:
    return arn.split(":")[4]


def _sha256_of(zipped: bytes) -> str:
    return b64encode(hashlib.sha256(zipped).digest()).decode()
