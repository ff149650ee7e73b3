"""Turning rotation on and off.

AWS: API reference, RotateSecret and CancelRotateSecret.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from keyturn.api import tag_keys
from keyturn.api.calls import AuthorisedCall
from keyturn.api.operation import Output, Resource
from keyturn.api.permission import require
from keyturn.api.secretsmanager.found import with_own_values
from keyturn.functions.names import read_arn
from keyturn.iam.authority import Authority
from keyturn.keys.keyring import Keyring
from keyturn.model.secret import Secret
from keyturn.rotation import external, request as rotation, schedule
from keyturn.store import functions
from keyturn.store.database import Connection, Database

_SECRETS_MANAGER: Final = "secretsmanager.amazonaws.com"


class Rotating:
    """The operations that configure rotation. ``wake`` tells the engine that one is due."""

    def __init__(
        self,
        database: Database,
        keyring: Keyring,
        authority: Authority,
        gate: rotation.InvocationGate,
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._authority = authority
        self._gate = gate
        self._wake = wake

    def rotate_secret(self, call: AuthorisedCall) -> Output:
        token = call.params.get("ClientRequestToken")
        if not token:
            raise rotation.RotationTokenMissingError
        with self._database.write() as connection:
            secret = with_own_values(connection, call)
            if _is_external(secret, call.params):
                self._configure_external(connection, secret, call)
                return {"ARN": secret.arn, "Name": secret.name}
            request = _request(token, call.params)
            function = rotation.chosen_function(secret, request)
            # AWS: whoever turns rotation on must be allowed to invoke the function.
            invoked = _with_tags(connection, function)
            require(self._authority, call, "lambda:InvokeFunction", invoked)
            version_id = rotation.rotate(
                connection, self._keyring, self._gate, secret, request, call.received_at
            )
        self._wake()
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}

    def cancel_rotate_secret(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            secret = with_own_values(connection, call)
            version_id = rotation.cancel(connection, secret, call.received_at)
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": version_id}

    def _configure_external(
        self, connection: Connection, secret: Secret, call: AuthorisedCall
    ) -> None:
        request = _external_request(call.params)
        if request.role_arn is not None:
            self._authority.require_pass_role(call.caller, request.role_arn, _SECRETS_MANAGER)
        external.configure(connection, secret, request, call.received_at)


def _with_tags(connection: Connection, function_arn: str) -> Resource:
    reference = read_arn(function_arn)
    found = None if reference is None else functions.find_by_arn(connection, reference.arn)
    tags = None if found is None else found.tags
    return Resource(function_arn, context=tag_keys.of_resource(tags))


def _is_external(secret: Secret, params: Mapping[str, Any]) -> bool:
    if "ExternalSecretRotationMetadata" in params or "ExternalSecretRotationRoleArn" in params:
        return True
    has_function = secret.rotation is not None and bool(secret.rotation.lambda_arn)
    return secret.secret_type is not None and not (has_function or params.get("RotationLambdaARN"))


def _external_request(params: Mapping[str, Any]) -> external.ExternalRequest:
    return external.ExternalRequest(
        metadata=params.get("ExternalSecretRotationMetadata"),
        role_arn=params.get("ExternalSecretRotationRoleArn"),
        lambda_arn=params.get("RotationLambdaARN") or None,
        rules=_rules(params.get("RotationRules")),
        is_immediate=params.get("RotateImmediately", True),
    )


def _request(token: str, params: Mapping[str, Any]) -> rotation.RotateRequest:
    return rotation.RotateRequest(
        token=token,
        lambda_arn=params.get("RotationLambdaARN"),
        rules=_rules(params.get("RotationRules")),
        is_immediate=params.get("RotateImmediately", True),
    )


def _rules(members: Mapping[str, Any] | None) -> schedule.RotationRules | None:
    if members is None:
        return None
    return schedule.parse(
        automatically_after_days=members.get("AutomaticallyAfterDays"),
        schedule_expression=members.get("ScheduleExpression"),
        duration=members.get("Duration"),
    )
