"""The policies on secrets.

AWS: API reference, PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy,
ListResourcePolicies and ValidateResourcePolicy.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output, Resource
from keyturn.api.permission import require
from keyturn.api.secretsmanager import condition_keys
from keyturn.api.secretsmanager.found import alive
from keyturn.api.secretsmanager.pages import page_of, read_page
from keyturn.api.secretsmanager.resources import no_secret, resource_of
from keyturn.iam.authority import Authority
from keyturn.keys.keyring import Keyring
from keyturn.model.errors import NotAllowedError
from keyturn.model.secret import Secret
from keyturn.secrets import cross_account, ownership, resource_policy
from keyturn.secrets.resource_policy import BoundPolicy
from keyturn.store import secrets as rows
from keyturn.store.database import Connection, Database
from keyturn.wire.service import load_service

_PUT: Final = "secretsmanager:PutResourcePolicy"


class Policies:
    """The operations on policies."""

    def __init__(self, database: Database, keyring: Keyring, authority: Authority) -> None:
        self._database = database
        self._keyring = keyring
        self._authority = authority

    def put_resource_policy(self, call: AuthorisedCall) -> Output:
        _require_default_name(call.params)
        with self._database.write() as connection:
            secret = alive(connection, call)
            ownership.require_own_metadata(secret)
            policy = resource_policy.bind(connection, call.params["ResourcePolicy"])
            if call.params.get("BlockPublicPolicy", False):
                resource_policy.require_private(policy, _actions(), secret.arn)
            self._require_way_back(call, _resource(call, secret), policy)
            _save(connection, secret, call, policy.written, policy.in_force)
        return _answer(call, secret)

    def get_resource_policy(self, call: AuthorisedCall) -> Output:
        name = call.params.get("PolicyName", resource_policy.DEFAULT_NAME)
        with self._database.read() as connection:
            secret = alive(connection, call)
            policies = dict(_policies_of(connection, secret))
        if name not in policies and name != resource_policy.DEFAULT_NAME:
            raise resource_policy.PolicyNotFoundError(name)
        return {**_answer(call, secret), "ResourcePolicy": policies.get(name)}

    def delete_resource_policy(self, call: AuthorisedCall) -> Output:
        _require_default_name(call.params)
        with self._database.write() as connection:
            secret = alive(connection, call)
            ownership.require_own_metadata(secret)
            if secret.resource_policy is not None:
                _save(connection, secret, call, None, None)
        return _answer(call, secret)

    def list_resource_policies(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            secret = alive(connection, call)
            names = [name for name, _ in _policies_of(connection, secret)]
        page = read_page(self._keyring, call.params, f"ListResourcePolicies {secret.arn}")
        _, first = page.after
        some = names[first : first + page.most + 1]
        entries: list[Output] = [{"PolicyName": name} for name in some]
        positions = [(0, first + number) for number in range(1, len(some) + 1)]
        return page_of(self._keyring, page, "ResourcePolicies", entries, positions)

    def validate_resource_policy(self, call: AuthorisedCall) -> Output:
        with self._database.read() as connection:
            resource = no_secret(call)
            if "SecretId" in call.params:
                resource = _resource(call, alive(connection, call))
            # AWS: "Required permissions" are those of PutResourcePolicy too.
            require(self._authority, call, _PUT, resource)
            try:
                policy = resource_policy.bind(connection, call.params["ResourcePolicy"])
            except resource_policy.PolicyNotJsonError:
                raise
            except resource_policy.PolicySyntaxError as error:
                return _validated([_error("Syntax", error.reason)])
        return _validated(list(self._errors(call, resource, policy)))

    def _errors(
        self, call: AuthorisedCall, resource: Resource, policy: BoundPolicy
    ) -> Iterator[Output]:
        secret_arn = resource.arn if "SecretId" in call.params else None
        try:
            resource_policy.require_private(policy, _actions(), secret_arn)
        except resource_policy.PublicPolicyError:
            yield _error("PublicAccess", "The policy allows broad access to the secret.")
        try:
            self._require_way_back(call, resource, policy)
        except resource_policy.LockedOutError:
            yield _error("LockOut", "The policy would keep you from replacing it.")

    def _require_way_back(
        self, call: AuthorisedCall, resource: Resource, policy: BoundPolicy
    ) -> None:
        # AWS: a policy may not lock out who puts it.
        later = replace(resource, policy=policy.in_force)
        try:
            require(self._authority, call, _PUT, later)
        except NotAllowedError:
            raise resource_policy.LockedOutError from None


@cache
def _actions() -> tuple[str, ...]:
    """Return all that can be asked of a secret."""
    names = sorted(load_service("secretsmanager").operation_names)
    return (*(f"secretsmanager:{name}" for name in names), cross_account.ACCEPT)


def _resource(call: AuthorisedCall, secret: Secret) -> Resource:
    keys = condition_keys.of_request("PutResourcePolicy", call.params)
    return resource_of(secret, shown=call.params["SecretId"]).with_context(keys)


def _require_default_name(params: Mapping[str, Any]) -> None:
    name = params.get("PolicyName", resource_policy.DEFAULT_NAME)
    if name != resource_policy.DEFAULT_NAME:
        raise resource_policy.PolicyNameError


def _policies_of(connection: Connection, secret: Secret) -> Iterator[tuple[str, str]]:
    # AWS lists default first, then any others in alphabetical order.
    default = resource_policy.shown(connection, secret)
    if default is not None:
        yield resource_policy.DEFAULT_NAME, default
    linking = cross_account.policy_of(secret)
    if linking is not None:
        yield cross_account.POLICY_NAME, linking


def _save(
    connection: Connection,
    secret: Secret,
    call: AuthorisedCall,
    written: str | None,
    in_force: str | None,
) -> None:
    rows.save(
        connection,
        secret.id,
        resource_policy=written,
        policy_in_force=in_force,
        last_changed_at=call.received_at,
    )


def _answer(call: AuthorisedCall, secret: Secret) -> dict[str, Any]:
    # The name is told to those who know that policies have names: an older client sends none.
    return {"ARN": secret.arn, "Name": secret.name, "PolicyName": call.params.get("PolicyName")}


def _validated(errors: list[Output]) -> Output:
    return {"PolicyValidationPassed": not errors, "ValidationErrors": errors}


def _error(check: str, message: str) -> Output:
    return {"CheckName": check, "ErrorMessage": message}
