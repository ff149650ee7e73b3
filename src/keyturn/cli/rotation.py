"""``keyturn rotation``: what rotations did, why they failed, and trying them again."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
import json
from textwrap import wrap
from typing import Annotated, Any, Final

import typer

from keyturn import commands
from keyturn.cli.options import DataDirOption
from keyturn.config import DEFAULT_REGION, default_data_dir
from keyturn.model.arn import Arn
from keyturn.model.limits import ROTATIONS_PER_SECRET_KEPT
from keyturn.model.rotation import Failure, Remedy
from keyturn.rotation.history import RotationRecord
from keyturn.store.rotation_steps import StepRecord

app: Final = typer.Typer(
    help="What rotations did, why they failed, and trying them again.", no_args_is_help=True
)

_ROTATIONS_SHOWN: Final = 5
_COLUMNS: Final = 80
_PROSPECTS: Final = {
    Remedy.WAIT: "It may succeed by then.",
    Remedy.REPAIR: "It fails again until that is repaired. Then there is no need to wait: "
    "keyturn rotation retry.",
    Remedy.FRESH_VALUE: "It is made with another value.",
}

SecretArgument = Annotated[str, typer.Argument(help="The secret's name or ARN.")]
RegionOption = Annotated[
    str,
    typer.Option(
        envvar="KEYTURN_REGION", help="Region that the secret is in. An ARN says it itself."
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option(
        help="Account that the secret is in.  [default: the server's first]",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]


@app.callback()
def root() -> None:
    """What rotations did, why they failed, and trying them again."""


@app.command("history")
def history(
    secret_id: SecretArgument,
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
    region: RegionOption = DEFAULT_REGION,
    account_id: AccountOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a secret's rotations: each attempt and step, how long it took, and why it failed.

    The last column of a step is its request id, which names its lines in the function's log:
    aws logs filter-log-events --log-group-name /aws/lambda/NAME --filter-pattern '"REQUEST-ID"'

    Example: keyturn rotation history MySecret --last 1
    """
    path = data_dir or default_data_dir()
    region, account = _place(secret_id, region, account_id)
    records = commands.rotation_history(path, secret_id, last, region=region, account=account)
    if as_json:
        typer.echo(json.dumps([_document(record) for record in records], indent=2))
    elif records:
        typer.echo("\n\n".join("\n".join(_lines(record)) for record in records))
    else:
        typer.echo(f"{secret_id} has never been rotated.")


@app.command("retry")
def retry(
    secret_id: SecretArgument,
    *,
    region: RegionOption = DEFAULT_REGION,
    account_id: AccountOption = None,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a failed rotation again at once, after repairing what it failed for.

    It goes on under the same version. Without this command it is tried again by itself: when,
    `keyturn rotation history` says.

    Example: keyturn rotation retry MySecret
    """
    path = data_dir or default_data_dir()
    region, account = _place(secret_id, region, account_id)
    token = commands.retry_rotation(path, secret_id, region=region, account=account)
    if as_json:
        typer.echo(json.dumps({"VersionId": token}, indent=2))
        return
    typer.echo(f"The rotation of {secret_id} to version {token} goes on now.")


def _place(secret_id: str, region: str, account_id: str | None) -> tuple[str, str | None]:
    arn = Arn.parse(secret_id)
    return (region, account_id) if arn is None else (arn.region, arn.account)


def _lines(record: RotationRecord) -> Iterator[str]:
    rotation = record.rotation
    yield f"{_spelt(rotation.started_at)}  {rotation.kind.value} {_state(record)}"
    yield f"  version {rotation.token}"
    for sentence in _what_follows(record):
        yield from _wrapped(sentence, indent=2)
    for attempt, steps in groupby(record.steps, lambda step: step.attempt):
        first, *others = steps
        yield f"  attempt {attempt}, {first.began_at:%Y-%m-%d}"
        for step in (first, *others):
            yield from _step_lines(record, step)
    if not record.steps and rotation.failure is not None:
        yield from _why(rotation.failure)


def _state(record: RotationRecord) -> str:
    failure = record.rotation.failure
    told = record.rotation.state.value
    return told if failure is None else f"{told}: {failure.cause.value}"


def _what_follows(record: RotationRecord) -> Iterator[str]:
    if record.is_running:
        yield _next_attempt(record)
    elif record.next_rotation_at is not None:
        yield f"The secret's next rotation begins at {_spelt(record.next_rotation_at)}."
    if record.target_may_have_value:
        yield (
            "The target may have the new value already: if it refuses AWSCURRENT, try the value "
            "of the version above."
        )


def _next_attempt(record: RotationRecord) -> str:
    rotation, step = record.rotation, record.open_step
    if record.waits_for_restore:
        return "The secret is scheduled for deletion. It goes on when the secret is restored."
    if step is not None:
        return f"{step.step.value} is under way since {_spelt(step.began_at)}."
    begins = f"Attempt {rotation.position.attempt} begins by itself at {_spelt(rotation.due_at)}."
    prospect = "" if rotation.failure is None else _PROSPECTS[rotation.failure.cause.remedy]
    return f"{begins} {prospect}".rstrip()


def _step_lines(record: RotationRecord, step: StepRecord) -> Iterator[str]:
    outcome = "failed" if step.failure is not None else _outcome(record, step)
    # A line is as wide as a terminal: a request id has 36 letters.
    line = (
        f"  {step.began_at:%H:%M:%S} {step.step.value:<12} {_seconds(step):>8} {outcome:<9} "
        f"{step.request_id or ''}"
    )
    yield line.rstrip()
    if step.failure is not None:
        yield from _why(step.failure)


def _why(failure: Failure) -> list[str]:
    return _wrapped(f"{failure.cause.value}: {failure.reason}", indent=4)


def _wrapped(text: str, *, indent: int) -> list[str]:
    margin = " " * indent
    return wrap(
        text,
        _COLUMNS,
        initial_indent=margin,
        subsequent_indent=margin,
        # An ARN or a name that is split can't be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )


def _outcome(record: RotationRecord, step: StepRecord) -> str:
    if step.ended_at is not None:
        return "succeeded" if step.failure is None else step.failure.cause.value
    return "under way" if step is record.open_step else "cut off"


def _seconds(step: StepRecord) -> str:
    if step.ended_at is None:
        return ""
    return f"{(step.ended_at - step.began_at).total_seconds():.2f} s"


def _document(record: RotationRecord) -> dict[str, Any]:
    rotation = record.rotation
    is_waiting = record.is_running and record.open_step is None
    return {
        "VersionId": rotation.token,
        "Kind": rotation.kind.value,
        "State": rotation.state.value,
        "StartedAt": _spelt(rotation.started_at),
        "EndedAt": _spelt(rotation.ended_at),
        "NextAttemptAt": _spelt(rotation.due_at) if is_waiting else None,
        "NextRotationAt": _spelt(record.next_rotation_at),
        "TargetMayHaveValue": record.target_may_have_value,
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
