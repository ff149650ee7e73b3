"""Roles.

AWS: API reference, CreateRole, GetRole, ListRoles, UpdateAssumeRolePolicy, DeleteRole.
"""

from keyturn.api.calls import AuthorisedCall
from keyturn.api.iam.members import read_tags, refuse_permissions_boundary
from keyturn.api.iam.pages import page_members, read_page_request
from keyturn.api.iam.shapes import role_shape
from keyturn.api.operation import Output
from keyturn.iam import roles
from keyturn.store import identities
from keyturn.store.database import Database


class Roles:
    """The operations on roles."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_role(self, call: AuthorisedCall) -> Output:
        new = _new_role(call)
        with self._database.write() as connection:
            role = roles.create(connection, new, call.received_at)
        return {"Role": role_shape(role)}

    def get_role(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            role = roles.find(connection, call.account, call.params["RoleName"])
        return {"Role": role_shape(role)}

    def list_roles(self, call: AuthorisedCall) -> Output:
        request = read_page_request(call.params)
        prefix = call.params.get("PathPrefix", "/")
        with self._database.read() as connection:
            found = identities.roles_page(
                connection, call.account, prefix, after=request.after, most=request.enough
            )
        return page_members(
            "Roles", request, found, key_of=lambda role: role.name, shape=role_shape
        )

    def update_assume_role_policy(self, call: AuthorisedCall) -> Output:
        params = call.params
        with self._database.write() as connection:
            roles.change_trust(
                connection, call.account, params["RoleName"], params["PolicyDocument"]
            )
        return {}

    def delete_role(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            roles.delete(connection, call.account, call.params["RoleName"])
        return {}


def _new_role(call: AuthorisedCall) -> roles.NewRole:
    params = call.params
    refuse_permissions_boundary(params)
    return roles.NewRole(
        account=call.account,
        name=params["RoleName"],
        trust_policy=params["AssumeRolePolicyDocument"],
        path=params.get("Path", "/"),
        description=params.get("Description"),
        max_session_seconds=params.get("MaxSessionDuration", roles.MAX_SESSION_SECONDS_MIN),
        tags=read_tags(params),
    )
