"""The platform of the tests' own interpreter, for packages that are run by it."""

from platform import machine
import sys
from typing import Final

from keyturn.functions.distributions import Architecture, Platform, Runtime

HERE: Final = Platform(
    runtime=Runtime("python{}.{}".format(*sys.version_info)),
    architecture=Architecture.ARM64 if machine() == "aarch64" else Architecture.X86_64,
)
