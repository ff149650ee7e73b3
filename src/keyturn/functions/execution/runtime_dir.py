"""The modules that Lambda brings for Python: boto3, what it needs, and AWS's runtime client.

A function must see these and nothing else of ours: a module that it only finds here by accident
would be missing on AWS. So they are linked, one by one, into a folder of their own.
"""

from importlib.metadata import distribution
from pathlib import Path
import secrets
import shutil
from typing import Final

from keyturn.functions.runtimes import OWN_PYTHON

_DISTRIBUTIONS: Final = (
    "awslambdaric",
    "boto3",
    "botocore",
    "jmespath",
    "python-dateutil",
    "s3transfer",
    "simplejson",
    "six",
    "snapshot-restore-py",
    "urllib3",
)
_LEFT_OUT: Final = {"..", "__pycache__"}


def make(folder: Path) -> Path:
    """Return a folder with the modules, linking them anew: they may have been upgraded.

    Args:
        folder: this engine's alone. What an earlier one left in it is removed, as far as it can be
            while something that outlived that engine writes to it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    made = folder / secrets.token_hex(8) / OWN_PYTHON
    made.mkdir(mode=0o700, parents=True)
    for name in _DISTRIBUTIONS:
        _link(name, made)
    return made


def _link(name: str, folder: Path) -> None:
    installed = distribution(name)
    assert installed.files, f"{name} isn't installed from a wheel"
    tops = {file.parts[0] for file in installed.files} - _LEFT_OUT
    for top in tops:
        (folder / top).symlink_to(Path(str(installed.locate_file(top))).resolve())
