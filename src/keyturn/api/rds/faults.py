"""What RDS's and Redshift's refusals are on the wire.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html and the errors of
each operation; the texts are those that AWS is seen to answer with.
"""

from typing import Final

from keyturn.api.rds import refusals
from keyturn.api.rds.pages import MAX_RECORDS_MAX, MAX_RECORDS_MIN
from keyturn.model.errors import ServiceError
from keyturn.model.target import TargetKind
from keyturn.wire.fault import Fault

_VALUE: Final = "InvalidParameterValue"
_NOT_FOUND: Final = {
    TargetKind.DB_INSTANCE: ("DBInstanceNotFound", "DBInstance"),
    TargetKind.DB_CLUSTER: ("DBClusterNotFoundFault", "DBCluster"),
    TargetKind.REDSHIFT_CLUSTER: ("ClusterNotFound", "Cluster"),
}
_FAULTS: Final[dict[type[ServiceError], tuple[str, str]]] = {
    refusals.InvalidMarkerError: (_VALUE, "The Marker is not one of an earlier response."),
    refusals.IdentifierWithMarkerError: (
        "InvalidParameterCombination",
        "You can specify either the ClusterIdentifier or the Marker, but not both.",
    ),
}


def fault_of(error: ServiceError) -> Fault | None:
    """Return the error for a refusal; None for one that isn't of these services."""
    match error:
        case refusals.UnknownTargetError(kind=kind, identifier=identifier):
            code, word = _NOT_FOUND[kind]
            return Fault(code, f"{word} {identifier} not found.", 404)
        case refusals.InvalidIdentifierError(member=member):
            return Fault(
                _VALUE,
                f"The parameter {member} is not a valid identifier. Identifiers must begin with a "
                "letter; must contain only ASCII letters, digits, and hyphens; and must not end "
                "with a hyphen or contain two consecutive hyphens.",
            )
        case refusals.PageLengthError(most=most):
            text = f"Must be between {MAX_RECORDS_MIN} and {MAX_RECORDS_MAX}"
            return Fault(_VALUE, f"Invalid value {most} for MaxRecords. {text}")
        case refusals.UnknownFilterError(name=name):
            return Fault(_VALUE, f"Unrecognized filter name: {name}")
        case _:
            known = _FAULTS.get(type(error))
            return None if known is None else Fault(*known)
