"""CloudWatch Logs' operations: each with its IAM action, its resource and its handler.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html
"""

from keyturn.api.calls import AuthenticatedCall
from keyturn.api.logs.reading import Reading, group_arn, group_name
from keyturn.api.logs.refusals import GroupExistsError, GroupNotFoundError, StreamNotFoundError
from keyturn.api.operation import Handler, Operation, Resource, ResourceOf, ServiceApi
from keyturn.functions.refusals import ParameterError
from keyturn.model.errors import ServiceError
from keyturn.wire.fault import Fault

_SERVICE = "logs"
_NOT_FOUND = "ResourceNotFoundException"


def logs_api(reading: Reading) -> ServiceApi:
    """Return CloudWatch Logs as far as it is served."""
    operations = (
        _on("CreateLogGroup", _group, reading.create_log_group),
        _on("DeleteLogGroup", _group, reading.delete_log_group),
        _on("DescribeLogGroups", _every_group, reading.describe_log_groups),
        _on("DescribeLogStreams", _group, reading.describe_log_streams),
        _on("FilterLogEvents", _group, reading.filter_log_events),
        _on("GetLogEvents", _group, reading.get_log_events),
    )
    return ServiceApi(_SERVICE, operations, _fault_of)


def _on(name: str, resource: ResourceOf, handler: Handler) -> Operation:
    return Operation(name, f"{_SERVICE}:{name}", resource, handler)


def _group(call: AuthenticatedCall) -> Resource:
    return Resource(group_arn(call.region, call.account, group_name(call)))


def _every_group(call: AuthenticatedCall) -> Resource:
    return Resource(group_arn(call.region, call.account, "*"))


def _fault_of(error: ServiceError) -> Fault | None:
    match error:
        case GroupNotFoundError():
            return Fault(_NOT_FOUND, "The specified log group does not exist.")
        case StreamNotFoundError():
            return Fault(_NOT_FOUND, "The specified log stream does not exist.")
        case GroupExistsError():
            text = "The specified log group already exists"
            return Fault("ResourceAlreadyExistsException", text)
        case ParameterError():
            return Fault("InvalidParameterException", str(error))
        case _:
            return None
