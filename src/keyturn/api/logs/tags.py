"""The tags of log groups, by the operations for every resource and by the older ones.

AWS: CloudWatch Logs API reference, TagResource, UntagResource, ListTagsForResource, TagLogGroup,
UntagLogGroup, ListTagsLogGroup.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from keyturn.api.calls import AuthorisedCall
from keyturn.api.logs.refusals import TooManyTagsError
from keyturn.api.logs.resources import find_group, named_group, tagged_group
from keyturn.api.operation import Output
from keyturn.functions.refusals import ParameterError
from keyturn.model.arn import Arn
from keyturn.store import log_listing
from keyturn.store.database import Database

TAGS_PER_GROUP_MAX: Final = 50
_RESERVED_PREFIX: Final = "aws:"


class Tagging:
    """The operations on tags."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tag_resource(self, call: AuthorisedCall) -> Output:
        return self._change(call, tagged_group(call), added=call.params["tags"])

    def untag_resource(self, call: AuthorisedCall) -> Output:
        return self._change(call, tagged_group(call), removed=call.params["tagKeys"])

    def list_tags_for_resource(self, call: AuthorisedCall) -> Output:
        return self._tags(call, tagged_group(call))

    def tag_log_group(self, call: AuthorisedCall) -> Output:
        return self._change(call, named_group(call), added=call.params["tags"])

    def untag_log_group(self, call: AuthorisedCall) -> Output:
        return self._change(call, named_group(call), removed=call.params["tags"])

    def list_tags_log_group(self, call: AuthorisedCall) -> Output:
        return self._tags(call, named_group(call))

    def _tags(self, call: AuthorisedCall, arn: Arn) -> Output:
        with self._database.read() as connection:
            return {"tags": find_group(connection, arn, call).tags}

    def _change(
        self,
        call: AuthorisedCall,
        arn: Arn,
        *,
        added: Mapping[str, str] | None = None,
        removed: Iterable[str] = (),
    ) -> Output:
        check_tags(added or {})
        gone = set(removed)
        with self._database.write() as connection:
            group = find_group(connection, arn, call)
            kept = {key: value for key, value in group.tags.items() if key not in gone}
            tags = {**kept, **(added or {})}
            if len(tags) > TAGS_PER_GROUP_MAX:
                raise TooManyTagsError(str(arn))
            log_listing.set_tags(connection, group.id, tags)
        return {}


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuse tags that are AWS's own.

    Raises:
        ParameterError: a key begins with ``aws:``.
    """
    if any(key.lower().startswith(_RESERVED_PREFIX) for key in tags):
        raise ParameterError("aws: prefixed tag key names are not allowed for external use.")
