"""Lambda's operations: each with its IAM action, its resource and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from collections.abc import Callable
from dataclasses import dataclass

from keyturn.api.lambda_.account import Account
from keyturn.api.lambda_.code_links import CodeLinks
from keyturn.api.lambda_.event_configs import EventConfigs
from keyturn.api.lambda_.faults import fault_of
from keyturn.api.lambda_.functions import Functions
from keyturn.api.lambda_.invoking import Invoking
from keyturn.api.lambda_.layers import Layers
from keyturn.api.lambda_.permissions import Permissions
from keyturn.api.lambda_.resources import LambdaResources
from keyturn.api.lambda_.versions import Versions
from keyturn.api.operation import Handler, Operation, ResourceOf, ServiceApi, anything
from keyturn.functions import layers, permission
from keyturn.functions.invocation import Invoker
from keyturn.functions.runtimes import Runtimes
from keyturn.iam.authority import Authority
from keyturn.keys.keyring import Keyring
from keyturn.store.database import Database

_SERVICE = "lambda"


@dataclass(frozen=True, slots=True)
class Means:
    """What Lambda needs of the server.

    Attributes:
        wake: tells the engine that an event waits for its function.
    """

    database: Database
    keyring: Keyring
    authority: Authority
    runtimes: Runtimes
    invoker: Invoker
    links: CodeLinks
    wake: Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What Lambda is made of."""

    resources: LambdaResources
    account: Account
    event_configs: EventConfigs
    functions: Functions
    invoking: Invoking
    layers: Layers
    permissions: Permissions
    versions: Versions


def lambda_api(means: Means) -> ServiceApi:
    """Return Lambda as far as it is served."""
    parts = _parts(means)
    operations = (
        *_on_functions(parts),
        *_on_versions(parts),
        *_on_account(parts),
        *_on_event_configs(parts),
        *_on_layers(parts),
    )
    return ServiceApi(_SERVICE, operations, fault_of)


def _parts(means: Means) -> _Parts:
    database, keyring = means.database, means.keyring
    return _Parts(
        resources=LambdaResources(database),
        account=Account(database),
        event_configs=EventConfigs(database),
        functions=Functions(database, keyring, means.authority, means.runtimes, means.links),
        invoking=Invoking(database, keyring, means.invoker, means.wake),
        layers=Layers(database, means.links),
        permissions=Permissions(database),
        versions=Versions(database, keyring),
    )


def _on_functions(parts: _Parts) -> tuple[Operation, ...]:
    resources, functions, permissions = parts.resources, parts.functions, parts.permissions
    function, qualified = resources.function, resources.qualified
    return (
        _on("AddPermission", resources.granted, permissions.add_permission),
        _on("CreateFunction", resources.new_function, functions.create_function),
        _on("DeleteFunction", qualified, functions.delete_function),
        _on("GetFunction", qualified, functions.get_function),
        _on(
            "GetFunctionCodeSigningConfig",
            function,
            functions.get_function_code_signing_config,
        ),
        _on("GetFunctionConfiguration", qualified, functions.get_function_configuration),
        _on("GetPolicy", qualified, permissions.get_policy),
        # AWS: the operation Invoke is allowed by the action InvokeFunction.
        Operation(
            "Invoke", permission.INVOKE, qualified, parts.invoking.invoke, waits_for_function=True
        ),
        _on("ListFunctions", anything, functions.list_functions),
        _on("RemovePermission", resources.revoked, permissions.remove_permission),
        _on("UpdateFunctionCode", function, functions.update_function_code),
        _on(
            "UpdateFunctionConfiguration",
            resources.configured,
            functions.update_function_configuration,
        ),
    )


def _on_versions(parts: _Parts) -> tuple[Operation, ...]:
    function, versions = parts.resources.function, parts.versions
    return (
        _on("CreateAlias", function, versions.create_alias),
        _on("DeleteAlias", function, versions.delete_alias),
        _on("GetAlias", function, versions.get_alias),
        _on("ListAliases", function, versions.list_aliases),
        _on("ListVersionsByFunction", function, versions.list_versions_by_function),
        _on("PublishVersion", function, versions.publish_version),
        _on("UpdateAlias", function, versions.update_alias),
    )


def _on_account(parts: _Parts) -> tuple[Operation, ...]:
    function, tagged, account = parts.resources.function, parts.resources.tagged, parts.account
    return (
        _on("DeleteFunctionConcurrency", function, account.delete_function_concurrency),
        _on("GetAccountSettings", anything, account.get_account_settings),
        _on("GetFunctionConcurrency", function, account.get_function_concurrency),
        _on("ListTags", tagged, account.list_tags),
        _on("PutFunctionConcurrency", function, account.put_function_concurrency),
        _on("TagResource", tagged, account.tag_resource),
        _on("UntagResource", tagged, account.untag_resource),
    )


def _on_event_configs(parts: _Parts) -> tuple[Operation, ...]:
    qualified, configs = parts.resources.qualified, parts.event_configs
    return (
        _on(
            "DeleteFunctionEventInvokeConfig",
            qualified,
            configs.delete_function_event_invoke_config,
        ),
        _on("GetFunctionEventInvokeConfig", qualified, configs.get_function_event_invoke_config),
        _on(
            "ListFunctionEventInvokeConfigs",
            parts.resources.function,
            configs.list_function_event_invoke_configs,
        ),
        _on("PutFunctionEventInvokeConfig", qualified, configs.put_function_event_invoke_config),
        _on(
            "UpdateFunctionEventInvokeConfig",
            qualified,
            configs.update_function_event_invoke_config,
        ),
    )


def _on_layers(parts: _Parts) -> tuple[Operation, ...]:
    resources, handlers = parts.resources, parts.layers
    version = resources.layer_version
    return (
        _on("AddLayerVersionPermission", version, handlers.add_layer_version_permission),
        _on("DeleteLayerVersion", version, handlers.delete_layer_version),
        _on("GetLayerVersion", version, handlers.get_layer_version),
        # AWS: allowed by the same action as GetLayerVersion.
        Operation(
            "GetLayerVersionByArn",
            layers.GET_LAYER_VERSION,
            resources.layer_version_by_arn,
            handlers.get_layer_version_by_arn,
        ),
        _on("GetLayerVersionPolicy", version, handlers.get_layer_version_policy),
        _on("ListLayerVersions", resources.layer, handlers.list_layer_versions),
        _on("ListLayers", anything, handlers.list_layers),
        _on("PublishLayerVersion", resources.layer, handlers.publish_layer_version),
        _on("RemoveLayerVersionPermission", version, handlers.remove_layer_version_permission),
    )


def _on(name: str, resource: ResourceOf, handler: Handler) -> Operation:
    return Operation(name, f"{_SERVICE}:{name}", resource, handler)
