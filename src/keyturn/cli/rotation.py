"""``keyturn rotation``: what rotations did, and why they failed."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
import json
from typing import Annotated, Any, Final

import typer

from keyturn import app as server
from keyturn.cli.options import DataDirOption
from keyturn.config import DEFAULT_REGION, default_data_dir
from keyturn.model.limits import ROTATIONS_PER_SECRET_KEPT
from keyturn.model.rotation import Failure, State
from keyturn.rotation.history import RotationRecord
from keyturn.store.rotation_steps import StepRecord

app: Final = typer.Typer(help="What rotations did, and why they failed.", no_args_is_help=True)

_ROTATIONS_SHOWN: Final = 5

JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]


@app.callback()
def root() -> None:
    """What rotations did, and why they failed."""


@app.command("history")
def history(
    secret_id: Annotated[str, typer.Argument(help="The secret's name or ARN.")],
    *,
    last: Annotated[
        int,
        typer.Option(
            "--last",
            min=1,
            max=ROTATIONS_PER_SECRET_KEPT,
            help="How many rotations to show, the latest first.",
        ),
    ] = _ROTATIONS_SHOWN,
    region: Annotated[
        str, typer.Option(envvar="KEYTURN_REGION", help="Region that the secret is in.")
    ] = DEFAULT_REGION,
    account_id: Annotated[
        str | None,
        typer.Option(
            help="Account that the secret is in.  [default: the server's first]",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a secret's rotations: each attempt and step, how long it took, and why it failed.

    A request id names the step's lines in the function's log:
    aws logs filter-log-events --log-group-name /aws/lambda/NAME --filter-pattern '"REQUEST-ID"'

    Example: keyturn rotation history MySecret --last 1
    """
    path = data_dir or default_data_dir()
    records = server.rotation_history(path, secret_id, last, region=region, account=account_id)
    if as_json:
        typer.echo(json.dumps([_document(record) for record in records], indent=2))
    elif records:
        typer.echo("\n".join(line for record in records for line in _lines(record)))
    else:
        typer.echo(f"{secret_id} has never been rotated.")


def _lines(record: RotationRecord) -> Iterator[str]:
    rotation = record.rotation
    failure = rotation.failure
    cause = f" ({failure.cause.value})" if failure is not None else ""
    yield f"{_spelt(rotation.started_at)}  {rotation.kind.value} {rotation.state.value}{cause}"
    yield f"  version {rotation.token}"
    if rotation.state is State.RUNNING:
        yield f"  goes on at {_spelt(rotation.due_at)}"
    for attempt, steps in groupby(record.steps, lambda step: step.attempt):
        yield f"  attempt {attempt}"
        for step in steps:
            yield from _step_lines(record, step)
    yield ""


def _step_lines(record: RotationRecord, step: StepRecord) -> Iterator[str]:
    outcome = _outcome(record, step)
    request = f"  request {step.request_id}" if step.request_id else ""
    yield (
        f"    {step.began_at:%H:%M:%S}  {step.step.value:<12}  {_seconds(step):>8}  "
        f"{outcome}{request}"
    )
    if step.failure is not None:
        yield f"        {step.failure.reason}"


def _outcome(record: RotationRecord, step: StepRecord) -> str:
    if step.ended_at is not None:
        return "succeeded" if step.failure is None else step.failure.cause.value
    is_last = step is record.steps[-1]
    is_under_way = is_last and record.rotation.state is State.RUNNING
    return "under way" if is_under_way else "cut off"


def _seconds(step: StepRecord) -> str:
    if step.ended_at is None:
        return ""
    return f"{(step.ended_at - step.began_at).total_seconds():.2f} s"


def _document(record: RotationRecord) -> dict[str, Any]:
    rotation = record.rotation
    return {
        "VersionId": rotation.token,
        "Kind": rotation.kind.value,
        "State": rotation.state.value,
        "StartedAt": _spelt(rotation.started_at),
        "EndedAt": _spelt(rotation.ended_at),
        "NextAttemptAt": _spelt(rotation.due_at) if rotation.state is State.RUNNING else None,
        **_failure(rotation.failure),
        "Steps": [
            {
                "Attempt": step.attempt,
                "Step": step.step.value,
                "StartedAt": _spelt(step.began_at),
                "EndedAt": _spelt(step.ended_at),
                "Outcome": _outcome(record, step),
                "RequestId": step.request_id,
                **_failure(step.failure),
            }
            for step in record.steps
        ],
    }


def _failure(failure: Failure | None) -> dict[str, str | None]:
    if failure is None:
        return {"Cause": None, "Reason": None}
    return {"Cause": failure.cause.value, "Reason": failure.reason}


def _spelt(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
