"""``keyturn clock``: the time of a server that was made with ``keyturn serve --virtual-clock``."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
import json
from typing import Annotated, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
import typer

from keyturn import commands
from keyturn.cli.duration import ADVANCE_DAYS_MAX, DurationError, read_duration
from keyturn.cli.options import DataDirOption, JsonOption
from keyturn.config import default_data_dir
from keyturn.engine.virtual_clock import Arrival, Journey

app: Final = typer.Typer(
    help="The time of a server with a virtual clock, for tests.", no_args_is_help=True
)

# A shell's own exit code for a command that Ctrl-C ended: 128 and the signal's number.
_INTERRUPTED: Final = 130


def _duration(text: str) -> timedelta:
    try:
        return read_duration(text)
    except DurationError as error:
        raise typer.BadParameter(str(error)) from None


@app.command("advance")
def advance(
    by: Annotated[
        timedelta,
        typer.Argument(
            parser=_duration,
            metavar="DURATION",
            help=f"30d, 12h, 90m, 45s, or several: 1d12h. At most {ADVANCE_DAYS_MAX}d.",
        ),
    ],
    *,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the time of a running server, through everything that is due on the way.

    Each rotation window that opens meanwhile is rotated in, and failed rotations are tried again
    when their time comes. The command ends when the server has done all that, and has deleted the
    secrets whose recovery window is over; with 0, also where rotations failed.

    The server must have been started with `keyturn serve --virtual-clock`.

    Example: keyturn clock advance 30d
    """
    path = data_dir or default_data_dir()
    try:
        with _progress() as watch:
            arrival = commands.advance_clock(path, by, watch)
    except KeyboardInterrupt:
        time = _spelt(commands.virtual_clock(path).now())
        typer.echo(f"keyturn: left off at {time}; the server goes on from there", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    _print_arrival(arrival, as_json=as_json)


@app.command("show")
def show(*, data_dir: DataDirOption = None, as_json: JsonOption = False) -> None:
    """Print the time that secrets live in. The server may be stopped: its clock never is."""
    clock = commands.virtual_clock(data_dir or default_data_dir())
    time, ahead = _spelt(clock.now()), clock.ahead
    if as_json:
        typer.echo(json.dumps({"Time": time, "AheadSeconds": ahead.total_seconds()}, indent=2))
        return
    typer.echo(f"{time}, {_days_and_hours(ahead)} ahead of this machine's clock")


def _print_arrival(arrival: Arrival, *, as_json: bool) -> None:
    time, outcomes = _spelt(arrival.at), arrival.outcomes
    if as_json:
        document = {
            "Time": time,
            "RotationsSucceeded": outcomes.succeeded,
            "RotationsFailed": outcomes.failed,
            "RotationsAbandoned": outcomes.abandoned,
            "RotationsUnfinished": arrival.unfinished,
        }
        typer.echo(json.dumps(document, indent=2))
        return
    typer.echo(
        f"The time is {time}. Rotations: "
        f"{outcomes.succeeded} succeeded, {outcomes.failed} failed, "
        f"{outcomes.abandoned} abandoned, {arrival.unfinished} unfinished."
    )


@contextmanager
def _progress() -> Iterator[Callable[[Journey, datetime], None]]:
    """Yield what shows a journey on a terminal, and nothing anywhere else."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.0f}%"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("")

        def watch(journey: Journey, now: datetime) -> None:
            bar.update(
                task,
                description=_spelt(now),
                total=(journey.target_at - journey.began_at).total_seconds(),
                completed=(now - journey.began_at).total_seconds(),
            )

        yield watch


def _spelt(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _days_and_hours(ahead: timedelta) -> str:
    minutes = round(ahead / timedelta(minutes=1))
    return f"{minutes // 1440}d{minutes // 60 % 24}h{minutes % 60}m"
