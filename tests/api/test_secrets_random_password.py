"""GetRandomPassword, against a running server.

AWS: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetRandomPassword.html
"""

import string
from typing import Any

import pytest

from support.live_api import LiveApi, refusal

pytestmark = pytest.mark.server

TOO_SHORT = (
    400,
    "InvalidParameterException",
    "Password length is too short based on the required types.",
)


def test_password_has_32_characters_of_every_type(api: LiveApi) -> None:
    password = api.secrets.get_random_password()["RandomPassword"]

    assert len(password) == 32
    for type_ in (
        string.ascii_lowercase,
        string.ascii_uppercase,
        string.digits,
        string.punctuation,
    ):
        assert set(type_) & set(password)
    assert " " not in password


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        ({"ExcludePunctuation": True}, string.ascii_letters + string.digits),
        ({"ExcludeNumbers": True, "ExcludePunctuation": True}, string.ascii_letters),
        (
            {"ExcludeUppercase": True, "ExcludeLowercase": True, "ExcludePunctuation": True},
            string.digits,
        ),
        ({"ExcludeCharacters": string.punctuation}, string.ascii_letters + string.digits),
    ],
)
def test_excluded_characters_are_not_in_it(
    api: LiveApi, rules: dict[str, Any], allowed: str
) -> None:
    password = api.secrets.get_random_password(PasswordLength=500, **rules)["RandomPassword"]

    assert set(password) <= set(allowed)


@pytest.mark.parametrize("length", [4, 4096])
def test_length_is_as_asked(api: LiveApi, length: int) -> None:
    password = api.secrets.get_random_password(PasswordLength=length)["RandomPassword"]

    assert len(password) == length


def test_length_over_4096_is_refused_by_the_front_end(api: LiveApi) -> None:
    assert refusal(api.secrets.get_random_password, PasswordLength=4097) == (
        400,
        "ValidationException",
        (
            "1 validation error detected: Value '4097' at 'passwordLength' failed to satisfy "
            "constraint: Member must have value less than or equal to 4096"
        ),
    )


@pytest.mark.parametrize("length", [1, 3])
def test_length_under_the_number_of_required_types_is_refused(api: LiveApi, length: int) -> None:
    assert refusal(api.secrets.get_random_password, PasswordLength=length) == TOO_SHORT


def test_short_password_is_made_when_no_type_is_required(api: LiveApi) -> None:
    answer = api.secrets.get_random_password(PasswordLength=1, RequireEachIncludedType=False)

    assert len(answer["RandomPassword"]) == 1


def test_exclusion_of_everything_is_refused(api: LiveApi) -> None:
    refused = refusal(
        api.secrets.get_random_password,
        ExcludeNumbers=True,
        ExcludePunctuation=True,
        ExcludeUppercase=True,
        ExcludeLowercase=True,
    )

    assert refused[:2] == (400, "InvalidParameterException")


def test_space_is_included_when_asked_for(api: LiveApi) -> None:
    answer = api.secrets.get_random_password(PasswordLength=4096, IncludeSpace=True)

    assert " " in answer["RandomPassword"]
