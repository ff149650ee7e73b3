"""Redshift Serverless's operations: each with its action and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftserverless.html
"""

from keyturn.api.operation import Operation, ServiceApi, anything
from keyturn.api.redshift_serverless.listing import (
    InvalidTokenError,
    Listing,
    namespace,
    workgroup,
)
from keyturn.model.errors import ServiceError
from keyturn.store.database import Database
from keyturn.wire.fault import Fault


def redshift_serverless_api(database: Database) -> ServiceApi:
    """Return Redshift Serverless as far as it is served."""
    operations = (
        Operation(
            "ListNamespaces",
            "redshift-serverless:ListNamespaces",
            anything,
            Listing(database, "namespaces", namespace),
        ),
        Operation(
            "ListWorkgroups",
            "redshift-serverless:ListWorkgroups",
            anything,
            Listing(database, "workgroups", workgroup),
        ),
    )
    return ServiceApi("redshift-serverless", operations, _fault_of)


def _fault_of(error: ServiceError) -> Fault | None:
    if isinstance(error, InvalidTokenError):
        return Fault("ValidationException", "The nextToken is not one of an earlier response.")
    return None
