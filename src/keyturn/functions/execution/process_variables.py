"""Every environment variable of a function's process: Lambda's, and its owner's.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from keyturn.functions.names import LATEST, log_group_name
from keyturn.functions.runtimes import own_interpreter
from keyturn.model.function import Function


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
        "PATH": f"{own_interpreter().parent}:/usr/local/bin:/usr/bin:/bin",
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
