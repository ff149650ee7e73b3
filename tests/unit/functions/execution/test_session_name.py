from datetime import UTC, datetime

import pytest

from keyturn.functions.execution.process_variables import session_name
from keyturn.model.function import Function


def function(name: str) -> Function:
    return Function(
        id=1,
        account="123456789012",
        region="us-east-1",
        name=name,
        arn=f"arn:aws:lambda:us-east-1:123456789012:function:{name}",
        runtime="python3.11",
        handler="lambda_function.lambda_handler",
        role_arn="arn:aws:iam::123456789012:role/r",
        description="",
        timeout_seconds=3,
        memory_mb=128,
        storage_mb=512,
        architecture="x86_64",
        code_sha256="",
        code_bytes=0,
        modified_at=datetime(2026, 1, 2, tzinfo=UTC),
        revision_id="r",
    )


@pytest.mark.parametrize(("name", "called"), [("ab", "ab"), ("a", "a@lambda_function")])
def test_a_session_is_named_after_its_function_in_two_characters_at_least(
    name: str, called: str
) -> None:
    assert session_name(function(name)) == called
