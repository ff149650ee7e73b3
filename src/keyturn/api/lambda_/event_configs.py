"""How often and how long asynchronous invocations are tried.

AWS: Lambda API reference, PutFunctionEventInvokeConfig, GetFunctionEventInvokeConfig,
UpdateFunctionEventInvokeConfig, DeleteFunctionEventInvokeConfig, ListFunctionEventInvokeConfigs.
"""

from dataclasses import replace
from typing import Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.lambda_.functions import page_length, reference_of
from keyturn.api.lambda_.shapes import event_invoke_config
from keyturn.api.operation import Output
from keyturn.functions import event_queue, registry
from keyturn.functions.names import LATEST
from keyturn.model.function import Function
from keyturn.store import event_invoke_configs as rows
from keyturn.store.database import Connection, Database

CONFIGS_PAGE_MAX: Final = 50


class EventConfigs:
    """The operations on settings for asynchronous invocations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_function_event_invoke_config(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            function, qualifier = _target(connection, call)
            config = event_queue.put_config(
                connection, function, qualifier, call.params, call.received_at
            )
        return event_invoke_config(function.arn, config)

    def update_function_event_invoke_config(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            function, qualifier = _target(connection, call)
            config = event_queue.update_config(
                connection, function, qualifier, call.params, call.received_at
            )
        return event_invoke_config(function.arn, config)

    def get_function_event_invoke_config(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            function, qualifier = _target(connection, call)
            config = event_queue.find_config(connection, function, qualifier)
        return event_invoke_config(function.arn, config)

    def delete_function_event_invoke_config(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            function, qualifier = _target(connection, call)
            event_queue.find_config(connection, function, qualifier)
            rows.delete_config(connection, function.id, qualifier)
        return {}

    def list_function_event_invoke_configs(self, call: AuthorisedCall) -> Output:
        most = page_length(call, CONFIGS_PAGE_MAX)
        with self._database.read() as connection:
            function, _ = _target(connection, call)
            found = rows.page(
                connection,
                function.id,
                after_qualifier=call.params.get("Marker", ""),
                most=most + 1,
            )
        page = found[:most]
        return {
            "FunctionEventInvokeConfigs": [
                event_invoke_config(function.arn, config) for config in page
            ],
            "NextMarker": page[-1].qualifier if len(found) > most else None,
        }


def _target(connection: Connection, call: AuthorisedCall) -> tuple[Function, str]:
    reference = reference_of(call)
    registry.find(connection, reference)
    function = registry.find(connection, replace(reference, qualifier=None))
    return function, reference.qualifier or LATEST
