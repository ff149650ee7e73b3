"""Functions, aliases and layers in Lambda's own words."""

from datetime import datetime
import hashlib
from typing import Any

from keyturn.functions import variables
from keyturn.functions.package import base64_of
from keyturn.keys.keyring import Keyring
from keyturn.model.arn import Arn, partition_of
from keyturn.model.asynchronous import EventInvokeConfig
from keyturn.model.function import Alias, Function
from keyturn.model.layer import LayerVersion


def configuration(
    function: Function, keyring: Keyring, qualifier: str | None = None
) -> dict[str, Any]:
    """Return FunctionConfiguration, with the environment variables in plain as AWS does.

    Args:
        qualifier: what the function's ARN is to end with; None for nothing.
    """
    own = variables.unseal(keyring, function)
    return {
        "FunctionName": function.name,
        "FunctionArn": f"{function.arn}:{qualifier}" if qualifier else function.arn,
        "Runtime": function.runtime,
        "Role": function.role_arn,
        "Handler": function.handler,
        "CodeSize": function.code_bytes,
        "Description": function.description,
        "Timeout": function.timeout_seconds,
        "MemorySize": function.memory_mb,
        "LastModified": _written(function.modified_at),
        "CodeSha256": base64_of(function.code_sha256),
        "Version": function.version,
        "VpcConfig": function.vpc_config,
        "Environment": {"Variables": own} if own else None,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision_id,
        "Layers": [{"Arn": layer.arn, "CodeSize": layer.code_bytes} for layer in function.layers]
        or None,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": [function.architecture],
        "EphemeralStorage": {"Size": function.storage_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {"RuntimeVersionArn": _runtime_version_arn(function)},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": function.log_group},
    }


def alias_configuration(function_arn: str, alias: Alias) -> dict[str, Any]:
    """Return AliasConfiguration."""
    weights = dict(alias.weights)
    return {
        "AliasArn": f"{function_arn}:{alias.name}",
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RoutingConfig": {"AdditionalVersionWeights": weights} if weights else None,
        "RevisionId": alias.revision_id,
    }


def layer_version(version: LayerVersion, location: str) -> dict[str, Any]:
    """Return what GetLayerVersion and PublishLayerVersion answer."""
    return {
        "Content": {
            "Location": location,
            "CodeSha256": base64_of(version.code_sha256),
            "CodeSize": version.code_bytes,
        },
        "LayerArn": version.layer_arn,
        **layer_version_item(version),
    }


def layer_version_item(version: LayerVersion) -> dict[str, Any]:
    """Return LayerVersionsListItem."""
    return {
        "LayerVersionArn": version.arn,
        "Version": version.version,
        "Description": version.description,
        "CreatedDate": _written(version.created_at),
        "CompatibleRuntimes": list(version.runtimes) or None,
        "CompatibleArchitectures": list(version.architectures) or None,
        "LicenseInfo": version.license_info,
    }


def event_invoke_config(function_arn: str, config: EventInvokeConfig) -> dict[str, Any]:
    """Return FunctionEventInvokeConfig."""
    return {
        "LastModified": config.modified_at,
        "FunctionArn": f"{function_arn}:{config.qualifier}",
        "MaximumRetryAttempts": config.retry_attempts_max,
        "MaximumEventAgeInSeconds": config.event_age_seconds_max,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }


def _runtime_version_arn(function: Function) -> str:
    # AWS names a build of the runtime by a hash; here the runtime itself is all there is to name.
    digest = hashlib.sha256(function.runtime.encode()).hexdigest()
    partition = partition_of(function.region)
    return str(Arn(partition, "lambda", function.region, "", f"runtime:{digest}"))


def _written(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}+0000"
