"""Who a caller is.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output


def get_caller_identity(call: AuthorisedCall) -> Output:
    """Return whom the request is proven to come from."""
    caller = call.caller
    return {"UserId": caller.unique_id, "Account": caller.account, "Arn": caller.arn}
