"""Every environment variable of a function's process: Lambda's, and its owner's.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from keyturn.functions.execution.sandbox import Places
from keyturn.functions.runtimes import Kind
from keyturn.model.function import Function

_NODE_MODULES: Final = Path("nodejs", "node_modules")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a function's process is given beside its owner's settings.

    Attributes:
        endpoint: our URL, which boto3 finds by itself; a function's own setting of it wins.
        interpreter: what runs its code; None for its own program.
    """

    session: SessionKeys
    endpoint: str
    log_stream: str
    interpreter: Path | None


def of_process(
    function: Function, own: Mapping[str, str], given: Given, places: Places
) -> dict[str, str]:
    """Return every variable of a function's process; ``own`` are those that its owner set."""
    task, layers, session = places.task, places.layers, given.session
    programs = "" if given.interpreter is None else f"{given.interpreter.parent}:"
    return {
        "AWS_ENDPOINT_URL": given.endpoint,
        "SECRETS_MANAGER_ENDPOINT": given.endpoint,
        "HOME": str(places.temporary),
        "TMPDIR": str(places.temporary),
        "TZ": ":UTC",
        # AWS has en_US.UTF-8, which not every machine has; this one means the same.
        "LANG": "C.UTF-8",
        "PATH": f"{programs}/usr/local/bin:/usr/bin:/bin:{layers}/bin",
        "LD_LIBRARY_PATH": f"{task}:{task}/lib:{layers}/lib",
        **_of_kind(function, places),
        **own,
        "_HANDLER": function.handler,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": function.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": given.log_stream,
        "AWS_ACCESS_KEY_ID": session.access_key_id,
        "AWS_SECRET_ACCESS_KEY": session.secret_access_key,
        "AWS_SESSION_TOKEN": session.session_token,
        "LAMBDA_TASK_ROOT": str(task),
        "LAMBDA_RUNTIME_DIR": str(places.runtime),
    }


def _of_kind(function: Function, places: Places) -> dict[str, str]:
    """Return where an interpreter finds modules, also one that the function itself starts."""
    if function.runtime.startswith(Kind.PYTHON):
        return {"PYTHONPATH": str(places.runtime)}
    if function.runtime.startswith(Kind.NODE):
        folder = f"node{function.runtime.removeprefix(Kind.NODE).removesuffix('.x')}"
        modules = [
            *(places.layers / "nodejs" / folder / "node_modules", places.layers / _NODE_MODULES),
            *(places.runtime / "node_modules", places.runtime, places.task),
        ]
        return {"NODE_PATH": ":".join(map(str, modules))}
    return {}
