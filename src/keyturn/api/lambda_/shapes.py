"""A function in Lambda's own words."""

from typing import Any

from keyturn.functions import names, variables
from keyturn.functions.package import base64_of
from keyturn.keys.keyring import Keyring
from keyturn.model.function import Function


def configuration(function: Function, keyring: Keyring) -> dict[str, Any]:
    """Return FunctionConfiguration, with the environment variables in plain as AWS does."""
    own = variables.unseal(keyring, function)
    return {
        "FunctionName": function.name,
        "FunctionArn": function.arn,
        "Runtime": function.runtime,
        "Role": function.role_arn,
        "Handler": function.handler,
        "CodeSize": function.code_bytes,
        "Description": function.description,
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mb,
        "LastModified": f"{function.modified_at:%Y-%m-%dT%H:%M:%S}"
        f".{function.modified_at.microsecond // 1000:03d}+0000",
        "CodeSha256": base64_of(function.code_sha256),
        "Version": names.LATEST,
        "VpcConfig": function.vpc_config,
        "Environment": {"Variables": own} if own else None,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [function.architecture],
        "EphemeralStorage": {"Size": function.storage_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {
            "LogFormat": "Text",
            "LogGroup": names.log_group_name(function.name),
        },
    }
