"""Packages of PyPI that tests need beside ``.venv``: a folder for each list of them.

    folder = installed(Path("requirements.txt"))

* The list pins every file by its hash, and only wheels are taken: no code of a package runs while
  it is installed.
* A folder's name has the hash of its list: another list is another folder.
* However many processes ask at once, one installs. A folder is whole, or it isn't there.
"""

import fcntl
from hashlib import sha256
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Final

CACHE: Final = Path(__file__).parents[1] / ".cache"
INSTALL_SECONDS_MAX: Final = 300
# pip's words when an index has nothing that this machine can use.
_NO_WHEEL: Final = "No matching distribution found"


class NoWheelError(Exception):
    """There is no wheel of a package for this machine and its Python."""


def installed(requirements: Path) -> Path:
    """Return a folder with the packages of a list.

    Raises:
        NoWheelError: one of them isn't made for this machine.
    """
    digest = sha256(requirements.read_bytes()).hexdigest()
    folder = CACHE / f"{requirements.parent.name}-{sys.implementation.cache_tag}-{digest[:16]}"
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(requirements, folder)
    return folder


def _install(requirements: Path, folder: Path) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:", "--no-compile"),
            *("--target", str(unfinished), "--requirement", str(requirements)),
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS_MAX,
    )
    if _NO_WHEEL in done.stderr:
        raise NoWheelError(done.stderr.strip().rpartition("\n")[2])
    assert done.returncode == 0, done.stderr
    unfinished.rename(folder)
