"""Filters of RDS's lists: each has values, of which one must be the database's.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_Filter.html. Those about what a
target hasn't, such as a domain, are known and match nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from keyturn.api.rds.refusals import UnknownFilterError
from keyturn.model.target import Target, TargetKind, target_arn

ValuesOf = Callable[[Target], Iterable[str]]


def _own(target: Target) -> Iterable[str]:
    return target.name, target.arn


def _of_cluster(target: Target) -> Iterable[str]:
    if target.cluster is None:
        return ()
    arn = target_arn(target.account, target.region, TargetKind.DB_CLUSTER, target.cluster)
    return target.cluster, arn


def _engine(target: Target) -> Iterable[str]:
    return (target.engine,)


def _nothing(_target: Target) -> Iterable[str]:
    return ()


OF_INSTANCES: Final[Mapping[str, ValuesOf]] = {
    "db-cluster-id": _of_cluster,
    "db-instance-id": _own,
    "dbi-resource-id": _nothing,
    "domain": _nothing,
    "engine": _engine,
}
OF_CLUSTERS: Final[Mapping[str, ValuesOf]] = {
    "clone-group-id": _nothing,
    "db-cluster-id": _own,
    "db-cluster-resource-id": _nothing,
    "domain": _nothing,
    "engine": _engine,
}


def filtered(
    found: Iterable[Target], params: Mapping[str, Any], known: Mapping[str, ValuesOf]
) -> list[Target]:
    """Return those of the targets that every filter of a request lets through.

    Raises:
        UnknownFilterError: the operation hasn't such a filter.
    """
    wanted = [
        (_values_of(each["Name"], known), each["Values"]) for each in params.get("Filters", ())
    ]
    return [
        target
        for target in found
        if all(not {*values_of(target)}.isdisjoint(values) for values_of, values in wanted)
    ]


def _values_of(name: str, known: Mapping[str, ValuesOf]) -> ValuesOf:
    if name not in known:
        raise UnknownFilterError(name)
    return known[name]
