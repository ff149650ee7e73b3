"""IAM's operations: each with its action, its resource and its handler.

IAM has no regions: a call's region is not looked at. A resource is the ARN of the user or the role
that the call names, whether or not there is one, so that whoever may not ask is not told.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html
"""

from collections.abc import Callable
from dataclasses import replace

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.iam.faults import fault_of
from keyturn.api.iam.identity_policies import ROLE, USER, IdentityPolicies
from keyturn.api.iam.managed import ManagedPolicies
from keyturn.api.iam.members import user_name
from keyturn.api.iam.roles import Roles
from keyturn.api.iam.users import Users
from keyturn.api.operation import Handler, Operation, Resource, ResourceOf, ServiceApi
from keyturn.iam import names
from keyturn.keys.keyring import Keyring
from keyturn.store import identities
from keyturn.store.database import Database

_SERVICE = "iam"


def iam_api(database: Database, keyring: Keyring) -> ServiceApi:
    """Return IAM as far as it is served."""
    operations = (
        *_on_roles(database),
        *_on_users(database, keyring),
        *_on_policies(IdentityPolicies(database, ROLE), "Role", _role_of(database)),
        *_on_policies(IdentityPolicies(database, USER), "User", _user_of(database)),
        *_on_managed(ManagedPolicies(database)),
    )
    return ServiceApi(_SERVICE, operations, fault_of)


def _on_roles(database: Database) -> tuple[Operation, ...]:
    roles = Roles(database)
    role = _role_of(database)
    return (
        _on("CreateRole", _new_role, roles.create_role),
        _on("DeleteRole", role, roles.delete_role),
        _on("GetRole", role, roles.get_role, is_quick=True),
        _on("ListRoles", _all_roles, roles.list_roles),
        _on("UpdateAssumeRolePolicy", role, roles.update_assume_role_policy),
    )


def _on_users(database: Database, keyring: Keyring) -> tuple[Operation, ...]:
    users = Users(database, keyring)
    user = _user_of(database)
    return (
        _on("CreateAccessKey", user, users.create_access_key),
        _on("CreateUser", _new_user, users.create_user),
        _on("DeleteAccessKey", user, users.delete_access_key),
        _on("DeleteUser", user, users.delete_user),
        _on("GetUser", user, users.get_user, is_quick=True),
        _on("ListAccessKeys", user, users.list_access_keys),
        _on("ListUsers", _all_users, users.list_users),
        _on("UpdateAccessKey", user, users.update_access_key),
    )


def _on_policies(
    policies: IdentityPolicies, word: str, owner: ResourceOf
) -> tuple[Operation, ...]:
    return (
        _on(f"Attach{word}Policy", _with_policy(owner), policies.attach_policy),
        _on(f"Delete{word}Policy", owner, policies.delete_policy),
        _on(f"Detach{word}Policy", _with_policy(owner), policies.detach_policy),
        _on(f"Get{word}Policy", owner, policies.get_policy),
        _on(f"ListAttached{word}Policies", owner, policies.list_attached_policies),
        _on(f"List{word}Policies", owner, policies.list_policies),
        _on(f"Put{word}Policy", owner, policies.put_policy),
    )


def _with_policy(owner: ResourceOf) -> ResourceOf:
    # AWS: a condition on iam:PolicyARN says which policies may be handed out.
    def resource(call: AuthenticatedCall) -> Resource:
        return replace(owner(call), context={"iam:PolicyARN": (call.params["PolicyArn"],)})

    return resource


def _on_managed(managed: ManagedPolicies) -> tuple[Operation, ...]:
    return (
        _on("GetPolicy", _policy, managed.get_policy),
        _on("GetPolicyVersion", _policy, managed.get_policy_version),
    )


def _on(name: str, resource: ResourceOf, handler: Handler, *, is_quick: bool = False) -> Operation:
    return Operation(name, f"{_SERVICE}:{name}", resource, handler, is_quick)


def _role_of(database: Database) -> ResourceOf:
    def resource(call: AuthenticatedCall) -> Resource:
        name = call.params["RoleName"]
        with database.read() as connection:
            role = identities.find_role(connection, call.account, name)
        return Resource(role.arn if role else names.role_arn(call.account, "/", name))

    return resource


def _user_of(database: Database) -> ResourceOf:
    def resource(call: AuthenticatedCall) -> Resource:
        name = user_name(call)
        with database.read() as connection:
            user = identities.find_user(connection, call.account, name)
        return Resource(user.arn if user else names.user_arn(call.account, "/", name))

    return resource


def _new(arn_of: Callable[[str, str, str], str], member: str) -> ResourceOf:
    def resource(call: AuthenticatedCall) -> Resource:
        path = call.params.get("Path", "/")
        return Resource(arn_of(call.account, path, call.params[member]))

    return resource


def _all(arn_of: Callable[[str, str, str], str]) -> ResourceOf:
    # AWS: a list's resource is the path that is listed, such as arn:aws:iam::123456789012:role/.
    def resource(call: AuthenticatedCall) -> Resource:
        return Resource(arn_of(call.account, call.params.get("PathPrefix", "/"), ""))

    return resource


def _policy(call: AuthenticatedCall) -> Resource:
    return Resource(call.params["PolicyArn"])


_new_role = _new(names.role_arn, "RoleName")
_new_user = _new(names.user_arn, "UserName")
_all_roles = _all(names.role_arn)
_all_users = _all(names.user_arn)
