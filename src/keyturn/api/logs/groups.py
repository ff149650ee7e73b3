"""Log groups: made, listed, kept for a while, and deleted.

AWS: CloudWatch Logs API reference, CreateLogGroup, DeleteLogGroup, DescribeLogGroups,
PutRetentionPolicy, DeleteRetentionPolicy, DescribeMetricFilters, DescribeSubscriptionFilters.
"""

from collections.abc import Mapping
from typing import Any, Final

from keyturn.api import tag_keys
from keyturn.api.calls import AuthorisedCall
from keyturn.api.logs.refusals import GroupExistsError
from keyturn.api.logs.resources import find_group, group_arn, named_group
from keyturn.api.logs.tags import check_tags
from keyturn.api.operation import Output, Resource
from keyturn.api.permission import require
from keyturn.functions.refusals import ParameterError
from keyturn.iam.authority import Authority
from keyturn.model.arn import Arn
from keyturn.model.clock import to_epoch_ms
from keyturn.model.errors import NotAllowedError
from keyturn.store import log_listing, log_removal, logs
from keyturn.store.database import Database
from keyturn.store.log_listing import GroupQuery
from keyturn.store.log_tables import Group

GROUPS_PAGE_MAX: Final = 50
RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545),
    *(731, 1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_ONE_CLASS: Final = "STANDARD"
_RESERVED_PREFIX: Final = "aws/"


class Groups:
    """The operations on log groups."""

    def __init__(self, database: Database, authority: Authority) -> None:
        self._database = database
        self._authority = authority

    def create_log_group(self, call: AuthorisedCall) -> Output:
        name, tags = call.params["logGroupName"], call.params.get("tags", {})
        _check_new(call.params)
        check_tags(tags)
        if tags:
            self._require_tagging(call, tags)
        with self._database.write() as connection:
            if logs.find_group(connection, call.account, call.region, name) is not None:
                raise GroupExistsError
            logs.insert_group(connection, call.account, call.region, name, call.received_at, tags)
        return {}

    def delete_log_group(self, call: AuthorisedCall) -> Output:
        with self._database.write() as connection:
            log_removal.remove_group(
                connection, find_group(connection, named_group(call), call).id
            )
        return {}

    def describe_log_groups(self, call: AuthorisedCall) -> Output:
        params = call.params
        most = params.get("limit", GROUPS_PAGE_MAX)
        if params.get("logGroupClass", _ONE_CLASS) != _ONE_CLASS:
            return {"logGroups": []}
        query = _query(call, most + 1)
        with self._database.read() as connection:
            found = log_listing.groups_page(connection, query)
        describe = _outline if params.get("logGroupNamePattern") else _description
        return {
            "logGroups": [describe(group) for group in found[:most]],
            "nextToken": found[most - 1].name if len(found) > most else None,
        }

    def put_retention_policy(self, call: AuthorisedCall) -> Output:
        days = call.params["retentionInDays"]
        if days not in RETENTION_DAYS:
            raise ParameterError(
                f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to "
                f"satisfy constraint: Member must satisfy enum value set: {list(RETENTION_DAYS)}"
            )
        return self._set_retention(call, days)

    def delete_retention_policy(self, call: AuthorisedCall) -> Output:
        return self._set_retention(call, None)

    def describe_metric_filters(self, call: AuthorisedCall) -> Output:
        """Return that there are none: what reads a group asks for them."""
        if "logGroupName" in call.params:
            with self._database.read() as connection:
                find_group(connection, named_group(call), call)
        return {"metricFilters": []}

    def describe_subscription_filters(self, call: AuthorisedCall) -> Output:
        """Return that there are none: what reads a group asks for them."""
        with self._database.read() as connection:
            find_group(connection, named_group(call), call)
        return {"subscriptionFilters": []}

    def _set_retention(self, call: AuthorisedCall, days: int | None) -> Output:
        with self._database.write() as connection:
            group = find_group(connection, named_group(call), call)
            log_listing.set_retention(connection, group.id, days)
        return {}

    def _require_tagging(self, call: AuthorisedCall, tags: Mapping[str, str]) -> None:
        # AWS: CreateLogGroup, "you must have either the logs:TagResource or logs:TagLogGroup
        # permission".
        resource = Resource(str(named_group(call)), context=tag_keys.of_request(tags))
        try:
            require(self._authority, call, "logs:TagResource", resource)
        except NotAllowedError:
            require(self._authority, call, "logs:TagLogGroup", resource)


def _check_new(params: Mapping[str, Any]) -> None:
    if params["logGroupName"].lower().startswith(_RESERVED_PREFIX):
        raise ParameterError("Log groups starting with AWS/ are reserved for AWS.")
    if "kmsKeyId" in params:
        raise ParameterError("Keyturn keeps logs unencrypted: leave kmsKeyId out.")
    if params.get("logGroupClass", _ONE_CLASS) != _ONE_CLASS:
        raise ParameterError(f"Keyturn has log groups of the class {_ONE_CLASS} only.")
    if params.get("deletionProtectionEnabled", False):
        raise ParameterError("Keyturn doesn't protect log groups from deletion.")


def _query(call: AuthorisedCall, most: int) -> GroupQuery:
    params = call.params
    named = [key for key in ("logGroupNamePrefix", "logGroupNamePattern") if params.get(key)]
    if len(named) > 1:
        raise ParameterError(f"{' and '.join(named)} can't both be given.")
    stated = params.get("logGroupIdentifiers")
    if stated is not None and named:
        raise ParameterError(f"logGroupIdentifiers and {named[0]} can't both be given.")
    return GroupQuery(
        account=call.account,
        region=call.region,
        prefix=params.get("logGroupNamePrefix", ""),
        within=params.get("logGroupNamePattern", ""),
        names=None if stated is None else _names_here(call, stated),
        after=params.get("nextToken", ""),
        most=most,
    )


def _names_here(call: AuthorisedCall, stated: list[str]) -> list[str]:
    here = str(group_arn(call.region, call.account, ""))
    return [text.removeprefix(here) for text in stated]


def _outline(group: Group) -> Output:
    # AWS: "If you specify logGroupNamePattern in your request, then only arn, creationTime, and
    # logGroupName are included in the response."
    return {
        "logGroupName": group.name,
        "creationTime": to_epoch_ms(group.created_at),
        "arn": f"{_arn(group)}:*",
    }


def _description(group: Group) -> Output:
    return {
        **_outline(group),
        "retentionInDays": group.retention_days,
        "metricFilterCount": 0,
        "logGroupArn": str(_arn(group)),
        "storedBytes": group.stored_bytes,
        "logGroupClass": _ONE_CLASS,
    }


def _arn(group: Group) -> Arn:
    return group_arn(group.region, group.account, group.name)
