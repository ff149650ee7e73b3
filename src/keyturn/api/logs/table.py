"""CloudWatch Logs' operations: each with its IAM action, its resource and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
"""

from typing import Final

from keyturn.api.logs.faults import fault_of
from keyturn.api.logs.groups import Groups
from keyturn.api.logs.reading import Reading
from keyturn.api.logs.resources import LogResources
from keyturn.api.logs.streams import Streams
from keyturn.api.logs.tags import Tagging
from keyturn.api.logs.writing import Writing
from keyturn.api.operation import Handler, Operation, ResourceOf, ServiceApi
from keyturn.iam.authority import Authority
from keyturn.store.database import Database

_SERVICE: Final = "logs"


def logs_api(database: Database, authority: Authority) -> ServiceApi:
    """Return CloudWatch Logs as far as functions' logs need it."""
    resources = LogResources(database)
    groups, streams = Groups(database, authority), Streams(database)
    reading, tagging = Reading(database), Tagging(database)
    operations = (
        _on("CreateLogGroup", resources.new_group, groups.create_log_group),
        _on("CreateLogStream", resources.stream, streams.create_log_stream),
        _on("DeleteLogGroup", resources.group, groups.delete_log_group),
        _on("DeleteLogStream", resources.stream, streams.delete_log_stream),
        _on("DeleteRetentionPolicy", resources.group, groups.delete_retention_policy),
        _on("DescribeLogGroups", resources.every_group, groups.describe_log_groups),
        _on("DescribeLogStreams", resources.group, streams.describe_log_streams),
        _on("DescribeMetricFilters", resources.every_group, groups.describe_metric_filters),
        _on("DescribeSubscriptionFilters", resources.group, groups.describe_subscription_filters),
        _on("FilterLogEvents", resources.group, reading.filter_log_events),
        _on("GetLogEvents", resources.stream, reading.get_log_events),
        _on("ListTagsForResource", resources.tagged, tagging.list_tags_for_resource),
        _on("ListTagsLogGroup", resources.group, tagging.list_tags_log_group),
        _on("PutLogEvents", resources.stream, Writing(database).put_log_events),
        _on("PutRetentionPolicy", resources.group, groups.put_retention_policy),
        _on("TagLogGroup", resources.tagged_by_name, tagging.tag_log_group),
        _on("TagResource", resources.tagged, tagging.tag_resource),
        _on("UntagLogGroup", resources.tagged_by_name, tagging.untag_log_group),
        _on("UntagResource", resources.tagged, tagging.untag_resource),
    )
    return ServiceApi(_SERVICE, operations, fault_of)


def _on(name: str, resource: ResourceOf, handler: Handler) -> Operation:
    return Operation(name, f"{_SERVICE}:{name}", resource, handler)
