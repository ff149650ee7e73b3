"""The environment variables of a function: what Lambda sets, and what its owner may add.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from pathlib import Path
from typing import Final

from keyturn.functions.names import LATEST, log_group_name
from keyturn.functions.refusals import ParameterError
from keyturn.functions.runtime_dir import interpreter
from keyturn.keys.keyring import Keyring
from keyturn.model.function import Function
from keyturn.model.plaintext import Plaintext

VARIABLES_BYTES_MAX: Final = 4096

# AWS: "Defined runtime environment variables", those that can't be set.
RESERVED: Final = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION"),
        *("AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        *("AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE"),
        *("AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKeys:
    """What a function signs its requests with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)


def session_name(function: Function) -> str:
    """Return what a function's session is called: as the function is, as on AWS."""
    # AWS: a session's name has two characters at least.
    name = function.name
    return name if len(name) > 1 else f"{name}@lambda_function"


def check(variables: Mapping[str, str]) -> None:
    """Refuse variables that can't be set.

    Raises:
        ParameterError: one is Lambda's own, or can't be one, or they are too long together.
    """
    if any("\0" in value for value in variables.values()):
        raise ParameterError("The value of an environment variable can't have a NUL character.")
    reserved = sorted(RESERVED & variables.keys())
    if reserved:
        raise ParameterError(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    length = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if length > VARIABLES_BYTES_MAX:
        raise ParameterError(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided exceeded the 4KB limit."
        )


def seal(keyring: Keyring, arn: str, variables: Mapping[str, str]) -> bytes | None:
    """Return variables sealed for the store; None for none."""
    if not variables:
        return None
    plaintext = Plaintext(json.dumps(dict(variables)).encode())
    return keyring.seal(plaintext, {"FunctionArn": arn})


def unseal(keyring: Keyring, function: Function) -> dict[str, str]:
    """Return a function's own variables."""
    if function.sealed_environment is None:
        return {}
    plaintext = keyring.open(function.sealed_environment, {"FunctionArn": function.arn})
    variables: dict[str, str] = json.loads(plaintext.reveal())
    return variables


def of_process(
    function: Function,
    own: Mapping[str, str],
    session: SessionKeys,
    *,
    endpoint: str,
    log_stream: str,
    folders: tuple[Path, Path, Path],
) -> dict[str, str]:
    """Return every variable of a function's process.

    Args:
        endpoint: our URL, which boto3 finds by itself; a function's own setting of it wins.
        folders: the function's code, its runtime, and a folder that it may write to.
    """
    task_root, runtime_dir, temporary = folders
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "SECRETS_MANAGER_ENDPOINT": endpoint,
        "HOME": str(temporary),
        "TMPDIR": str(temporary),
        "TZ": ":UTC",
        # AWS has en_US.UTF-8, which not every machine has; this one means the same in Python.
        "LANG": "C.UTF-8",
        "PATH": f"{Path(interpreter()).parent}:/usr/local/bin:/usr/bin:/bin",
        "LD_LIBRARY_PATH": f"{task_root}:{task_root}/lib",
        # For a Python that the function itself starts; its own finds them by the launcher.
        "PYTHONPATH": str(runtime_dir),
        **own,
        "_HANDLER": function.handler,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group_name(function.name),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "LAMBDA_TASK_ROOT": str(task_root),
        "LAMBDA_RUNTIME_DIR": str(runtime_dir),
    }
