import pytest

from keyturn.model.limits import TAGS_PER_SECRET_MAX
from keyturn.secrets.refusals import ReservedTagError, TooManyTagsError
from keyturn.secrets.tagging import with_tags, without_tags

SYSTEM = {"aws:rds:primaryDBInstanceArn": "arn"}


@pytest.mark.parametrize("key", ["aws:rds:primaryDBInstanceArn", "AWS:x", "aws:"])
def test_users_neither_set_nor_remove_a_system_tag(key: str) -> None:
    with pytest.raises(ReservedTagError):
        with_tags(SYSTEM, {key: "other"})
    with pytest.raises(ReservedTagError):
        without_tags(SYSTEM, ["a", key])
    with pytest.raises(ReservedTagError):
        without_tags(None, [key])


def test_system_tags_stay_through_changes_of_others_and_do_not_count() -> None:
    most = {f"k{number}": "" for number in range(TAGS_PER_SECRET_MAX)}

    tags = with_tags(SYSTEM, most)

    assert without_tags(tags, most) == SYSTEM
    with pytest.raises(TooManyTagsError):
        with_tags(tags, {"one more": ""})
