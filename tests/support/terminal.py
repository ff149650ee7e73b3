"""Run commands as a person types them, and show each with its answer."""

from collections.abc import Iterator
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shlex
import subprocess
import sys
from typing import Any

import boto3
from rich.console import Console
from rich.markup import escape


class Terminal:
    """A shell in a folder, with the environment that a user would have."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._console = Console(highlight=False, soft_wrap=True, emoji=False)
        self._failures = 0
        self.environment: dict[str, str] = {}

    def title(self, text: str) -> None:
        """Begin a new part."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def say(self, text: str) -> None:
        """Show a sentence."""
        self._console.print(f"  {escape(text)}")

    def write(self, name: str, document: object) -> None:
        """Make a JSON file in the folder."""
        (self._folder / name).write_text(json.dumps(document, indent=2))

    def aws(self, command: str) -> Any:  # noqa: ANN401 - the answer of any command
        """Run the AWS CLI; show the command and its answer, and return the answer."""
        answer = self.run(f"aws {command}")
        return json.loads(answer) if answer.startswith("{") else answer

    def run(self, command: str) -> str:
        """Run a command; show it and its answer. It ends the program when the command fails."""
        self._console.print(f"\n[cyan]$ {escape(command)}[/cyan]")
        done = subprocess.run(
            shlex.split(command),
            cwd=self._folder,
            env=self._whole_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        self._console.print(escape((done.stdout + done.stderr).rstrip()))
        if done.returncode:
            sys.exit(f"the command failed with exit code {done.returncode}")
        return done.stdout

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes the type
        """Return a boto3 client for the same server and user."""
        return boto3.client(
            service,
            endpoint_url=self.environment["AWS_ENDPOINT_URL"],
            region_name=self.environment["AWS_DEFAULT_REGION"],
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
        )

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is going on."""
        with self._console.status(f"{what} ..."):
            yield

    def claim(self, text: str, is_true: bool) -> None:
        """Show whether a claim holds."""
        mark = "[green]yes[/green]" if is_true else "[red]NO [/red]"
        self._failures += not is_true
        self._console.print(f"  {mark}  {escape(text)}")

    def finish(self) -> None:
        """End the program with an error if a claim didn't hold."""
        if self._failures:
            sys.exit(f"{self._failures} of the claims above didn't hold")

    def _whole_environment(self) -> dict[str, str]:
        own_programs = str(Path(sys.executable).parent)
        return {
            **os.environ,  # noqa: TID251 - a shell inherits its environment
            **self.environment,
            "PATH": f"{own_programs}:{os.environ['PATH']}",  # noqa: TID251 - ditto
            "AWS_PAGER": "",
        }
