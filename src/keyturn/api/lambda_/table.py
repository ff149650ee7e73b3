"""Lambda's operations: each with its IAM action, its resource and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.lambda_.faults import fault_of
from keyturn.api.lambda_.functions import Functions, reference_of
from keyturn.api.lambda_.invoking import Invoking
from keyturn.api.operation import Handler, Operation, Resource, ResourceOf, ServiceApi, anything
from keyturn.functions import permission
from keyturn.store import functions as rows
from keyturn.store.database import Database

_SERVICE = "lambda"


def lambda_api(database: Database, functions: Functions, invoking: Invoking) -> ServiceApi:
    """Return Lambda as far as it is served."""
    function = _function_of(database)
    operations = (
        _on("AddPermission", function, invoking.add_permission),
        _on("CreateFunction", function, functions.create_function),
        _on("DeleteFunction", function, functions.delete_function),
        _on("GetFunction", function, functions.get_function),
        _on("GetFunctionConfiguration", function, functions.get_function_configuration),
        _on("GetPolicy", function, invoking.get_policy),
        # AWS: the operation Invoke is allowed by the action InvokeFunction.
        Operation("Invoke", permission.INVOKE, function, invoking.invoke),
        _on("ListFunctions", anything, functions.list_functions),
        _on("RemovePermission", function, invoking.remove_permission),
        _on("UpdateFunctionCode", function, functions.update_function_code),
        _on("UpdateFunctionConfiguration", function, functions.update_function_configuration),
    )
    return ServiceApi(_SERVICE, operations, fault_of)


def _on(name: str, resource: ResourceOf, handler: Handler) -> Operation:
    return Operation(name, f"{_SERVICE}:{name}", resource, handler)


def _function_of(database: Database) -> ResourceOf:
    def resource(call: AuthenticatedCall) -> Resource:
        arn = reference_of(call).arn
        with database.read() as connection:
            function = rows.find_by_arn(connection, arn)
            policy = None if function is None else permission.policy_of(connection, function)
        return Resource(arn, policy)

    return resource
