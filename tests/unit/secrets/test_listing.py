"""Filters: the examples of AWS's documentation and of recordings against AWS, and what is general.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/userguide/manage_search-secret.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hypothesis import given, strategies as st
import pytest

from keyturn.model.listing import Outline, Position
from keyturn.secrets import listing
from keyturn.secrets.listing import FilterKeyMissingError, FilterValuesMissingError, Look
from keyturn.secrets.texts import words
from support.hardest_search import excluding, hardest_filters, long_members

KEYS = (
    "description",
    "name",
    "tag-key",
    "tag-value",
    "primary-region",
    "owning-service",
    "all",
)

values = st.text("aAbB12 /-_+=.@:!", max_size=12)
names = st.text("aAbB12/-_+=.@!", min_size=1, max_size=12)
texts = st.none() | st.text("aAbB12 /-_,#", max_size=12)
outlines = st.builds(
    Outline,
    position=st.just(Position(0, 1)),
    name=names,
    description=texts,
    tags=st.none() | st.dictionaries(names, names, max_size=3),
    owning_service=st.none() | st.sampled_from(["rds", "redshift"]),
    primary_arn=st.none()
    | st.sampled_from(["arn:aws:secretsmanager:us-east-1:1:secret:a-b", "not an ARN"]),
)
filter_lists = st.lists(
    st.fixed_dictionaries(
        {"Key": st.sampled_from(KEYS), "Values": st.lists(values, min_size=1, max_size=3)}
    ),
    max_size=3,
)


def outline(name: str = "name", **members: Any) -> Outline:  # noqa: ANN401 - an Outline's own
    return Outline(position=Position(0, 1), name=name, **members)


def holds(of: Outline, key: str, *asked: str) -> bool:
    return all_hold(of, [{"Key": key, "Values": list(asked)}])


def all_hold(of: Outline, filters: Sequence[Mapping[str, Any]]) -> bool:
    return listing.look(listing.parse(filters), of).is_wanted


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("/", ["/testing2/two-12345", "/testing4/four-12345"]),
        ("!/", ["testing1/one-12345", "testing3/three-12345"]),
        ("testing1 one", []),
        ("testing1", ["testing1/one-12345"]),
        ("Testing1", []),
        ("one", []),
    ],
)
def test_name_begins_with_the_value_in_its_case(value: str, found: list[str]) -> None:
    asked = [
        "testing1/one-12345",
        "/testing2/two-12345",
        "testing3/three-12345",
        "/testing4/four-12345",
    ]

    assert [name for name in asked if holds(outline(name), "name", value)] == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a", ["a secret", "an secret", "asecret"]),
        ("!a", ["thesecret"]),
        ("a secret", ["a secret", "an secret"]),
        ("A Secret", ["a secret", "an secret"]),
        ("!c", ["a secret", "an secret", "asecret", "thesecret"]),
        ("cret", []),
    ],
)
def test_each_word_of_the_value_begins_a_word_of_the_description(
    value: str, found: list[str]
) -> None:
    asked = ["a secret", "an secret", "asecret", "thesecret"]

    assert [text for text in asked if holds(outline(description=text), "description", value)] == (
        found
    )


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("one two", ["one two", "one and two"]),
        ("o t", ["one two", "one and two"]),
        ("t", ["one two", "one and two", "two"]),
        ("!o", ["two", "unrelated"]),
    ],
)
def test_words_of_the_value_may_stand_apart_in_the_description(
    value: str, found: list[str]
) -> None:
    asked = ["one two", "one and two", "one", "two", "unrelated"]

    assert [text for text in asked if holds(outline(description=text), "description", value)] == (
        found
    )


@pytest.mark.parametrize(
    "text",
    ["My Description", "my description", "My basic description", "Description of my secret"],
)
def test_description_of_the_user_guide_matches(text: str) -> None:
    assert holds(outline(description=text), "description", "My Description")


@pytest.mark.parametrize(
    ("text", "found"),
    [("Production", True), ("Prod1", True), ("prod", False), ("1 Prod", False)],
)
def test_tag_begins_with_the_value_in_its_case(text: str, *, found: bool) -> None:
    assert holds(outline(tags={text: "x"}), "tag-key", "Prod") == found
    assert holds(outline(tags={"x": text}), "tag-value", "Prod") == found


def test_any_one_of_several_tags_is_enough() -> None:
    secret = outline(tags={"team": "web", "stage": "prod"})

    assert holds(secret, "tag-key", "stage")
    assert holds(secret, "tag-value", "prod")
    assert not holds(secret, "tag-key", "prod")
    assert not holds(secret, "tag-key", "!stage")


def test_region_and_service_begin_with_the_value_in_its_case() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"
    secret = outline(owning_service="rds", primary_arn=arn)

    assert holds(secret, "primary-region", "eu-")
    assert not holds(secret, "primary-region", "EU-")
    assert holds(secret, "owning-service", "rd")
    assert not holds(secret, "owning-service", "RD")


def test_replica_in_another_account_has_no_primary_region() -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf"

    assert not holds(
        outline(primary_arn=arn, cross_account_status="InSync"), "primary-region", "eu"
    )


@pytest.mark.parametrize(
    "secret",
    [
        outline("foo"),
        outline(description="a foo"),
        outline(tags={"foo": "1"}),
        outline(tags={"1": "foo"}),
    ],
)
def test_all_looks_at_name_description_and_tags(secret: Outline) -> None:
    assert holds(secret, "all", "foo")
    assert not holds(secret, "all", "bar")


def test_all_does_not_look_at_the_owning_service() -> None:
    assert not holds(outline(owning_service="foo"), "all", "foo")


def test_all_wants_every_word_in_the_same_text() -> None:
    assert holds(outline(description="DescTwo"), "all", "d t")
    assert not holds(outline("Desc", description="Two"), "all", "d t")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("SecretOne", ["SecretOne"]),
        ("Secret", ["SecretOne", "SecretTwo", "SecretFTag", "SecretFValue"]),
        ("secret", ["SecretOne", "SecretTwo", "SecretFTag", "SecretFValue"]),
        ("sec", ["SecretOne", "SecretTwo", "SecretFTag", "SecretFValue"]),
        ("ret", []),
        ("SomeSecret", []),
        ("t", ["SecretTwo", "Thirdsecret", "SecretFTag"]),
    ],
)
def test_all_finds_the_words_of_a_name_by_their_capitals(value: str, found: list[str]) -> None:
    asked = ["SecretOne", "SecretTwo", "Thirdsecret", "SecretFTag", "SecretFValue", "none"]

    assert [name for name in asked if holds(outline(name), "all", value)] == found


@pytest.mark.parametrize("special", "/-_+=.@")
@pytest.mark.parametrize("value", ["AppBeta", "Beta", "prod", "12ab3c"])
def test_all_finds_the_words_between_special_characters(special: str, value: str) -> None:
    assert holds(outline(special.join(["prod", "AppBeta", "12ab3c"])), "all", value)


@pytest.mark.parametrize("special", "/-_+=.@")
def test_special_character_alone_matches_nothing(special: str) -> None:
    secret = outline(f"prod{special}app", description=special)

    assert not holds(secret, "all", special)
    assert not holds(secret, "description", special)


def test_name_that_mixes_special_characters_is_one_word() -> None:
    secret = outline("prod-AppBeta/12ab3c")

    assert not holds(secret, "all", "AppBeta")
    assert not holds(secret, "all", "12ab3c")
    assert holds(secret, "all", "prod")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("company", ["uat/COMPANY/x"]),
        ("compan", ["uat/COMPANY/x", "uat/COMPANYthings/x"]),
        ("things", []),
        ("Ythings", ["uat/COMPANYthings/x"]),
        ("N", []),
        ("pany", []),
    ],
)
def test_last_of_several_capitals_begins_a_word(value: str, found: list[str]) -> None:
    asked = ["uat/COMPANY/x", "uat/COMPANYthings/x"]

    assert [name for name in asked if holds(outline(name), "all", value)] == found


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("test", ["test"]),
        ("my test", ["my", "test"]),
        ("Mytest", ["mytest"]),
        ("MyTest", ["my", "test"]),
        ("MyTestPhrase", ["my", "test", "phrase"]),
        ("myTest", ["my", "test"]),
        ("my/test", ["my", "test"]),
        ("credsDatabase#892", ["creds", "database", "892"]),
        ("creds892", ["creds", "892"]),
        ("892creds", ["892creds"]),
        ("My_Secret", ["my", "secret"]),
        ("rds!cluster-1", ["rds", "cluster", "1"]),
        ("for a single-user, read/write.", ["for", "a", "single", "user", "read/write."]),
        ("Schlüssel für Datenbank", ["schlüssel", "für", "datenbank"]),
        ("", []),
        (" , ", []),
        ("-/", []),
    ],
)
def test_words_of_a_text(text: str, split: list[str]) -> None:
    assert words(text) == split


def test_several_filters_must_all_hold_also_on_the_same_key() -> None:
    filters = [
        {"Key": "description", "Values": ["one"]},
        {"Key": "description", "Values": ["two"]},
    ]

    assert all_hold(outline(description="one two"), filters)
    assert not all_hold(outline(description="one"), filters)
    assert not all_hold(outline(description="two"), filters)


def test_filters_on_key_and_value_of_a_tag_need_not_mean_the_same_tag() -> None:
    filters = [
        {"Key": "tag-key", "Values": ["right"]},
        {"Key": "tag-value", "Values": ["right"]},
    ]

    assert all_hold(outline(tags={"right": "right"}), filters)
    assert all_hold(outline(tags={"right": "wrong", "wrong": "right"}), filters)
    assert not all_hold(outline(tags={"right": "wrong"}), filters)


def test_one_of_several_values_is_enough() -> None:
    found = [name for name in ("foo", "bar", "baz") if holds(outline(name), "name", "foo", "bar")]

    assert found == ["foo", "bar"]


def test_negated_value_is_one_claim_of_several() -> None:
    asked = ["one two", "one and two", "one", "two", "unrelated"]

    found = [
        text for text in asked if holds(outline(description=text), "description", "one", "!two")
    ]

    assert found == ["one two", "one and two", "one", "unrelated"]


def test_neither_nor_is_two_filters() -> None:
    asked = [outline(name) for name in ("a", "b", "c")]
    filters = [{"Key": "name", "Values": ["!a"]}, {"Key": "name", "Values": ["!b"]}]

    assert [each.name for each in asked if holds(each, "name", "!a", "!b")] == ["a", "b", "c"]
    assert [each.name for each in asked if all_hold(each, filters)] == ["c"]


@pytest.mark.parametrize("key", sorted(set(KEYS) - {"name", "all"}))
def test_secret_without_such_a_text_matches_negations_only(key: str) -> None:
    assert not holds(outline(), key, "a")
    assert not holds(outline(), key, "")
    assert holds(outline(), key, "!a")


def test_second_exclamation_mark_is_part_of_the_value() -> None:
    assert not holds(outline("!a"), "name", "!!a")
    assert holds(outline("a"), "name", "!!a")


@pytest.mark.parametrize("members", [{"Values": ["foo"]}, {"Key": "", "Values": ["foo"]}, {}])
def test_filter_without_a_key_is_refused(members: Mapping[str, Any]) -> None:
    with pytest.raises(FilterKeyMissingError):
        listing.parse([members])


@pytest.mark.parametrize("members", [{"Key": "name"}, {"Key": "name", "Values": []}])
def test_filter_without_values_is_refused_by_its_key(members: Mapping[str, Any]) -> None:
    with pytest.raises(FilterValuesMissingError) as caught:
        listing.parse([members])

    assert caught.value.key == "name"


@pytest.mark.parametrize(
    ("filters", "prefix"),
    [
        ([], ""),
        ([{"Key": "name", "Values": ["prod/"]}], "prod/"),
        ([{"Key": "name", "Values": ["prod/a", "prod/b"]}], "prod/"),
        ([{"Key": "name", "Values": ["a", "b"]}], ""),
        ([{"Key": "name", "Values": ["!prod/"]}], ""),
        ([{"Key": "name", "Values": ["prod/", "!dev"]}], ""),
        ([{"Key": "tag-key", "Values": ["prod/"]}], ""),
        (
            [{"Key": "name", "Values": ["prod/"]}, {"Key": "name", "Values": ["prod/app"]}],
            "prod/app",
        ),
    ],
)
def test_prefix_of_the_name_follows_from_the_filters(
    filters: list[Mapping[str, Any]], prefix: str
) -> None:
    assert listing.name_prefix(listing.parse(filters)) == prefix


@given(outlines, filter_lists)
def test_what_matches_begins_with_the_prefix_that_follows(
    secret: Outline, filters: list[Mapping[str, Any]]
) -> None:
    parsed = listing.parse(filters)

    if listing.look(parsed, secret).is_wanted:
        assert secret.name.startswith(listing.name_prefix(parsed))


@given(outlines)
def test_own_name_matches_as_a_filter(secret: Outline) -> None:
    if not secret.name.startswith("!"):
        assert holds(secret, "name", secret.name)


@given(names)
def test_own_words_match_as_a_filter(name: str) -> None:
    has_words = bool(words(name)) and not name.startswith("!")

    if has_words:
        assert holds(outline(name), "all", name)


@given(outlines, st.sampled_from(KEYS), values.filter(lambda value: not value.startswith("!")))
def test_negation_is_the_complement(secret: Outline, key: str, value: str) -> None:
    assert holds(secret, key, value) != holds(secret, key, "!" + value)


@given(outlines, filter_lists, st.data())
def test_order_of_filters_and_of_values_does_not_matter(
    secret: Outline, filters: list[dict[str, Any]], data: st.DataObject
) -> None:
    shuffled = [
        {**each, "Values": data.draw(st.permutations(each["Values"]))}
        for each in data.draw(st.permutations(filters))
    ]

    assert all_hold(secret, filters) == all_hold(secret, shuffled)


@given(outlines, filter_lists, filter_lists)
def test_more_filters_never_find_more(
    secret: Outline, some: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    if all_hold(secret, some + others):
        assert all_hold(secret, some)
        assert all_hold(secret, others)


def numbered(count: int) -> list[Outline]:
    return [
        Outline(position=Position(number, number), name=str(number)) for number in range(count)
    ]


def names_of(taken: listing.Taken) -> list[str]:
    return [each.name for each in taken.found]


def take(
    outlines: Sequence[Outline], look_at: Callable[[Outline], Look], **bounds: int
) -> listing.Taken:
    return listing.take(
        outlines, look_at, **{"most": 2, "looked_at_max": 100, "steps_max": 1_000, **bounds}
    )


def wanted(_outline: Outline) -> Look:
    return Look(is_wanted=True)


def unwanted(_outline: Outline) -> Look:
    return Look(is_wanted=False)


def test_page_ends_before_the_first_that_does_not_fit() -> None:
    taken = take(numbered(5), wanted)

    assert names_of(taken) == ["0", "1"]
    assert taken.more_after == Position(1, 1)


def test_exactly_full_page_has_none_after_it() -> None:
    taken = take(numbered(2), wanted)

    assert (names_of(taken), taken.more_after) == (["0", "1"], None)


def test_page_ends_when_enough_were_looked_at() -> None:
    taken = take(numbered(5), lambda each: Look(each.name == "4"), looked_at_max=4)

    assert (names_of(taken), taken.more_after) == ([], Position(3, 3))


def test_looking_at_the_last_ends_the_listing() -> None:
    taken = take(numbered(4), unwanted, looked_at_max=4)

    assert (names_of(taken), taken.more_after) == ([], None)


def test_page_ends_when_enough_steps_were_taken() -> None:
    taken = take(numbered(5), lambda _: Look(is_wanted=False, steps=10), steps_max=21)

    assert (names_of(taken), taken.more_after) == ([], Position(2, 2))


def test_page_keeps_what_it_found_when_enough_steps_were_taken() -> None:
    taken = take(numbered(5), lambda _: Look(is_wanted=True, steps=10), most=4, steps_max=20)

    assert (names_of(taken), taken.more_after) == (["0", "1"], Position(1, 1))


def test_page_looks_at_one_secret_whatever_steps_that_takes() -> None:
    taken = take(numbered(5), lambda _: Look(is_wanted=True, steps=10), steps_max=1)

    assert (names_of(taken), taken.more_after) == (["0"], Position(0, 0))


def test_steps_of_the_last_secret_end_no_page() -> None:
    taken = take(numbered(2), lambda _: Look(is_wanted=False, steps=10), steps_max=20)

    assert taken.more_after is None


looks = st.lists(
    st.builds(Look, st.booleans(), st.integers(min_value=1, max_value=9)), max_size=40
)


@given(looks, st.integers(1, 5), st.integers(1, 9), st.integers(1, 30))
def test_pages_together_hold_each_wanted_one_once(
    seen: list[Look], most: int, looked_at_max: int, steps_max: int
) -> None:
    left = numbered(len(seen))
    found: list[str] = []
    while True:
        taken = listing.take(
            left,
            lambda each: seen[int(each.name)],
            most=most,
            looked_at_max=looked_at_max,
            steps_max=steps_max,
        )
        assert len(taken.found) <= most
        found += names_of(taken)
        if taken.more_after is None:
            break
        left = [each for each in left if each.position.secret_id > taken.more_after.secret_id]

    assert found == [str(number) for number, each in enumerate(seen) if each.is_wanted]


def characters_of(secret: Outline) -> int:
    tags = secret.tags or {}
    return sum(map(len, [secret.name, secret.description or "", *tags, *tags.values()]))


def test_texts_of_a_secret_are_split_once_for_any_number_of_values() -> None:
    secret = outline(**long_members())
    one_value = [{"Key": "all", "Values": [excluding(0, "a")]}]

    once = listing.look(listing.parse(one_value), secret)
    for_all = listing.look(listing.parse(hardest_filters()), secret)

    assert not once.is_wanted
    assert once.steps > characters_of(secret)
    assert for_all.is_wanted
    assert for_all.steps < 5 * characters_of(secret)


def test_value_given_twice_is_looked_for_once() -> None:
    one = {"Key": "all", "Values": ["name", "Name", "name name"]}

    [parsed] = listing.parse([one, one])

    assert len(parsed.claims) == 1


def test_word_that_another_begins_with_is_not_looked_for() -> None:
    [parsed] = listing.parse([{"Key": "all", "Values": ["a name n nam b"]}])

    assert parsed.claims[0].beginnings == ("name", "b", "a")


def plainly(of: Outline, key: str, value: str) -> bool:
    """Say whether a value without ``!`` holds, as the rules say it, one text after another."""
    if key == "description":
        return plainly_in([of.description or ""], value)
    assert key == "all"
    tags = of.tags or {}
    return plainly_in([of.name, of.description or "", *tags, *tags.values()], value)


def plainly_in(searched: Sequence[str], value: str) -> bool:
    asked = words(value)
    return bool(asked) and any(
        all(any(word.startswith(each) for word in words(text)) for each in asked)
        for text in searched
    )


@given(
    outlines,
    st.sampled_from(["description", "all"]),
    values.filter(lambda value: not value.startswith("!")),
)
def test_words_are_found_as_one_text_after_another_would_tell(
    secret: Outline, key: str, value: str
) -> None:
    assert holds(secret, key, value) == plainly(secret, key, value)
