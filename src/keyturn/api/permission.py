"""Ask whether a caller may do something, with all that is known of the call.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.operation import Resource
from keyturn.iam.authority import Authority


def require(
    authority: Authority, call: AuthenticatedCall, action: str, resource: Resource
) -> None:
    """Return if the caller may perform ``action`` on ``resource``.

    Raises:
        NotAllowedError: it may not.
    """
    authority.require(
        call.caller,
        action,
        resource.arn,
        resource_policy=resource.policy,
        context={
            "aws:SourceIp": (call.source_ip,),
            "aws:RequestedRegion": (call.region,),
            **resource.context,
        },
    )
