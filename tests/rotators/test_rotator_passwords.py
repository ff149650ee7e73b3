"""The password policy that a function's environment says."""

import pytest
from types_boto3_secretsmanager import SecretsManagerClient

from keyturn_rotators.errors import SettingError
from keyturn_rotators.passwords import LENGTH_MAX, PasswordPolicy
from support.simulated_secretsmanager import SimulatedSecretsManager


def test_without_variables_the_policy_is_that_of_awss_functions() -> None:
    assert PasswordPolicy.from_environment({}) == PasswordPolicy(
        length=32, exclude_characters=":/@\"'\\", require_each_included_type=True
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

    password = policy.make(client)

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
