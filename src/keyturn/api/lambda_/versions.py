"""Versions and aliases of functions.

AWS: Lambda API reference, PublishVersion, ListVersionsByFunction, CreateAlias, GetAlias,
ListAliases, UpdateAlias, DeleteAlias.
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.api.lambda_.functions import (
    LIST_PAGE_MAX,
    marked_version,
    page_length,
    reference_of,
)
from keyturn.api.lambda_.shapes import alias_configuration, configuration
from keyturn.api.operation import Output
from keyturn.functions import aliases, registry, unserved, versions
from keyturn.keys.keyring import Keyring
from keyturn.model.function import Function
from keyturn.store import function_aliases, functions as rows
from keyturn.store.database import Connection, Database


class Versions:
    """The operations on versions and aliases."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    def publish_version(self, call: AuthorisedCall) -> Output:
        unserved.refuse_unserved(call.params)
        with self._database.write() as connection:
            function = _function(connection, call)
            versions.check_expected(function, call.params)
            published = versions.publish(
                connection,
                self._keyring,
                function,
                call.received_at,
                call.params.get("Description"),
            )
        return configuration(published, self._keyring, published.version)

    def list_versions_by_function(self, call: AuthorisedCall) -> Output:
        most = page_length(call, LIST_PAGE_MAX)
        marker = call.params.get("Marker")
        with self._database.read() as connection:
            function = _function(connection, call)
            found = rows.version_page(
                connection, function.id, after_version=marked_version(marker), most=most + 1
            )
        # The changeable one comes first, and alone has no marker before it.
        if marker is None:
            found.insert(0, function)
        page = found[:most]
        return {
            "Versions": [configuration(each, self._keyring, each.version) for each in page],
            "NextMarker": page[-1].version if len(found) > most else None,
        }

    def create_alias(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            function = _function(connection, call)
            alias = aliases.create(connection, function, call.params)
        return alias_configuration(function.arn, alias)

    def get_alias(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            function = _function(connection, call)
            alias = aliases.find(connection, function, call.params["Name"])
        return alias_configuration(function.arn, alias)

    def list_aliases(self, call: AuthorisedCall) -> Output:
        most = page_length(call, LIST_PAGE_MAX)
        with self._database.read() as connection:
            function = _function(connection, call)
            found = function_aliases.page(
                connection,
                function.id,
                version=call.params.get("FunctionVersion"),
                after_name=call.params.get("Marker", ""),
                most=most + 1,
            )
        page = found[:most]
        return {
            "Aliases": [alias_configuration(function.arn, alias) for alias in page],
            "NextMarker": page[-1].name if len(found) > most else None,
        }

    def update_alias(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            function = _function(connection, call)
            alias = aliases.update(connection, function, call.params)
        return alias_configuration(function.arn, alias)

    def delete_alias(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            aliases.delete(connection, _function(connection, call), call.params["Name"])
        return {}


def _function(connection: Connection, call: AuthorisedCall) -> Function:
    reference = reference_of(call)
    registry.refuse_qualifier(reference)
    return registry.find(connection, reference)
