"""A rotation function's ZIP as its user makes it: its files, and the packages that it needs."""

import io
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from support.wheels import installed

DOCUMENTED_FUNCTION = Path(__file__).parent / "documented_function"
# Twice as quick as the default, and small enough for an upload.
_COMPRESSION_LEVEL = 1


def packaged(folder: Path) -> bytes:
    """Return the ZIP of a folder with ``lambda_function.py`` and ``requirements.txt``.

    Raises:
        NoWheelError: a package isn't made for this machine.
    """
    packages = installed(folder / "requirements.txt")
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL) as archive:
        archive.write(folder / "lambda_function.py", "lambda_function.py")
        for file in sorted(packages.rglob("*")):
            archive.write(file, file.relative_to(packages))
    return target.getvalue()
