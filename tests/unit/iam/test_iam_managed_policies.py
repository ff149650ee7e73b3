"""AWS's managed policies, as data."""

import pytest

from keyturn.iam import managed_policies
from keyturn.iam.managed_policies import ManagedPolicy
from keyturn.iam.policy.document import parse


@pytest.mark.parametrize(
    "policy", managed_policies.every().values(), ids=lambda p: p.arn.rpartition("/")[2]
)
def test_every_managed_policy_is_a_policy_that_can_be_decided(policy: ManagedPolicy) -> None:
    assert parse(policy.document, kind="identity").statements


def test_the_policies_that_rotation_needs_are_there() -> None:
    arns = managed_policies.every().keys()

    assert {
        "arn:aws:iam::aws:policy/AdministratorAccess",
        "arn:aws:iam::aws:policy/AmazonRDSReadOnlyAccess",
        "arn:aws:iam::aws:policy/AWSLambda_FullAccess",
        "arn:aws:iam::aws:policy/IAMFullAccess",
        "arn:aws:iam::aws:policy/SecretsManagerReadWrite",
        "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
    } <= arns


def test_a_managed_policys_name_and_path_are_in_its_arn() -> None:
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    administrator = managed_policies.ADMINISTRATOR_ACCESS

    assert managed_policies.name_of(basic) == "AWSLambdaBasicExecutionRole"
    assert managed_policies.path_of(basic) == "/service-role/"
    assert managed_policies.path_of(administrator) == "/"
