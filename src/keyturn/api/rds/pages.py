"""Long lists, one page at a time.

A marker is the last name of the page before it. Whatever comes or goes between two pages, nothing
that stays is left out or listed twice.

AWS: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from keyturn.api.rds.refusals import InvalidMarkerError, PageLengthError
from keyturn.model.target import Target
from keyturn.secrets import targets

MAX_RECORDS_MIN: Final = 20
MAX_RECORDS_MAX: Final = 100


def page_of(
    found: Sequence[Target], params: Mapping[str, Any]
) -> tuple[Sequence[Target], str | None]:
    """Return the page of targets, sorted by name, that is asked for, and the marker behind it.

    Raises:
        PageLengthError, InvalidMarkerError: no page can be like that.
    """
    most = params.get("MaxRecords", MAX_RECORDS_MAX)
    if not MAX_RECORDS_MIN <= most <= MAX_RECORDS_MAX:
        raise PageLengthError(most)
    marker = params.get("Marker", "")
    if marker and not targets.is_name(marker):
        raise InvalidMarkerError
    behind = [target for target in found if target.name > marker]
    return behind[:most], behind[most - 1].name if len(behind) > most else None
