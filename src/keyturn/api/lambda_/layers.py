"""Layers, and who else may use them.

AWS: Lambda API reference, PublishLayerVersion, GetLayerVersion, GetLayerVersionByArn, ListLayers,
ListLayerVersions, DeleteLayerVersion, AddLayerVersionPermission, RemoveLayerVersionPermission,
GetLayerVersionPolicy.
"""

from collections.abc import Callable
from typing import Final

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.lambda_.code_links import CodeLinks
from keyturn.api.lambda_.functions import page_length, refuse_other_region
from keyturn.api.lambda_.shapes import layer_version, layer_version_item
from keyturn.api.operation import Output
from keyturn.functions import layers, package
from keyturn.functions.layers import LayerRef
from keyturn.functions.refusals import (
    LayerPolicyNotFoundError,
    LayerRevisionMismatchError,
    ParameterError,
)
from keyturn.model.layer import LayerVersion
from keyturn.store import layers as rows
from keyturn.store.database import Database

LAYERS_PAGE_MAX: Final = 50
_VERSION_DIGITS_MAX: Final = 9


class Layers:
    """The operations on layers."""

    def __init__(self, database: Database, links: CodeLinks) -> None:
        self._database = database
        self._links = links

    def publish_layer_version(self, call: AuthorisedCall) -> Output:
        reference = layer_of(call)
        code = package.check(layers.zip_to_publish(call.params))
        with self._database.write() as connection:
            version = layers.publish(connection, reference, call.params, code, call.received_at)
        return layer_version(version, self._links.link_to(version.code_sha256))

    def get_layer_version(self, call: AuthorisedCall) -> Output:
        return self._described(version_of(call))

    def get_layer_version_by_arn(self, call: AuthorisedCall) -> Output:
        return self._described(arn_of(call))

    def list_layers(self, call: AuthorisedCall) -> Output:
        most, marker = page_length(call, LAYERS_PAGE_MAX), call.params.get("Marker", "")
        is_wanted = _filter_of(call)
        with self._database.read() as connection:
            found = rows.latest_page(
                connection,
                account=call.account,
                region=call.region,
                after_name=marker,
                most=most + 1,
            )
        page = found[:most]
        return {
            "Layers": [
                {
                    "LayerName": version.name,
                    "LayerArn": version.layer_arn,
                    "LatestMatchingVersion": layer_version_item(version),
                }
                for version in page
                if is_wanted(version)
            ],
            "NextMarker": page[-1].name if len(found) > most else None,
        }

    def list_layer_versions(self, call: AuthorisedCall) -> Output:
        most, is_wanted = page_length(call, LAYERS_PAGE_MAX), _filter_of(call)
        with self._database.read() as connection:
            found = rows.version_page(
                connection,
                layer_of(call).layer_arn,
                before_version=_marked(call),
                most=most + 1,
            )
        page = found[:most]
        return {
            "LayerVersions": [
                layer_version_item(version) for version in page if is_wanted(version)
            ],
            "NextMarker": str(page[-1].version) if len(found) > most else None,
        }

    def delete_layer_version(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            layers.delete(connection, version_of(call))
        return {}

    def add_layer_version_permission(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            version = layers.find(connection, version_of(call))
            _check_revision(version, call)
            statement, revision_id = layers.add_statement(connection, version, call.params)
        return {"Statement": statement, "RevisionId": revision_id}

    def remove_layer_version_permission(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            version = layers.find(connection, version_of(call))
            _check_revision(version, call)
            layers.remove_statement(connection, version, call.params["StatementId"])
        return {}

    def get_layer_version_policy(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            version = layers.find(connection, version_of(call))
            policy = layers.policy_of(connection, version)
        if policy is None:
            raise LayerPolicyNotFoundError
        return {"Policy": policy, "RevisionId": version.revision_id}

    def _described(self, reference: LayerRef) -> Output:
        with self._database.read() as connection:
            version = layers.find(connection, reference)
        return layer_version(version, self._links.link_to(version.code_sha256))


def layer_of(call: AuthenticatedCall) -> LayerRef:
    """Return the layer that the call names.

    Raises:
        ParameterError: it names none.
        OtherRegionError: it names one of another region than it is sent to.
    """
    return _reference(call, call.params["LayerName"])


def version_of(call: AuthenticatedCall) -> LayerRef:
    """Return the version of a layer that the call names.

    Raises:
        ParameterError: it names none.
        OtherRegionError: it names one of another region than it is sent to.
    """
    return _reference(call, call.params["LayerName"], call.params["VersionNumber"])


def arn_of(call: AuthenticatedCall) -> LayerRef:
    """Return the version of a layer whose ARN the call has.

    Raises:
        ParameterError: it is no layer's.
        OtherRegionError: it is of another region than the call is sent to.
    """
    return _reference(call, call.params["Arn"])


def _reference(call: AuthenticatedCall, text: str, version: int | None = None) -> LayerRef:
    reference = layers.read_reference(
        text, region=call.region, account=call.account, version=version
    )
    refuse_other_region(call, reference.region, "Layers")
    return reference


def _filter_of(call: AuthorisedCall) -> Callable[[LayerVersion], bool]:
    runtime = call.params.get("CompatibleRuntime")
    architecture = call.params.get("CompatibleArchitecture")

    def is_wanted(version: LayerVersion) -> bool:
        return (runtime is None or runtime in version.runtimes) and (
            architecture is None or architecture in version.architectures
        )

    return is_wanted


def _check_revision(version: LayerVersion, call: AuthorisedCall) -> None:
    if call.params.get("RevisionId", version.revision_id) != version.revision_id:
        raise LayerRevisionMismatchError


def _marked(call: AuthorisedCall) -> int | None:
    marker = call.params.get("Marker")
    if marker is None:
        return None
    if not marker.isdecimal() or len(marker) > _VERSION_DIGITS_MAX:
        raise ParameterError("The marker isn't one that a page ended with.")
    return int(marker)
