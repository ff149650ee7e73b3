import pytest

from keyturn.functions.names import FunctionRef, read_arn, read_reference
from keyturn.functions.refusals import ParameterError

HERE = {"region": "us-east-1", "account": "123456789012"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("f", FunctionRef(name="f", **HERE)),
        ("f:$LATEST", FunctionRef(name="f", qualifier="$LATEST", **HERE)),
        ("f:prod", FunctionRef(name="f", qualifier="prod", **HERE)),
        ("function:f", FunctionRef(name="f", **HERE)),
        (
            "210987654321:function:f",
            FunctionRef(name="f", region="us-east-1", account="210987654321"),
        ),
        (
            "arn:aws-us-gov:lambda:us-gov-west-1:210987654321:function:f:3",
            FunctionRef(name="f", region="us-gov-west-1", account="210987654321", qualifier="3"),
        ),
    ],
)
def test_what_a_reference_leaves_out_is_the_caller_s(text: str, wanted: FunctionRef) -> None:
    assert read_reference(text, **HERE) == wanted


@pytest.mark.parametrize("text", ["", "a b", "x" * 65, "arn:aws:s3:::bucket", "f:1:2", "f:$OLD"])
def test_what_refers_to_no_function_is_refused(text: str) -> None:
    with pytest.raises(ParameterError):
        read_reference(text, **HERE)


def test_an_arn_has_the_partition_of_its_region() -> None:
    reference = read_reference("f", region="cn-north-1", account="123456789012", qualifier="2")

    assert reference.arn == "arn:aws-cn:lambda:cn-north-1:123456789012:function:f"
    assert reference.asked_arn == f"{reference.arn}:2"


@pytest.mark.parametrize("qualifier", [None, "$LATEST", "3", "live"])
def test_a_whole_arn_says_everything(qualifier: str | None) -> None:
    wanted = FunctionRef(name="f", region="eu-west-1", account="210987654321", qualifier=qualifier)

    assert read_arn(wanted.asked_arn) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f",
        "210987654321:function:f",
        "arn:aws:lambda:eu-west-1:210987654321:function:",
        "arn:aws:lambda:eu-west-1:210987654321:function:f:",
        "arn:aws:lambda:eu-west-1:210987654321:function:f:a:b",
        "arn:aws:lambda:eu-west-1:210987654321:layer:f:1",
        "arn:aws:lambda::210987654321:function:f",
    ],
)
def test_what_is_no_whole_arn_is_none(text: str) -> None:
    assert read_arn(text) is None
