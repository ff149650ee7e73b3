"""Tags of functions, and what the functions of an account share: concurrency and space.

AWS: Lambda API reference, TagResource, UntagResource, ListTags, PutFunctionConcurrency,
GetFunctionConcurrency, DeleteFunctionConcurrency, GetAccountSettings.
"""

from typing import Final

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.lambda_.functions import reference_of, refuse_other_region
from keyturn.api.operation import Output
from keyturn.functions import concurrency, registry, tagging
from keyturn.functions.names import FunctionRef, read_arn
from keyturn.functions.package import UNZIPPED_BYTES_MAX, ZIP_BYTES_MAX
from keyturn.functions.refusals import ParameterError
from keyturn.model.function import Function
from keyturn.store import functions as rows, layers
from keyturn.store.database import Connection, Database

#: What GetAccountSettings says, as on AWS; the disk is the limit here.
TOTAL_CODE_BYTES_MAX: Final = 80_530_636_800


class Account:
    """The operations on tags, concurrency and settings."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tag_resource(self, call: AuthorisedCall) -> Output:
        if not call.params["Tags"]:
            raise ParameterError("Please give at least one tag.")
        with self._database.write() as connection:
            function = registry.find(connection, tagged_reference(call))
            tags = tagging.with_tags(function.tags, call.params["Tags"])
            rows.save(connection, function.id, tags=tags)
        return {}

    def untag_resource(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            function = registry.find(connection, tagged_reference(call))
            tags = tagging.without_tags(function.tags, call.params["TagKeys"])
            rows.save(connection, function.id, tags=tags)
        return {}

    def list_tags(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            function = registry.find(connection, tagged_reference(call))
        return {"Tags": function.tags or {}}

    def put_function_concurrency(self, call: AuthorisedCall) -> Output:
        reserved = call.params["ReservedConcurrentExecutions"]
        with self._database.write() as connection:
            function = _function(connection, call)
            concurrency.reserve(connection, function, reserved)
        return {"ReservedConcurrentExecutions": reserved}

    def get_function_concurrency(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            function = _function(connection, call)
        return {"ReservedConcurrentExecutions": function.reserved_concurrency}

    def delete_function_concurrency(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            rows.save(connection, _function(connection, call).id, reserved_concurrency=None)
        return {}

    def get_account_settings(self, call: AuthorisedCall) -> Output:
        account, region = call.account, call.region
        with self._database.read() as connection:
            used = rows.code_bytes_in(connection, account, region)
            used += layers.code_bytes_in(connection, account, region)
            functions = rows.count_in(connection, account, region)
            unreserved = concurrency.unreserved(connection)
        return {
            "AccountLimit": {
                "TotalCodeSize": TOTAL_CODE_BYTES_MAX,
                "CodeSizeUnzipped": UNZIPPED_BYTES_MAX,
                "CodeSizeZipped": ZIP_BYTES_MAX,
                "ConcurrentExecutions": concurrency.CONCURRENT_EXECUTIONS_MAX,
                "UnreservedConcurrentExecutions": unreserved,
            },
            "AccountUsage": {"TotalCodeSize": used, "FunctionCount": functions},
        }


def tagged_reference(call: AuthenticatedCall) -> FunctionRef:
    """Return the function that the call's ``Resource`` names.

    Raises:
        ParameterError: it names something else, or a version or alias of one.
        OtherRegionError: it names one of another region than the call is sent to.
    """
    reference = read_arn(call.params["Resource"])
    if reference is None:
        raise ParameterError("Only functions have tags here; please specify a function's ARN.")
    if reference.qualifier is not None:
        raise ParameterError(
            "Tags on function aliases and versions are not supported. Please specify a function "
            "ARN."
        )
    refuse_other_region(call, reference.region, "Functions")
    return reference


def _function(connection: Connection, call: AuthorisedCall) -> Function:
    reference = reference_of(call)
    registry.refuse_qualifier(reference)
    return registry.find(connection, reference)
