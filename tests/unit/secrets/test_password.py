"""Random passwords: what they may hold, what they must, and that none is likelier."""

from collections import Counter
from itertools import product
import string

from hypothesis import assume, given, strategies as st
import pytest

from keyturn.secrets import password
from keyturn.secrets.password import NoCharactersLeftError, PasswordRules, PasswordTooShortError

LOWER, UPPER, DIGITS = string.ascii_lowercase, string.ascii_uppercase, string.digits
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
EVERYTHING = LOWER + UPPER + DIGITS + PUNCTUATION


def generate(rules: PasswordRules) -> str:
    return password.generate(rules).reveal().decode()


def but(kept: str) -> str:
    """The characters to exclude so that only ``kept`` are left."""
    return "".join(sorted(set(EVERYTHING) - set(kept)))


all_rules = st.builds(
    PasswordRules,
    length=st.integers(1, 5) | st.integers(6, 64),
    exclude_characters=st.one_of(
        st.text(EVERYTHING + " é", max_size=40),
        st.sampled_from([LOWER, UPPER + DIGITS, DIGITS + PUNCTUATION + " ", EVERYTHING]),
    ),
    exclude_numbers=st.booleans(),
    exclude_punctuation=st.booleans(),
    exclude_uppercase=st.booleans(),
    exclude_lowercase=st.booleans(),
    include_space=st.booleans(),
    require_each_included_type=st.booleans(),
)


def types_left(rules: PasswordRules) -> list[set[str]]:
    """The characters of each included type that aren't excluded."""
    switches = [
        (LOWER, rules.exclude_lowercase),
        (UPPER, rules.exclude_uppercase),
        (DIGITS, rules.exclude_numbers),
        (PUNCTUATION, rules.exclude_punctuation),
    ]
    left = [set(type_) - set(rules.exclude_characters) for type_, is_out in switches if not is_out]
    return [type_ for type_ in left if type_]


def alphabet_of(rules: PasswordRules) -> set[str]:
    space = {" "} if rules.include_space else set[str]()
    return set[str]().union(*types_left(rules), space - set(rules.exclude_characters))


def can_be_made(rules: PasswordRules) -> bool:
    required = len(types_left(rules)) if rules.require_each_included_type else 1
    return bool(alphabet_of(rules)) and rules.length >= required


@given(all_rules)
def test_a_password_has_its_length_and_only_allowed_characters(rules: PasswordRules) -> None:
    assume(can_be_made(rules))

    made = generate(rules)

    assert len(made) == rules.length
    assert set(made) <= alphabet_of(rules)


@given(all_rules)
def test_a_password_holds_each_included_type_when_required(rules: PasswordRules) -> None:
    assume(can_be_made(rules) and rules.require_each_included_type)

    made = generate(rules)

    assert all(type_ & set(made) for type_ in types_left(rules))


@given(all_rules)
def test_rules_are_refused_exactly_if_no_password_keeps_to_them(rules: PasswordRules) -> None:
    try:
        generate(rules)
        is_made = True
    except (NoCharactersLeftError, PasswordTooShortError):
        is_made = False

    assert is_made == can_be_made(rules)


def test_a_password_without_any_wishes_is_aws_default() -> None:
    made = generate(PasswordRules())

    assert len(made) == 32
    assert all(set(type_) & set(made) for type_ in (LOWER, UPPER, DIGITS, PUNCTUATION))
    assert " " not in made


def test_every_character_of_every_type_and_space_can_come_up() -> None:
    rules = PasswordRules(length=4096, include_space=True)

    assert set(generate(rules)) == {*EVERYTHING, " "}


def test_a_space_is_never_required() -> None:
    made = generate(PasswordRules(length=4, include_space=True))

    assert " " not in made


def test_a_password_of_spaces_alone_is_possible() -> None:
    assert generate(
        PasswordRules(length=3, exclude_characters=EVERYTHING, include_space=True)
    ) == ("   ")


def test_a_type_whose_every_character_is_excluded_is_not_required() -> None:
    made = generate(PasswordRules(length=3, exclude_characters=DIGITS))

    assert not set(DIGITS) & set(made)


@pytest.mark.parametrize("length", [1, 4096])
def test_lengths_at_the_limits_are_made(length: int) -> None:
    rules = PasswordRules(length=length, require_each_included_type=False)

    assert len(generate(rules)) == length


@pytest.mark.parametrize("length", [0, 4097])
def test_lengths_beyond_the_limits_are_a_bug_of_the_caller(length: int) -> None:
    with pytest.raises(AssertionError):
        PasswordRules(length=length)


def test_excluding_every_character_is_refused() -> None:
    with pytest.raises(NoCharactersLeftError):
        generate(PasswordRules(exclude_characters=EVERYTHING))


def test_excluding_every_type_is_refused() -> None:
    rules = PasswordRules(
        exclude_numbers=True,
        exclude_punctuation=True,
        exclude_uppercase=True,
        exclude_lowercase=True,
    )

    with pytest.raises(NoCharactersLeftError):
        generate(rules)


def test_a_password_too_short_for_its_types_is_refused_with_the_numbers() -> None:
    with pytest.raises(PasswordTooShortError) as refusal:
        generate(PasswordRules(length=3))

    assert (refusal.value.length, refusal.value.required_types) == (3, 4)


def test_a_password_as_long_as_its_types_is_made() -> None:
    assert len(generate(PasswordRules(length=4))) == 4


def test_the_rarest_case_is_made() -> None:
    rules = PasswordRules(
        length=4, exclude_characters=but("aA0" + PUNCTUATION), include_space=True
    )

    assert {"a", "A", "0"} < set(generate(rules))


def test_a_source_that_never_varies_is_given_up() -> None:
    with pytest.raises(RuntimeError):
        password.generate(PasswordRules(length=4), choose=lambda characters: characters[0])


def test_rules_do_not_show_the_excluded_characters() -> None:
    assert "hunter2" not in repr(PasswordRules(exclude_characters="hunter2"))


def test_every_allowed_password_is_equally_likely() -> None:
    rules = PasswordRules(length=3, exclude_characters=but("abA1"), exclude_punctuation=True)
    allowed = [
        "".join(letters)
        for letters in product("abA1", repeat=3)
        if "A" in letters and "1" in letters and {"a", "b"} & set(letters)
    ]
    draws = 200 * len(allowed)

    counts = Counter(generate(rules) for _ in range(draws))

    # 11 degrees of freedom: a fair generator goes beyond 100 less than once in 10**15 runs.
    chi_square = sum((counts[word] - 200) ** 2 / 200 for word in allowed)
    assert set(counts) == set(allowed)
    assert chi_square < 100


def test_every_character_is_equally_likely_at_every_place() -> None:
    rules = PasswordRules(length=4096, require_each_included_type=False)

    counts = Counter("".join(generate(rules) for _ in range(23)))

    # 93 degrees of freedom: a fair generator goes beyond 250 less than once in 10**15 runs.
    expected = 23 * 4096 / len(EVERYTHING)
    assert sum((counts[c] - expected) ** 2 / expected for c in EVERYTHING) < 250
