"""The databases that secrets are for, as far as the operator has named them.

The rules, which every caller may rely on:

* A name is RDS's identifier: letters, digits and hyphens, kept in small letters.
* What a target says of others is so: its cluster or the primary that it replicates is there, in
  the same account and region, and of the same engine. A cluster has one writer at most.
* A target that others speak of can't be removed; nor can its engine change.
* A secret is for one target at most. Its system tag says so, in the words of RDS or Redshift.

Nothing is asked of a database: whether it is there is for whoever connects to find out.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html and
https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address
import re
from typing import Final

from keyturn.model.errors import ConflictError, InvalidInputError, LimitError, NotFoundError
from keyturn.model.secret import Secret, Tags
from keyturn.model.target import Target, TargetKind, target_arn
from keyturn.store import targets as rows
from keyturn.store.database import Connection

PORT_MAX: Final = 65_535
#: AWS has 40 DB instances in a region unless one asks for more.
TARGETS_PER_REGION_MAX: Final = 1_000

# RDS: 1 to 63 letters, digits or hyphens, a letter first, no hyphen last, and no two together.
_NAME: Final = re.compile(r"(?=.{1,63}\Z)[a-z](?:-?[a-z0-9])*", re.ASCII)
_ENGINE: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
# RFC 1123, 2.1, and what container networks name their hosts.
_LABEL: Final = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST: Final = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_REDSHIFT: Final = "redshift"
# RDS's and Redshift's own keys; AWS's functions compare them in small letters.
_TAG_KEYS: Final = {
    TargetKind.DB_INSTANCE: "aws:rds:primaryDBInstanceArn",
    TargetKind.DB_CLUSTER: "aws:rds:primaryDBClusterArn",
    TargetKind.REDSHIFT_CLUSTER: "aws:redshift:primaryClusterArn",
    TargetKind.REDSHIFT_SERVERLESS: "aws:redshift-serverless:namespaceArn",
}
_KINDS_OF_RDS: Final = frozenset({TargetKind.DB_INSTANCE, TargetKind.DB_CLUSTER})


class TargetError(InvalidInputError):
    """There can be no such target; the message says why."""


class TargetNotFoundError(NotFoundError):
    """The operator has named no such target."""


class AmbiguousTargetError(ConflictError):
    """There are targets of several kinds by that name."""


class TargetExistsError(ConflictError):
    """There is such a target."""


class TargetInUseError(ConflictError):
    """Other targets speak of it."""


class TooManyTargetsError(LimitError):
    """The region would have more targets than it may."""


def is_name(text: str) -> bool:
    """Return whether a target can be called that, which is in small letters."""
    return _NAME.fullmatch(text) is not None


def check(target: Target) -> None:
    """Return if a target can be as it is, whatever others there are.

    Raises:
        TargetError: it can't.
    """
    if not is_name(target.name):
        raise TargetError(
            f"{target.name!r} can't be the name of a target: it has 1 to 63 letters, digits and "
            "hyphens, a letter first, no hyphen last and no two of them together."
        )
    if _ENGINE.fullmatch(target.engine) is None:
        raise TargetError(
            f"{target.engine!r} isn't the name of an engine, such as postgres or aurora-mysql."
        )
    _check_endpoint(target)
    _check_relations(target)


def add(connection: Connection, target: Target, *, is_replacing: bool = False) -> None:
    """Name a target.

    Args:
        is_replacing: whether there may be such a target, whose place this one takes.

    Raises:
        TargetError: it can't be as it is.
        TargetExistsError: there is one of that kind and name.
        TargetNotFoundError: its cluster, or the primary that it replicates, isn't there.
        TargetInUseError: another engine, while others speak of it.
        TooManyTargetsError: the region has as many as it may.
    """
    check(target)
    known = rows.find(connection, target.account, target.region, target.kind, target.name)
    if known is None:
        _require_room(connection, target)
    elif not is_replacing:
        raise TargetExistsError(
            f"There is a {target.kind} {target.name} at {known.where} already. "
            "Change it with --replace."
        )
    elif known.engine != target.engine:
        _require_unused(connection, known, "get another engine")
    _require_cluster(connection, target)
    _require_primary(connection, target)
    rows.put(connection, target)


def remove(connection: Connection, target: Target) -> None:
    """Forget a target.

    Raises:
        TargetInUseError: others speak of it.
    """
    _require_unused(connection, target, "be removed")
    rows.remove(connection, target)


def find(
    connection: Connection, account: str, region: str, name: str, kind: TargetKind | None = None
) -> Target:
    """Return the target of a name.

    Args:
        kind: None for whichever kind has the name.

    Raises:
        TargetNotFoundError: there is none.
        AmbiguousTargetError: several kinds have it.
    """
    kinds = TargetKind if kind is None else [kind]
    tried = [rows.find(connection, account, region, each, name.lower()) for each in kinds]
    found = [target for target in tried if target is not None]
    if not found:
        raise _missing(kind or "target", name, account, region)
    if len(found) > 1:
        kinds_of = " and a ".join(target.kind for target in found)
        raise AmbiguousTargetError(f"{name} is a {kinds_of}: say which with --kind.")
    return found[0]


def linked(tags: Tags | None, target: Target | None) -> Tags | None:
    """Return a secret's tags with the one that says which target it is for; None for none."""
    ours = {key.lower() for key in _TAG_KEYS.values()}
    others = {key: value for key, value in (tags or {}).items() if key.lower() not in ours}
    if target is None:
        return None if tags is None else others
    return {**others, _TAG_KEYS[target.kind]: target.arn}


