"""Ask whether a caller may do something, with all that is known of the call.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.operation import Resource
from keyturn.iam.authority import Authority
from keyturn.model.errors import NotAllowedError


def require(
    authority: Authority, call: AuthenticatedCall, action: str, resource: Resource
) -> None:
    """Return if the caller may perform ``action`` on ``resource``.

    Raises:
        NotAllowedError: it may not.
    """
    context = {
        "aws:SourceIp": (call.source_ip,),
        "aws:RequestedRegion": (call.region,),
        **resource.context,
    }
    try:
        authority.require(
            call.caller, action, resource.arn, resource_policy=resource.policy, context=context
        )
    except NotAllowedError as error:
        raise error if resource.shown is None else error.about(resource.shown) from None
