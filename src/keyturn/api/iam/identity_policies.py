"""The policies of users and of roles: IAM has every operation twice, and they differ in a name.

AWS: API reference, PutRolePolicy, AttachRolePolicy and the other operations on either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keyturn.api.calls import AuthenticatedCall, AuthorisedCall
from keyturn.api.iam.pages import behind, page_members, read_page_request
from keyturn.api.iam.shapes import encoded
from keyturn.api.operation import Output
from keyturn.iam import policies, roles, users
from keyturn.iam.managed_policies import name_of, path_of
from keyturn.model.identity import Identity
from keyturn.store import identity_policies as rows
from keyturn.store.database import Connection, Database


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose policies they are.

    Attributes:
        word: ``Role`` or ``User``, as it stands in names of operations and members.
        find: finds one by its account and name.
    """

    word: str
    find: Callable[[Connection, str, str], Identity]

    def of(self, connection: Connection, call: AuthenticatedCall) -> Identity:
        """Return the identity that a call names."""
        return self.find(connection, call.account, call.params[f"{self.word}Name"])


ROLE: Final = Owner("Role", roles.find)
USER: Final = Owner("User", users.find)


class IdentityPolicies:
    """The operations on the policies of one kind of identity."""

    def __init__(self, database: Database, owner: Owner) -> None:
        self._database = database
        self._owner = owner

    def put_policy(self, call: AuthorisedCall) -> Output:
        params = call.params
        with self._database.write() as connection:
            identity = self._owner.of(connection, call)
            policies.put_inline(
                connection, identity, params["PolicyName"], params["PolicyDocument"]
            )
        return {}

    def get_policy(self, call: AuthorisedCall) -> Output:
        name = call.params["PolicyName"]
        with self._database.read() as connection:
            identity = self._owner.of(connection, call)
            document = policies.find_inline(connection, identity, name)
        return {
            f"{self._owner.word}Name": identity.name,
            "PolicyName": name,
            "PolicyDocument": encoded(document),
        }

    def list_policies(self, call: AuthorisedCall) -> Output:
        request = read_page_request(call.params)
        with self._database.read() as connection:
            names = rows.inline_of(connection, self._owner.of(connection, call).id)
        found = behind(request, names, str)
        return page_members("PolicyNames", request, found, key_of=str, shape=str)

    def delete_policy(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            identity = self._owner.of(connection, call)
            policies.delete_inline(connection, identity, call.params["PolicyName"])
        return {}

    def attach_policy(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            identity = self._owner.of(connection, call)
            policies.attach(connection, identity, call.params["PolicyArn"])
        return {}

    def detach_policy(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            identity = self._owner.of(connection, call)
            policies.detach(connection, identity, call.params["PolicyArn"])
        return {}

    def list_attached_policies(self, call: AuthorisedCall) -> Output:
        request = read_page_request(call.params)
        prefix = call.params.get("PathPrefix", "/")
        with self._database.read() as connection:
            arns = rows.attached_to(connection, self._owner.of(connection, call).id)
        below = (arn for arn in arns if path_of(arn).startswith(prefix))
        found = behind(request, below, name_of)
        return page_members(
            "AttachedPolicies", request, found, key_of=name_of, shape=_attached_shape
        )


def _attached_shape(arn: str) -> Output:
    return {"PolicyName": name_of(arn), "PolicyArn": arn}
