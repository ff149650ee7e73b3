"""No value of a function's shows where something that carries it is printed."""

from functools import partial
from pathlib import Path

import pytest

from keyturn.functions.execution.environment import Blueprint
from keyturn.functions.execution.remote import InvokeAnswer, InvokeRequest
from keyturn.functions.execution.sandbox import Interior
from keyturn.functions.runtimes import PROVIDED

SECRET = "hunter22"
INTERIOR = Interior(
    runtime=PROVIDED, task=Path("/task"), layers=None, storage_mb=1, variables={"LD_X": SECRET}
)
BLUEPRINT = Blueprint(
    interior=INTERIOR,
    label="a",
    handler="b.c",
    memory_mb=128,
    log_stream="s",
    variables_at=partial(lambda own, _places: own, {"PASSWORD": SECRET}),
)


@pytest.mark.parametrize(
    "carrier",
    [
        INTERIOR,
        BLUEPRINT,
        InvokeRequest("arn:function:one", SECRET.encode()),
        InvokeAnswer(payload=SECRET.encode(), log_tail=SECRET.encode(), text=SECRET),
    ],
)
def test_no_repr_tells_a_value(carrier: object) -> None:
    assert SECRET not in repr(carrier)
