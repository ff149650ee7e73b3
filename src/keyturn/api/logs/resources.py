"""Which group or stream a call is about, and what policies can ask about it.

* A group is named by its name, or by its ARN. The ARN of another account or region names a group
  there, and is neither allowed here nor found.
* What a decision is about has the form that AWS's own refusals show:
  ``log-group:GROUP:log-stream:STREAM``, with nothing for the stream where an operation is about a
  group, and nothing for the group where it is about none. So a policy names a group by
  ``log-group:GROUP:*``; only for TagResource, UntagResource and ListTagsForResource by
  ``log-group:GROUP``.

AWS: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
and the API reference, LogGroup.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from keyturn.api import tag_keys
from keyturn.api.calls import AuthenticatedCall
from keyturn.api.logs.refusals import GroupNotFoundError, StreamNotFoundError
from keyturn.api.operation import Resource
from keyturn.api.tag_keys import Keys
from keyturn.functions.refusals import ParameterError
from keyturn.model.arn import Arn, partition_of
from keyturn.store import logs
from keyturn.store.database import Connection, Database
from keyturn.store.log_tables import Group, Stream

_GROUP: Final = "log-group:"
_STREAM: Final = ":log-stream:"


class LogResources:
    """Finds what a decision is about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def group(self, call: AuthenticatedCall) -> Resource:
        """Return the group that a call names."""
        arn = named_group(call)
        return Resource(f"{arn}{_STREAM}", context=self._tags(arn))

    def stream(self, call: AuthenticatedCall) -> Resource:
        """Return the stream that a call names."""
        arn = named_group(call)
        stream = call.params["logStreamName"]
        return Resource(f"{arn}{_STREAM}{stream}", context=self._tags(arn))

    def new_group(self, call: AuthenticatedCall) -> Resource:
        """Return the group that a call makes."""
        tags = tag_keys.of_request(call.params.get("tags", {}))
        return Resource(f"{named_group(call)}{_STREAM}", context=tags)

    def every_group(self, call: AuthenticatedCall) -> Resource:
        """Return what AWS names where groups are listed, or none is named."""
        if call.params.get("logGroupName"):
            return self.group(call)
        return Resource(f"{group_arn(call.region, call.account, '')}{_STREAM}")

    def tagged_by_name(self, call: AuthenticatedCall) -> Resource:
        """Return the group whose tags are changed, with what they become."""
        return self.group(call).with_context(_of_tagging(call))

    def tagged(self, call: AuthenticatedCall) -> Resource:
        """Return what is tagged, under the ARN that the call gives."""
        arn = tagged_group(call)
        return Resource(str(arn), context={**self._tags(arn), **_of_tagging(call)})

    def _tags(self, arn: Arn) -> Keys:
        with self._database.read() as connection:
            group = _look_up(connection, arn)
        return {} if group is None else tag_keys.of_resource(group.tags)


def named_group(call: AuthenticatedCall) -> Arn:
    """Return the ARN of the group that a call names, by its name or its ARN.

    Raises:
        ParameterError: it names none, or two.
    """
    name, identifier = (call.params.get(key) for key in ("logGroupName", "logGroupIdentifier"))
    if name is not None and identifier is not None:
        raise ParameterError("logGroupName and logGroupIdentifier can't both be given.")
    if name is None and identifier is None:
        raise ParameterError("Either logGroupName or logGroupIdentifier must be given.")
    stated = str(name or identifier)
    if name is None and stated.startswith("arn:"):
        return _parsed(stated, "The specified logGroupIdentifier is invalid.")
    return group_arn(call.region, call.account, stated)


def tagged_group(call: AuthenticatedCall) -> Arn:
    """Return the ARN of what a call tags.

    Raises:
        ParameterError: it is no group's.
    """
    text = "The specified resourceArn is invalid: only log groups have tags here."
    return _parsed(call.params["resourceArn"], text)


def group_arn(region: str, account: str, name: str) -> Arn:
    """Return the ARN of a group, without AWS's ``:*`` at its end."""
    return Arn(partition_of(region), "logs", region, account, f"{_GROUP}{name}")


def find_group(connection: Connection, arn: Arn, call: AuthenticatedCall) -> Group:
    """Return the group with this ARN, among those that the call can reach.

    Raises:
        GroupNotFoundError: there is none.
    """
    is_here = (arn.account, arn.region) == (call.account, call.region)
    group = _look_up(connection, arn) if is_here else None
    if group is None:
        raise GroupNotFoundError
    return group


def find_stream(connection: Connection, group: Group, name: str) -> Stream:
    """Return the stream of a group with this name.

    Raises:
        StreamNotFoundError: there is none.
    """
    stream = logs.find_stream(connection, group.id, name)
    if stream is None:
        raise StreamNotFoundError
    return stream


def _of_tagging(call: AuthenticatedCall) -> Keys:
    # UntagLogGroup calls the keys that it removes its tags.
    tags = call.params.get("tags", {})
    if isinstance(tags, Mapping):
        return tag_keys.of_request(tags, call.params.get("tagKeys", ()))
    return tag_keys.of_request({}, tags)


def _parsed(text: str, refusal: str) -> Arn:
    arn = Arn.parse(text)
    if arn is None or arn.service != "logs" or not arn.resource.startswith(_GROUP):
        raise ParameterError(refusal)
    # Policies decide on the ARN as it is written here.
    if arn.partition != partition_of(arn.region):
        raise ParameterError(refusal)
    return replace(arn, resource=arn.resource.removesuffix(":*"))


def _look_up(connection: Connection, arn: Arn) -> Group | None:
    name = arn.resource.removeprefix(_GROUP)
    return logs.find_group(connection, arn.account, arn.region, name)