def of_secret(connection: Connection, secret: Secret) -> Target | None:
    """Return the target that a secret's system tag says it is for; None if there is none."""
    for kind, key in _TAG_KEYS.items():
        prefix = target_arn(secret.account, secret.region, kind, "")
        arn = (secret.tags or {}).get(key, "")
        if arn.startswith(prefix):
            name = arn.removeprefix(prefix)
            return rows.find(connection, secret.account, secret.region, kind, name)
    return None


def _check_endpoint(target: Target) -> None:
    for host in (target.host, target.reader_host):
        if host is not None and not _is_host(host):
            raise TargetError(f"{host!r} is neither a host's name nor an IP address.")
    if not 0 < target.port <= PORT_MAX:
        raise TargetError(f"{target.port} isn't a port: it is a number from 1 to {PORT_MAX}.")


def _is_host(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return _HOST.fullmatch(text) is not None
    return "%" not in text


def _check_relations(target: Target) -> None:
    is_instance = target.kind is TargetKind.DB_INSTANCE
    if target.reader_host is not None and target.kind is not TargetKind.DB_CLUSTER:
        raise TargetError("Only a db-cluster has a reader endpoint.")
    if (target.cluster or target.replica_of) and not is_instance:
        raise TargetError("Only a db-instance is a member of a cluster, or a replica.")
    if target.cluster and target.replica_of:
        raise TargetError(
            "A member of a cluster is no replica of an instance: its cluster says what it reads."
        )
    if target.is_writer and not target.cluster:
        raise TargetError("Only a member of a cluster is its writer: say --cluster too.")
    if target.replica_of == target.name:
        raise TargetError(f"{target.name} can't be a replica of itself.")
    if (target.engine == _REDSHIFT) is (target.kind in _KINDS_OF_RDS):
        raise TargetError(f"A {target.kind} hasn't the engine {target.engine}.")


def _require_room(connection: Connection, target: Target) -> None:
    if rows.count_in(connection, target.account, target.region) >= TARGETS_PER_REGION_MAX:
        raise TooManyTargetsError(
            f"Region {target.region} has {TARGETS_PER_REGION_MAX} targets, as many as it may."
        )


def _require_unused(connection: Connection, target: Target, change: str) -> None:
    users = _speaking_of(connection, target)
    if users:
        raise TargetInUseError(
            f"The {target.kind} {target.name} can't {change}: {_listed(users)} "
            f"{'say' if len(users) > 1 else 'says'} to be of it. Remove "
            f"{'them' if len(users) > 1 else 'it'} first."
        )


def _speaking_of(connection: Connection, target: Target) -> Sequence[Target]:
    match target.kind:
        case TargetKind.DB_CLUSTER:
            return rows.members(connection, target)
        case TargetKind.DB_INSTANCE:
            return rows.replicas(connection, target)
        case TargetKind.REDSHIFT_CLUSTER | TargetKind.REDSHIFT_SERVERLESS:
            return ()


def _require_cluster(connection: Connection, target: Target) -> None:
    if target.cluster is None:
        return
    cluster = _related(connection, target, TargetKind.DB_CLUSTER, target.cluster)
    for member in rows.members(connection, cluster):
        if target.is_writer and member.is_writer and member.name != target.name:
            raise TargetError(
                f"The db-cluster {cluster.name} has a writer already, {member.name}. Replace "
                "that one by a reader first."
            )


def _require_primary(connection: Connection, target: Target) -> None:
    name = target.replica_of
    while name is not None:
        primary = _related(connection, target, TargetKind.DB_INSTANCE, name)
        name = primary.replica_of
        if name == target.name:
            raise TargetError(f"{primary.name} is a replica of {target.name} itself.")


def _related(connection: Connection, target: Target, kind: TargetKind, name: str) -> Target:
    found = rows.find(connection, target.account, target.region, kind, name)
    if found is None:
        raise _missing(kind, name, target.account, target.region)
    if found.engine != target.engine:
        raise TargetError(
            f"The {kind} {name} has the engine {found.engine}, and {target.name} has "
            f"{target.engine}: they are the same."
        )
    return found


def _missing(what: str, name: str, account: str, region: str) -> TargetNotFoundError:
    return TargetNotFoundError(
        f"There is no {what} {name} in account {account}, region {region}. "
        "keyturn target list shows those there are."
    )


def _listed(targets: Iterable[Target]) -> str:
    return ", ".join(target.name for target in targets)
