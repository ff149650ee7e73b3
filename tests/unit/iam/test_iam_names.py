"""What things may be called, to the character."""

from collections.abc import Callable

from hypothesis import given, strategies as st
import pytest

from keyturn.iam import names
from keyturn.iam.refusals import (
    InvalidNameError,
    InvalidPathError,
    OutOfRangeError,
    TooManyTagsError,
)
from keyturn.iam.tags import (
    TAG_KEY_CHARACTERS_MAX,
    TAG_VALUE_CHARACTERS_MAX,
    TAGS_MAX,
    check_tags,
)
from keyturn.model.arn import Arn

LENGTHS: list[tuple[Callable[[str], None], int, int]] = [
    (names.check_user_name, 1, 64),
    (names.check_role_name, 1, 64),
    (names.check_policy_name, 1, 128),
    (names.check_session_name, 2, 64),
    (names.check_source_identity, 2, 64),
]
NAMES = st.text("abcXYZ019_+=,.@-", min_size=2, max_size=64)


@pytest.mark.parametrize(("check", "least", "most"), LENGTHS)
def test_a_name_may_be_so_long_and_no_longer(
    check: Callable[[str], None], least: int, most: int
) -> None:
    check("x" * least)
    check("x" * most)

    for length in (least - 1, most + 1):
        with pytest.raises(OutOfRangeError):
            check("x" * length)


@pytest.mark.parametrize("check", [check for check, _, _ in LENGTHS])
@pytest.mark.parametrize("name", ["a b", "a/b", "a:b", "a*", "ä1", "a\n", "١٢"])
def test_a_name_with_other_characters_is_refused(check: Callable[[str], None], name: str) -> None:
    with pytest.raises(InvalidNameError):
        check(name)


@given(NAMES)
def test_every_name_that_may_be_makes_an_arn_that_ends_in_it(name: str) -> None:
    names.check_role_name(name)

    arn = Arn.parse(names.role_arn("123456789012", "/a/b/", name))

    assert arn is not None
    assert arn.resource == f"role/a/b/{name}"


@pytest.mark.parametrize("path", ["/", "/a/", "/a/b/", "/" + "x" * 510 + "/"])
def test_a_path_begins_and_ends_with_a_slash(path: str) -> None:
    names.check_path(path)


@pytest.mark.parametrize("path", ["a/", "/a", "/a b/", "/ä/", "/\n/"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidPathError):
        names.check_path(path)


@pytest.mark.parametrize("path", ["", "/" + "x" * 511 + "/"])
def test_a_path_has_512_characters_at_most(path: str) -> None:
    with pytest.raises(OutOfRangeError):
        names.check_path(path)


def test_there_may_be_so_many_tags_and_no_more() -> None:
    check_tags({str(number): "" for number in range(TAGS_MAX)})

    with pytest.raises(TooManyTagsError):
        check_tags({str(number): "" for number in range(TAGS_MAX + 1)})


def test_a_tag_may_be_so_long_and_no_longer() -> None:
    check_tags({"k" * TAG_KEY_CHARACTERS_MAX: "v" * TAG_VALUE_CHARACTERS_MAX})

    for tags in (
        {"": "v"},
        {"k" * (TAG_KEY_CHARACTERS_MAX + 1): "v"},
        {"k": "v" * (TAG_VALUE_CHARACTERS_MAX + 1)},
    ):
        with pytest.raises(OutOfRangeError):
            check_tags(tags)
