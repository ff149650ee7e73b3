"""Making, describing, changing and deleting functions.

AWS: Lambda API reference, CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions,
UpdateFunctionCode, UpdateFunctionConfiguration, DeleteFunction.
"""

from typing import Final

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.lambda_.shapes import configuration
from keyturn.api.operation import Output
from keyturn.functions import registry
from keyturn.functions.names import FunctionRef, read_reference
from keyturn.functions.refusals import RoleNotAssumableError
from keyturn.functions.runtimes import Runtimes
from keyturn.iam.authority import Authority
from keyturn.keys.keyring import Keyring
from keyturn.model.errors import NotAllowedError
from keyturn.store import functions as rows
from keyturn.store.database import Database

LIST_PAGE_MAX: Final = 50
_LAMBDA: Final = "lambda.amazonaws.com"


class Functions:
    """The operations on functions."""

    def __init__(
        self, database: Database, keyring: Keyring, authority: Authority, runtimes: Runtimes
    ) -> None:
        self._database = database
        self._runtimes = runtimes
        self._keyring = keyring
        self._authority = authority

    def create_function(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        registry.refuse_qualifier(reference)
        self._check_runtime(call)
        self._check_role(call, call.params["Role"])
        with self._database.write() as connection:
            function = registry.create(
                connection, self._keyring, reference, call.params, call.received_at
            )
        return configuration(function, self._keyring)

    def get_function(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            function = registry.find(connection, reference_of(call))
        return {
            "Configuration": configuration(function, self._keyring),
            "Code": {"RepositoryType": "S3"},
            "Tags": function.tags or None,
        }

    def get_function_configuration(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            function = registry.find(connection, reference_of(call))
        return configuration(function, self._keyring)

    def list_functions(self, call: AuthorisedCall) -> Output:
        most = min(call.params.get("MaxItems", LIST_PAGE_MAX), LIST_PAGE_MAX)
        with self._database.read() as connection:
            found = rows.page(
                connection,
                account=call.account,
                region=call.region,
                after_name=call.params.get("Marker", ""),
                most=most + 1,
            )
        page = found[:most]
        return {
            "Functions": [configuration(function, self._keyring) for function in page],
            "NextMarker": page[-1].name if len(found) > most else None,
        }

    def update_function_code(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        with self._database.write() as connection:
            function = registry.find(connection, reference)
            registry.update_code(connection, function, call.params, call.received_at)
            function = registry.find(connection, reference)
        return configuration(function, self._keyring)

    def update_function_configuration(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        self._check_runtime(call)
        if "Role" in call.params:
            self._check_role(call, call.params["Role"])
        with self._database.write() as connection:
            function = registry.find(connection, reference)
            registry.update_configuration(
                connection, self._keyring, function, call.params, call.received_at
            )
            function = registry.find(connection, reference)
        return configuration(function, self._keyring)

    def delete_function(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            function = registry.find(connection, reference_of(call))
            rows.delete_function(connection, function)
        return {}

    def _check_runtime(self, call: AuthorisedCall) -> None:
        if "Runtime" in call.params:
            self._runtimes.find(call.params["Runtime"])

    def _check_role(self, call: AuthorisedCall, role_arn: str) -> None:
        # AWS: whoever gives a role to a service needs iam:PassRole on it; and the role must trust
        # the service.
        self._authority.require_pass_role(call.caller, role_arn, _LAMBDA)
        try:
            self._authority.assumable_by_service(_LAMBDA, role_arn)
        except NotAllowedError:
            raise RoleNotAssumableError from None


def reference_of(call: AuthenticatedCall) -> FunctionRef:
    """Return the function that the call names."""
    return read_reference(
        call.params["FunctionName"],
        region=call.region,
        account=call.account,
        qualifier=call.params.get("Qualifier"),
    )
