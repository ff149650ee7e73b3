"""From Lambda's event and environment to a rotation step.

The one place that reads the environment: SECRETS_MANAGER_ENDPOINT (optional: boto3's own
AWS_ENDPOINT_URL does as well), the password policy's variables and USERNAME_CHARACTER_LIMIT.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
import os
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ConnectionError as EndpointError, HTTPClientError

from keyturn_rotators.errors import (
    NotRotatableError,
    SecretsManagerUnreachableError,
    SettingError,
    without_values,
)
from keyturn_rotators.logs import keep_values_out
from keyturn_rotators.passwords import PasswordPolicy
from keyturn_rotators.rds import Rds, RdsClient
from keyturn_rotators.steps import Rotation
from keyturn_rotators.strategies import AlternatingUsers, Strategy
from keyturn_rotators.versions import SecretVersions

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

REPORT_DRIFT: Final = "reportDrift"
# An endpoint that can't be reached must be told before Lambda's usual 30 seconds are over.
_CONNECT_SECONDS: Final = 4
_READ_SECONDS: Final = 8
_ATTEMPTS_MAX: Final = 3


def rotate(event: Mapping[str, str], strategy: Strategy) -> dict[str, Any] | None:
    """Do the step that an event asks for.

    A step that Secrets Manager doesn't know is ``REPORT_DRIFT``, for people: the event has no
    token then, and the answer says in what the rights of two alternating users differ.

    Raises:
        RotationError: it can't be done; the message says why and what to do.
        botocore.exceptions.ClientError: Secrets Manager refused a call; AWS's message says which.
    """
    keep_values_out()
    policy = PasswordPolicy.from_environment(os.environ)
    if isinstance(strategy, AlternatingUsers):
        strategy = replace(strategy, username_length_max=_username_length_max(os.environ))
    client = secrets_manager()
    defaults = strategy.engine.defaults
    step = _member(event, "Step")
    versions = SecretVersions(
        client=client,
        secret_id=_member(event, "SecretId"),
        token="" if step == REPORT_DRIFT else _member(event, "ClientRequestToken"),
        rotation_token=event.get("RotationToken"),
        defaults=defaults,
        rds=Rds(relational_databases),
    )
    rotation = Rotation(
        versions=versions,
        strategy=strategy,
        make_password=lambda current: policy.make_for(current, defaults, client),
    )
    try:
        if step == REPORT_DRIFT:
            return _drift(strategy, versions)
        rotation.run(step)
    except (EndpointError, HTTPClientError) as error:
        said = without_values(str(error))
        raise SecretsManagerUnreachableError(client.meta.endpoint_url, said) from error
    return None


def _drift(strategy: Strategy, versions: SecretVersions) -> dict[str, Any]:
    if not isinstance(strategy, AlternatingUsers):
        raise NotRotatableError(f"{REPORT_DRIFT} is about two users, and this function has one.")
    model = versions.current().username
    drift = strategy.drift(versions)
    return {
        "Model": model,
        "Follower": strategy.other(model),
        "Missing": [str(right) for right in drift.missing],
        "Surplus": [str(right) for right in drift.surplus],
    }


@cache
def secrets_manager() -> "SecretsManagerClient":
    """Return the client, which takes longer to make than a step takes to run."""
    client: SecretsManagerClient = boto3.client(
        "secretsmanager",
        endpoint_url=os.environ.get("SECRETS_MANAGER_ENDPOINT") or None,
        config=_config(),
    )
    return client


@cache
def relational_databases() -> RdsClient:
    """Return RDS's client, which few secrets need."""
    client: RdsClient = boto3.client("rds", config=_config())
    return client


def _config() -> Config:
    return Config(
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS_MAX},
    )


def _username_length_max(environment: Mapping[str, str]) -> int | None:
    digits = environment.get("USERNAME_CHARACTER_LIMIT")
    if not digits:
        return None
    if not (digits.isascii() and digits.isdigit() and int(digits)):
        raise SettingError("USERNAME_CHARACTER_LIMIT", "a number of characters, 1 or more")
    return int(digits)


def _member(event: Mapping[str, str], name: str) -> str:
    value = event.get(name)
    if not value:
        raise NotRotatableError(
            f"The event has no {name}. Secrets Manager invokes this function: start a rotation "
            "with: aws secretsmanager rotate-secret."
        )
    return value
