"""What a decision on a call of Lambda's is about: a function, a qualifier of it, or a layer.

And what policies can ask about it:

* The tags of a function, also where the call is about a version or an alias of it: those have
  none of their own. Layers have no tags.
* ``lambda:Layer`` is the ARN of a layer's version as AWS writes it, however the request does.
* A key that the request doesn't have stays away, so that a condition on it fails unless its
  operator is negated or ends in ``IfExists``.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html
"""

from dataclasses import replace

from keyturn.api import tag_keys
from keyturn.api.calls import AuthenticatedCall
from keyturn.api.lambda_.account import tagged_reference
from keyturn.api.lambda_.functions import reference_of
from keyturn.api.lambda_.layers import arn_of, layer_of, version_of
from keyturn.api.lambda_.permissions import latest_unqualified
from keyturn.api.lambda_.tag_permissions import of_new_function
from keyturn.api.operation import Resource
from keyturn.api.tag_keys import Keys
from keyturn.functions import layers, permission, policy_text
from keyturn.functions.layers import LayerRef
from keyturn.functions.names import FunctionRef
from keyturn.store.database import Database


class LambdaResources:
    """Finds what a call is about, and the policy on that."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def function(self, call: AuthenticatedCall) -> Resource:
        """Return the function itself, whatever qualifier the call has."""
        return self._resource(replace(reference_of(call), qualifier=None))

    def new_function(self, call: AuthenticatedCall) -> Resource:
        """Return the function that the call makes, with the tags and layers that it is to have."""
        tags = of_new_function(call.params.get("Tags", {}))
        return Resource(reference_of(call).arn, context={**tags, **_of_layers(call)})

    def configured(self, call: AuthenticatedCall) -> Resource:
        """Return the function that the call configures, with the layers that it is to have."""
        return self.function(call).with_context(_of_layers(call))

    def qualified(self, call: AuthenticatedCall) -> Resource:
        """Return the version or alias that the call names; without one, the function."""
        return self._resource(latest_unqualified(reference_of(call)))

    def granted(self, call: AuthenticatedCall) -> Resource:
        """Return what the call lets somebody use, with who that is."""
        return self.qualified(call).with_context(_of_principal(call.params["Principal"]))

    def revoked(self, call: AuthenticatedCall) -> Resource:
        """Return what the call lets somebody use no more, with who that is."""
        resource = self.qualified(call)
        if resource.policy is None:
            return resource
        principal = policy_text.principal_in(resource.policy, call.params["StatementId"])
        return resource.with_context(_of_principal(principal))

    def tagged(self, call: AuthenticatedCall) -> Resource:
        """Return the function whose tags the call is about, with how it changes them."""
        changed = tag_keys.of_request(
            call.params.get("Tags", {}), removed=call.params.get("TagKeys", ())
        )
        return self._resource(tagged_reference(call)).with_context(changed)

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
            tags, policy = permission.tags_and_policy_of(
                connection, reference.arn, reference.qualifier
            )
        return Resource(reference.asked_arn, policy, tag_keys.of_resource(tags))

    def _version(self, reference: LayerRef) -> Resource:
        with self._database.read() as connection:
            return Resource(reference.arn, layers.policy_at(connection, reference))


def _of_layers(call: AuthenticatedCall) -> Keys:
    references = [
        layers.read_reference(arn, region="", account="") for arn in call.params.get("Layers", ())
    ]
    return {"lambda:Layer": tuple(layer.arn for layer in references)} if references else {}


def _of_principal(principal: str | None) -> Keys:
    return {} if principal is None else {"lambda:Principal": (principal,)}
