"""AWS's managed policies, which can be read and attached, and nothing else.

AWS: API reference, GetPolicy and GetPolicyVersion.
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.api.iam.shapes import policy_shape, policy_version_shape
from keyturn.api.operation import Output
from keyturn.iam import policies
from keyturn.iam.refusals import PolicyVersionNotFoundError
from keyturn.store import identity_policies as rows
from keyturn.store.database import Database


class ManagedPolicies:
    """The operations on managed policies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get_policy(self, call: AuthorisedCall) -> Output:
        policy = policies.find_managed(call.params["PolicyArn"])
        with self._database.read() as connection:
            count = rows.attachment_count(connection, call.account, policy.arn)
        return {"Policy": policy_shape(policy, count)}

    def get_policy_version(self, call: AuthorisedCall) -> Output:
        policy = policies.find_managed(call.params["PolicyArn"])
        if call.params["VersionId"] != policy.version_id:
            raise PolicyVersionNotFoundError(policy.arn, call.params["VersionId"])
        return {"PolicyVersion": policy_version_shape(policy)}
