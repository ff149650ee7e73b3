"""The environment variables that a function's owner gives it: checked, and sealed at rest.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
"""

from collections.abc import Mapping
import json
from typing import Final

from keyturn.functions.refusals import ParameterError
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
