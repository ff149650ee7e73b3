"""Permissions on tags that other operations than those on tags need.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html, "Permissions required
for working with tags".
"""

from keyturn.api import tag_keys
from keyturn.api.calls import AuthorisedCall
from keyturn.api.common_faults import common_fault
from keyturn.api.operation import Output, Resource
from keyturn.api.permission import require
from keyturn.api.tag_keys import Keys, Tags
from keyturn.iam.authority import Authority
from keyturn.model.errors import NotAllowedError
from keyturn.model.function import Function


def require_tagging(
    authority: Authority, call: AuthorisedCall, function_arn: str, tags: Tags
) -> None:
    """Return if the caller may make the function with these tags.

    Raises:
        NotAllowedError: it may not.
    """
    # AWS: lambda:TagResource is for whoever needs to "perform tag-on-create" too.
    if tags:
        resource = Resource(function_arn, context=of_new_function(tags))
        require(authority, call, "lambda:TagResource", resource)


def of_new_function(tags: Tags) -> Keys:
    """Return what policies can ask about the tags that a function is made with.

    AWS: "Secure your functions by tag" requires the same tag as ``aws:RequestTag`` and as
    ``aws:ResourceTag`` of whoever makes a function.
    """
    return {**tag_keys.of_resource(tags), **tag_keys.of_request(tags)}


def shown_tags(
    authority: Authority, call: AuthorisedCall, function: Function, policy: str | None
) -> Output:
    """Return what GetFunction says of a function's tags: them, or that the caller may not know.

    Args:
        policy: the policy on the function itself, if it has one.
    """
    # AWS: GetFunction, "Lambda returns tag data only if you have explicit allow permissions for
    # lambda:ListTags".
    if not function.tags:
        return {}
    resource = Resource(function.arn, policy, tag_keys.of_resource(function.tags))
    try:
        require(authority, call, "lambda:ListTags", resource)
    except NotAllowedError as error:
        fault = common_fault("lambda", error)
        assert fault is not None
        return {"TagsError": {"ErrorCode": fault.code, "Message": fault.message}}
    return {"Tags": function.tags}
