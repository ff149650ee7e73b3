"""What a decision on a call of Lambda's is about: a function, a qualifier of it, or a layer.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from dataclasses import replace

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.lambda_.account import tagged_reference
from keyturn.api.lambda_.functions import reference_of
from keyturn.api.lambda_.layers import arn_of, layer_of, version_of
from keyturn.api.lambda_.permissions import latest_unqualified
from keyturn.api.operation import Resource
from keyturn.functions import layers, permission
from keyturn.functions.layers import LayerRef
from keyturn.functions.names import FunctionRef
from keyturn.store import functions as rows
from keyturn.store.database import Database


class LambdaResources:
    """Finds what a call is about, and the policy on that."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def function(self, call: AuthenticatedCall) -> Resource:
        """Return the function itself, whatever qualifier the call has."""
        return self._resource(replace(reference_of(call), qualifier=None))

    def qualified(self, call: AuthenticatedCall) -> Resource:
        """Return the version or alias that the call names; without one, the function."""
        return self._resource(latest_unqualified(reference_of(call)))

    def tagged(self, call: AuthenticatedCall) -> Resource:
        """Return the function whose tags the call is about."""
        return self._resource(tagged_reference(call))

    def layer(self, call: AuthenticatedCall) -> Resource:
        """Return the layer that the call names."""
        return Resource(layer_of(call).layer_arn)

    def layer_version(self, call: AuthenticatedCall) -> Resource:
        """Return the version of a layer that the call names."""
        return self._version(version_of(call))

    def layer_version_by_arn(self, call: AuthenticatedCall) -> Resource:
        """Return the version of a layer whose ARN the call has."""
        return self._version(arn_of(call))

    def _resource(self, reference: FunctionRef) -> Resource:
        with self._database.read() as connection:
            function = rows.find_by_arn(connection, reference.arn)
            policy = (
                None
                if function is None
                else permission.policy_of(connection, function, reference.qualifier)
            )
        return Resource(reference.asked_arn, policy)

    def _version(self, reference: LayerRef) -> Resource:
        with self._database.read() as connection:
            return Resource(reference.arn, layers.policy_at(connection, reference))
