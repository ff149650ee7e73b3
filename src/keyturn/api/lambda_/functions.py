"""Making, describing, changing and deleting functions.

AWS: Lambda API reference, CreateFunction, GetFunction, GetFunctionConfiguration,
GetFunctionCodeSigningConfig, ListFunctions, UpdateFunctionCode, UpdateFunctionConfiguration,
DeleteFunction.
"""

from collections.abc import Sequence
from typing import Final

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.lambda_.code_links import CodeLinks
from keyturn.api.lambda_.shapes import configuration
from keyturn.api.lambda_.tag_permissions import require_tagging, shown_tags
from keyturn.api.operation import Output, Resource
from keyturn.api.permission import require
from keyturn.functions import layers, package, permission, registry, versions
from keyturn.functions.names import LATEST, FunctionRef, read_reference
from keyturn.functions.refusals import (
    OtherRegionError,
    ParameterError,
    RoleNotAssumableError,
)
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
        self,
        database: Database,
        keyring: Keyring,
        authority: Authority,
        runtimes: Runtimes,
        links: CodeLinks,
    ) -> None:
        self._database = database
        self._runtimes = runtimes
        self._keyring = keyring
        self._authority = authority
        self._links = links

    def create_function(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        registry.refuse_qualifier(reference)
        require_tagging(self._authority, call, reference.arn, call.params.get("Tags", {}))
        self._check_runtime(call)
        self._check_role(call, call.params["Role"])
        self._check_layers(call, call.params.get("Layers", []))
        with self._database.read() as connection:
            zipped = registry.zip_to_create(connection, reference, call.params)
        code = package.check(zipped)
        with self._database.write() as connection:
            function = registry.create(
                connection, self._keyring, reference, call.params, code, call.received_at
            )
            if call.params.get("Publish"):
                function = versions.publish(connection, self._keyring, function, call.received_at)
        return configuration(function, self._keyring)

    def get_function(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        with self._database.read() as connection:
            function = registry.find(connection, reference)
            policy = permission.policy_of(connection, function) if function.tags else None
        reserved = function.reserved_concurrency
        return {
            "Configuration": configuration(function, self._keyring, reference.qualifier),
            "Code": {
                "RepositoryType": "S3",
                "Location": self._links.link_to(function.code_sha256),
            },
            **shown_tags(self._authority, call, function, policy),
            "Concurrency": None
            if reserved is None
            else {"ReservedConcurrentExecutions": reserved},
        }

    def get_function_configuration(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        with self._database.read() as connection:
            function = registry.find(connection, reference)
        return configuration(function, self._keyring, reference.qualifier)

    def get_function_code_signing_config(self, call: AuthorisedCall) -> Output:
        # AWS says nothing of a function whose code needn't be signed; tools ask all the same.
        reference = reference_of(call)
        registry.refuse_qualifier(reference)
        with self._database.read() as connection:
            registry.find(connection, reference)
        return {}

    def list_functions(self, call: AuthorisedCall) -> Output:
        most = page_length(call, LIST_PAGE_MAX)
        name, _, version = call.params.get("Marker", "").partition(":")
        if call.params.get("FunctionVersion") == "ALL":
            return self._list_versions(call, (name, marked_version(version or None)), most)
        with self._database.read() as connection:
            found = rows.page(
                connection,
                account=call.account,
                region=call.region,
                after_name=name,
                most=most + 1,
            )
        page = found[:most]
        return {
            "Functions": [configuration(function, self._keyring) for function in page],
            "NextMarker": page[-1].name if len(found) > most else None,
        }

    def update_function_code(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        registry.refuse_qualifier(reference)
        with self._database.read() as connection:
            zipped = registry.zip_to_update(registry.find(connection, reference), call.params)
        code = package.check(zipped)
        with self._database.write() as connection:
            function = registry.find(connection, reference)
            registry.update_code(connection, function, call.params, code, call.received_at)
            function = registry.find(connection, reference)
            is_published = call.params.get("Publish") and not call.params.get("DryRun")
            if is_published:
                function = versions.publish(connection, self._keyring, function, call.received_at)
        return configuration(function, self._keyring, function.version if is_published else None)

    def update_function_configuration(self, call: AuthorisedCall) -> Output:
        reference = reference_of(call)
        registry.refuse_qualifier(reference)
        self._check_runtime(call)
        if "Role" in call.params:
            self._check_role(call, call.params["Role"])
        with self._database.read() as connection:
            function = registry.find(connection, reference)
        self._check_layers(call, layers.new_of(function, call.params.get("Layers", [])))
        with self._database.write() as connection:
            function = registry.find(connection, reference)
            registry.update_configuration(
                connection, self._keyring, function, call.params, call.received_at
            )
            function = registry.find(connection, reference)
        return configuration(function, self._keyring)

    def delete_function(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            versions.delete(connection, reference_of(call))
        return {}

    def _list_versions(self, call: AuthorisedCall, after: tuple[str, int], most: int) -> Output:
        with self._database.read() as connection:
            found = rows.page_with_versions(
                connection, account=call.account, region=call.region, after=after, most=most + 1
            )
        page = found[:most]
        return {
            "Functions": [configuration(each, self._keyring, each.version) for each in page],
            "NextMarker": f"{page[-1].name}:{page[-1].version}" if len(found) > most else None,
        }

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

    def _check_layers(self, call: AuthorisedCall, arns: Sequence[str]) -> None:
        # AWS: whoever gives a layer to a function needs lambda:GetLayerVersion on it; and a layer
        # of another account must allow it too.
        for arn in arns:
            layer = layers.read_reference(arn, region="", account="")
            with self._database.read() as connection:
                policy = layers.policy_at(connection, layer)
            require(self._authority, call, layers.GET_LAYER_VERSION, Resource(layer.arn, policy))


def page_length(call: AuthenticatedCall, most: int) -> int:
    """Return how long a page the call gets: what it asks for, up to ``most``."""
    return min(int(call.params.get("MaxItems", most)), most)


def marked_version(marker: str | None) -> int:
    """Return the number of the version that a page ended with; 0 for ``$LATEST``, or for none.

    Raises:
        ParameterError: it is no version's.
    """
    if marker in (None, LATEST):
        return 0
    if not marker.isdecimal() or len(marker) > registry.VERSION_DIGITS_MAX:
        raise ParameterError("The marker isn't one that a page ended with.")
    return int(marker)


def reference_of(call: AuthenticatedCall) -> FunctionRef:
    """Return the function that the call names.

    Raises:
        ParameterError: it names none.
        OtherRegionError: it names one of another region than it is sent to.
    """
    reference = read_reference(
        call.params["FunctionName"],
        region=call.region,
        account=call.account,
        qualifier=call.params.get("Qualifier"),
    )
    refuse_other_region(call, reference.region, "Functions")
    return reference


def refuse_other_region(call: AuthenticatedCall, region: str, kind: str) -> None:
    """Refuse an ARN of another region than the call is sent to.

    Raises:
        OtherRegionError: it is one.
    """
    # Or a policy that denies by aws:RequestedRegion would decide on the wrong one.
    if region != call.region:
        raise OtherRegionError(kind, region, call.region)
