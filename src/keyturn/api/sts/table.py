"""STS's operations: each with its action, its resource and its handler.

* GetCallerIdentity has an action like any other, but every principal may, also one that a policy
  denies it: AWS asks for no permission, and ``keyturn.iam.authority`` knows it.
* AssumeRole is decided in its handler, where the role's trust policy and the keys that it can ask
  for (the external id, the session's name) are known; the same module holds that rule too.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservicests.html
"""

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.operation import Operation, Resource, ServiceApi, anything
from keyturn.api.sts.faults import fault_of
from keyturn.api.sts.identity import get_caller_identity
from keyturn.api.sts.roles import AssumeRole
from keyturn.iam.assume import Assumption


def sts_api(assumption: Assumption) -> ServiceApi:
    """Return STS as far as it is served."""
    operations = (
        Operation("AssumeRole", "sts:AssumeRole", _role, AssumeRole(assumption)),
        Operation(
            "GetCallerIdentity",
            "sts:GetCallerIdentity",
            anything,
            get_caller_identity,
            is_quick=True,
        ),
    )
    return ServiceApi("sts", operations, fault_of)


def _role(call: AuthenticatedCall) -> Resource:
    return Resource(call.params["RoleArn"])
