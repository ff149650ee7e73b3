"""The files of pinned Python distributions, for the Python that a function will run on.

* What is packed is what the lock file pins, by version and hash; nothing is resolved here.
* Where this very Python could run the function and has the pinned versions installed, their files
  are taken from here, each checked against the hash that it was installed with: that needs no
  network. Otherwise pip downloads the wheels. Both ways give the same files.
* A wheel is taken only if it runs with the C library of the runtime's operating system.

AWS: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
"""

from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
import hashlib
from importlib import metadata
from pathlib import Path, PurePosixPath
import platform
import re
import subprocess
import sys
import tempfile
from typing import Final
from zipfile import ZipFile

from keyturn.model.errors import ServiceError

DOWNLOAD_SECONDS_MAX: Final = 300


class Runtime(StrEnum):
    """A Python that Lambda runs functions on."""

    PYTHON_3_11 = "python3.11"
    PYTHON_3_12 = "python3.12"
    PYTHON_3_13 = "python3.13"
    PYTHON_3_14 = "python3.14"

    @property
    def version(self) -> str:
        """The Python version, such as ``3.11``."""
        return self.value.removeprefix("python")

    @property
    def glibc_minor(self) -> int:
        """The minor version of its GNU C library: Amazon Linux 2's, or 2023's."""
        return 26 if self is Runtime.PYTHON_3_11 else 34


class Architecture(StrEnum):
    """A processor that Lambda runs functions on."""

    X86_64 = "x86_64"
    ARM64 = "arm64"

    @property
    def machine(self) -> str:
        """What Linux calls it."""
        return "aarch64" if self is Architecture.ARM64 else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What a function will run on."""

    runtime: Runtime
    architecture: Architecture

    def wheel_tags(self) -> list[str]:
        """Return the platform tags of the wheels that run there, widest last.

        PEP 600: a wheel runs with the C library that its tag names, and with every later one.
        """
        machine = self.architecture.machine
        minors = range(self.runtime.glibc_minor, _OLDEST_GLIBC_MINOR - 1, -1)
        return [f"manylinux_2_{minor}_{machine}" for minor in minors] + ["any"]

    def is_here(self) -> bool:
        """Return whether this process could run the function."""
        return (
            sys.platform == "linux"
            and platform.machine() == self.architecture.machine
            and self.runtime.version == ".".join(platform.python_version_tuple()[:2])
        )


class DependencyError(ServiceError):
    """A pinned distribution can't be had."""


# The oldest that the tag of a manylinux2014 wheel names.
_OLDEST_GLIBC_MINOR: Final = 17
_PIN: Final = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s\\]+)", re.MULTILINE)
_WHEEL_TAG: Final = re.compile(r"^Tag: [^-]+-[^-]+-(?P<platform>\S+)$", re.MULTILINE)
# What an installer writes beside the wheel's own files.
_INSTALLERS_OWN: Final = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


def files_of(lock_file: Path, target: Platform) -> Mapping[str, bytes]:
    """Return the files of all distributions that a lock file pins, by their path.

    Raises:
        DependencyError: one isn't installed here and can't be downloaded.
    """
    installed = _installed_files(lock_file, target) if target.is_here() else None
    return installed if installed is not None else _downloaded_files(lock_file, target)


def _installed_files(lock_file: Path, target: Platform) -> Mapping[str, bytes] | None:
    """Return the files as they are installed here, or None if they aren't, or were changed."""
    files: dict[str, bytes] = {}
    for pin in _PIN.finditer(lock_file.read_text()):
        try:
            distribution = metadata.distribution(pin["name"])
        except metadata.PackageNotFoundError:
            return None
        if distribution.version != pin["version"] or not _runs_on(distribution, target):
            return None
        for path in distribution.files or ():
            if not _belongs(path):
                continue
            content = path.read_binary()
            if path.hash is None or _record_hash(content) != path.hash.value:
                return None
            files[path.as_posix()] = content
    return files


def _runs_on(distribution: metadata.Distribution, target: Platform) -> bool:
    tags = _WHEEL_TAG.findall(distribution.read_text("WHEEL") or "")
    return not set(tags).isdisjoint(target.wheel_tags())


def _downloaded_files(lock_file: Path, target: Platform) -> Mapping[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="keyturn-package-") as folder:
        _download(lock_file, target, Path(folder))
        return {
            name: content
            for wheel in sorted(Path(folder).glob("*.whl"))
            for name, content in _unpacked(wheel)
        }


def _download(lock_file: Path, target: Platform, folder: Path) -> None:
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-input"),
        # Its notice of a later pip would stand where the reason for a failure does.
        "--disable-pip-version-check",
        *("--only-binary=:all:", "--no-deps", "--require-hashes"),
        *("--requirement", str(lock_file), "--dest", str(folder)),
        *("--implementation", "cp", "--python-version", target.runtime.version),
        *(f"--platform={tag}" for tag in target.wheel_tags()),
    ]
    try:
        # S603: every word is ours or this process's own.
        subprocess.run(  # noqa: S603
            command, check=True, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS_MAX
        )
    except subprocess.CalledProcessError as error:
        raise _dependency_error(lock_file, target, error.stderr) from None
    except subprocess.TimeoutExpired as error:
        raise _dependency_error(lock_file, target, f"no end after {error.timeout} s") from None


def _dependency_error(lock_file: Path, target: Platform, output: str) -> DependencyError:
    pins = ", ".join(
        f"{pin['name']} {pin['version']}" for pin in _PIN.finditer(lock_file.read_text())
    )
    said = output.strip().splitlines()[-1:] or ["nothing"]
    return DependencyError(
        f"Can't download {pins} for {target.runtime} on {target.architecture}; pip said: "
        f"{said[0]}. There is no wheel for that platform (try a later --runtime: its glibc is "
        f"2.{target.runtime.glibc_minor}), or no way to the package index. Without a network, "
        f"install these versions with Python {target.runtime.version} and package with that."
    )


def _unpacked(wheel: Path) -> Iterator[tuple[str, bytes]]:
    with ZipFile(wheel) as archive:
        for name in archive.namelist():
            if _belongs(PurePosixPath(name)) and not name.endswith("/"):
                yield name, archive.read(name)


def _belongs(path: PurePosixPath) -> bool:
    is_compiled = path.suffix == ".pyc"
    is_script = ".." in path.parts
    is_installers = path.parent.suffix == ".dist-info" and path.name in _INSTALLERS_OWN
    return not (is_compiled or is_script or is_installers)


def _record_hash(content: bytes) -> str:
    """Return a hash as RECORD writes it (PEP 376, PEP 427)."""
    return urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
