"""Secrets Manager's operations: each with its IAM action, its resource and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
"""

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.operation import Handler, Operation, Resource, ResourceOf, ServiceApi, anything
from keyturn.api.secretsmanager.catalogue import Catalogue
from keyturn.api.secretsmanager.faults import fault_of
from keyturn.api.secretsmanager.password import get_random_password
from keyturn.api.secretsmanager.rotating import Rotating
from keyturn.api.secretsmanager.values import Values
from keyturn.secrets import lookup, names
from keyturn.secrets.refusals import SecretNotFoundError
from keyturn.store.database import Database
from keyturn.store.read_cache import ReadCache

RESOURCES_CACHED_MAX = 10_000
_SERVICE = "secretsmanager"


def secrets_manager(
    database: Database, values: Values, catalogue: Catalogue, rotating: Rotating
) -> ServiceApi:
    """Return Secrets Manager as far as it is served."""
    secret = _secret_of(database)
    operations = (
        _on("CancelRotateSecret", secret, rotating.cancel_rotate_secret),
        _on("CreateSecret", _new_secret, catalogue.create_secret),
        _on("DeleteSecret", secret, catalogue.delete_secret),
        _on("DescribeSecret", secret, catalogue.describe_secret, is_quick=True),
        _on("GetRandomPassword", anything, get_random_password, is_quick=True),
        _on("GetSecretValue", secret, values.get_secret_value, is_quick=True),
        _on("ListSecrets", anything, catalogue.list_secrets),
        _on("ListSecretVersionIds", secret, catalogue.list_secret_version_ids),
        _on("PutSecretValue", secret, values.put_secret_value),
        _on("RestoreSecret", secret, catalogue.restore_secret),
        _on("RotateSecret", secret, rotating.rotate_secret),
        _on("TagResource", secret, catalogue.tag_resource),
        _on("UntagResource", secret, catalogue.untag_resource),
        _on("UpdateSecret", secret, values.update_secret),
        _on("UpdateSecretVersionStage", secret, values.update_secret_version_stage),
    )
    return ServiceApi(_SERVICE, operations, fault_of)


def _on(name: str, resource: ResourceOf, handler: Handler, *, is_quick: bool = False) -> Operation:
    return Operation(name, f"{_SERVICE}:{name}", resource, handler, is_quick)


def _secret_of(database: Database) -> ResourceOf:
    known: ReadCache[tuple[str, str, str], Resource] = ReadCache(database, RESOURCES_CACHED_MAX)

    def read(call: AuthenticatedCall, asked: str) -> Resource:
        with database.read() as connection:
            try:
                secret = lookup.find(connection, call.account, call.region, asked)
            except SecretNotFoundError:
                return Resource(_arn_of_nothing(call, asked))
        return Resource(secret.arn, secret.resource_policy)

    def resource(call: AuthenticatedCall) -> Resource:
        asked = call.params["SecretId"]
        return known.get((call.account, call.region, asked), lambda: read(call, asked))

    return resource


def _arn_of_nothing(call: AuthenticatedCall, asked: str) -> str:
    # Whoever may not read a secret of that name may not learn that there is none.
    if asked.startswith("arn:"):
        return asked
    return names.secret_arn(call.region, call.account, asked, "??????")


def _new_secret(call: AuthenticatedCall) -> Resource:
    name = call.params["Name"]
    names.check(name)
    return Resource(names.secret_arn(call.region, call.account, name, "??????"))
