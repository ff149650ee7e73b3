from hypothesis import given, strategies as st
import pytest

from keyturn.secrets import names
from keyturn.secrets.names import ByArn, ByName, ByPartialArn, InvalidNameError

PREFIX = "arn:aws:secretsmanager:us-east-1:123456789012:secret:"


def test_a_plain_text_is_a_name() -> None:
    assert names.read_secret_id("prod/db") == ByName("prod/db")


def test_an_arn_with_six_characters_at_its_end_is_whole() -> None:
    assert names.read_secret_id(PREFIX + "db-a1b2C3") == ByArn(PREFIX + "db-a1b2C3")


@pytest.mark.parametrize("name", ["db", "db-a1b2", "db-a1b2c3-", "db-a1b2c3d"])
def test_any_other_arn_is_partial(name: str) -> None:
    expected = ByPartialArn("us-east-1", "123456789012", name)

    assert names.read_secret_id(PREFIX + name) == expected


@pytest.mark.parametrize("secret_id", ["", "a b", "ü", "a\n", "a%", "arn:aws:s3:::bucket", "a:b"])
def test_characters_that_no_name_has_are_refused(secret_id: str) -> None:
    with pytest.raises(InvalidNameError):
        names.read_secret_id(secret_id)


@given(st.text(alphabet="abcXYZ019/_+=.@!-", min_size=1))
def test_every_allowed_name_is_found_by_its_arn(name: str) -> None:
    arn = names.secret_arn("eu-west-1", "123456789012", name, "Zz09aA")

    assert names.read_secret_id(arn) == ByArn(arn)


def test_regions_of_other_partitions_have_their_own_arns() -> None:
    assert names.secret_arn("cn-north-1", "1", "a", "bcdefg").startswith("arn:aws-cn:")
