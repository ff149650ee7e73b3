"""Folders of code: open to be read, and shown at a second place without a copy."""

import os
from pathlib import Path
import shutil
from typing import Final

_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o444
_PROGRAM_MODE: Final = 0o555
_MAY_RUN: Final = 0o100


def open_to_readers(folder: Path) -> None:
    """Let every user read what is below a folder, and run what its owner may run."""
    for at, _, files in os.walk(folder):
        Path(at).chmod(_FOLDER_MODE)
        for name in files:
            file = Path(at, name)
            is_program = file.stat().st_mode & _MAY_RUN
            file.chmod(_PROGRAM_MODE if is_program else _FILE_MODE)


def link_tree(source: Path, target: Path) -> None:
    """Show the files of a folder below another, over those that have the same names there."""
    for at, _, files in os.walk(source):
        below = target / Path(at).relative_to(source)
        below.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        # The mask of this process takes from the mode.
        below.chmod(_FOLDER_MODE)
        for name in files:
            shown = below / name
            shown.unlink(missing_ok=True)
            link_or_copy(Path(at, name), shown)


def link_or_copy(source: str | Path, target: str | Path) -> None:
    """Have a file at a second place, without a copy where that can be.

    Raises:
        OSError: it can't be read, or that place can't be written.
    """
    try:
        os.link(source, target)
    except OSError:
        # On another file system, or one that has no links, or somebody else's.
        shutil.copyfile(source, target)
        shutil.copymode(source, target)
