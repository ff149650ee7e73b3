"""The password policy that a function's environment says."""

import re

import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.credential import Defaults
from keyturn_rotators.errors import SecretValueError, SettingError
from keyturn_rotators.passwords import LENGTH_MAX, PasswordPolicy
from support.simulated_secretsmanager import SimulatedSecretsManager


def test_without_variables_the_policy_is_that_of_awss_functions() -> None:
    assert PasswordPolicy.from_environment({}) == PasswordPolicy(
        exclude_characters=":/@\"'\\", require_each_included_type=True
    )


def test_every_variable_reaches_get_random_password(
    client: SecretsManagerClient, secrets_manager: SimulatedSecretsManager
) -> None:
    policy = PasswordPolicy.from_environment(
        {
            "PASSWORD_LENGTH": "20",
            "EXCLUDE_CHARACTERS": "abc",
            "EXCLUDE_NUMBERS": "1",
            "EXCLUDE_PUNCTUATION": "Y",
            "EXCLUDE_UPPERCASE": "yes",
            "EXCLUDE_LOWERCASE": "False",
            "REQUIRE_EACH_INCLUDED_TYPE": "no",
        }
    )

    password = policy.make(Defaults(engines=frozenset(), port=1), client)

    assert len(password) == 20
    assert secrets_manager.requests[-1] == (
        "GetRandomPassword",
        {
            "PasswordLength": 20,
            "ExcludeCharacters": "abc",
            "ExcludeNumbers": True,
            "ExcludePunctuation": True,
            "ExcludeUppercase": True,
            "ExcludeLowercase": False,
            "RequireEachIncludedType": False,
        },
    )


def test_length_is_the_engines_where_nobody_says_another(
    client: SecretsManagerClient,
) -> None:
    defaults = Defaults(engines=frozenset(), port=1, password_length=30)

    made = PasswordPolicy().make(defaults, client)
    longer = PasswordPolicy(length=40).make(defaults, client)

    assert (len(made), len(longer)) == (30, 40)


def test_what_an_engine_can_not_take_is_left_out_as_well(
    client: SecretsManagerClient, secrets_manager: SimulatedSecretsManager
) -> None:
    policy = PasswordPolicy().of_secret({"ExcludeCharacters": "x"})

    policy.make(Defaults(engines=frozenset(), port=1, unusable_letters=";"), client)

    assert secrets_manager.requests[-1][1]["ExcludeCharacters"] == "x;"


@pytest.mark.parametrize("length", ["1", str(LENGTH_MAX)])
def test_a_length_within_the_limits_is_taken(length: str) -> None:
    assert PasswordPolicy.from_environment({"PASSWORD_LENGTH": length}).length == int(length)


@pytest.mark.parametrize("length", ["0", str(LENGTH_MAX + 1), "", "-1", "32.0", "long"])
def test_a_length_beyond_the_limits_is_refused_by_name(length: str) -> None:
    with pytest.raises(SettingError, match="PASSWORD_LENGTH must be a number"):
        PasswordPolicy.from_environment({"PASSWORD_LENGTH": length})


def test_a_misspelt_switch_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="EXCLUDE_PUNCTUATION must be true or false"):
        PasswordPolicy.from_environment({"EXCLUDE_PUNCTUATION": "ture"})


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ("short", "must be an object with members of"),
        ([], "must be an object with members of"),
        ({"passwordlength": 1}, "no other members than: PasswordLength"),
        ({"PasswordLength": 0}, "PasswordLength must be a number from 1 to 4096"),
        ({"PasswordLength": 4097}, "PasswordLength must be a number from 1 to 4096"),
        ({"PasswordLength": True}, "PasswordLength must be a number from 1 to 4096"),
        ({"PasswordLength": "40"}, "PasswordLength must be a number from 1 to 4096"),
        ({"ExcludeCharacters": 7}, "ExcludeCharacters must be a text"),
        ({"ExcludeNumbers": "yes"}, "ExcludeNumbers must be true or false"),
    ],
)
def test_policy_in_a_secret_that_is_not_understood_is_refused(own: object, words: str) -> None:
    with pytest.raises(SecretValueError, match=re.escape(words)):
        PasswordPolicy().of_secret(own)


def test_policy_in_a_secret_replaces_member_by_member() -> None:
    policy = PasswordPolicy(length=20, exclude_numbers=True)

    own = policy.of_secret({"PasswordLength": 4096, "ExcludeUppercase": True})

    assert own == PasswordPolicy(length=4096, exclude_numbers=True, exclude_uppercase=True)
    assert policy.of_secret(None) == policy
