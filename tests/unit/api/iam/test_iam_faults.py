"""Every refusal of IAM and STS has its error."""

import inspect

import pytest

from keyturn.api.iam.faults import fault_of as iam_fault_of
from keyturn.api.sts.faults import fault_of as sts_fault_of
from keyturn.iam import refusals
from keyturn.keys.envelope import DecryptionError
from keyturn.model.errors import ServiceError

ARGUMENTS = {"kind": "role", "left": "policies", "value": 2, "bound": 1, "characters_max": 9}


def example(refusal: type[ServiceError]) -> ServiceError:
    if "__init__" not in vars(refusal):
        return refusal()
    names = inspect.signature(refusal).parameters
    return refusal(*(ARGUMENTS.get(name, name) for name in names))


REFUSALS = [
    refusal
    for _, refusal in inspect.getmembers(refusals, inspect.isclass)
    if refusal.__module__ == refusals.__name__
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_every_refusal_has_an_error(refusal: type[ServiceError]) -> None:
    error = example(refusal)

    fault = iam_fault_of(error) or sts_fault_of(error)

    assert fault is not None
    assert fault.is_sender


@pytest.mark.parametrize(("value", "bound", "relation"), [(2, 1, "less"), (1, 2, "greater")])
def test_a_number_outside_its_limits_is_told_in_awss_words(
    value: int, bound: int, relation: str
) -> None:
    fault = sts_fault_of(refusals.OutOfRangeError("durationSeconds", value, bound))

    assert fault is not None
    assert (fault.code, fault.status) == ("ValidationError", 400)
    assert fault.message == (
        f"1 validation error detected: Value '{value}' at 'durationSeconds' failed to satisfy "
        f"constraint: Member must have value {relation} than or equal to {bound}"
    )


def test_a_refusal_that_is_not_iams_is_left_to_others() -> None:
    assert iam_fault_of(DecryptionError()) is None
    assert sts_fault_of(DecryptionError()) is None
