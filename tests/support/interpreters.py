"""The interpreters that this machine has beside the one that the tests run on.

Those on the path are found by the engine itself; pyenv keeps more, of which its shims start only
the ones that were chosen. AWS's runtime client for Node.js is what scripts/install-node-client
installs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from keyturn.functions.runtimes import CLIENT, RUNTIMES, Kind, Runtimes

NODE_CLIENT: Final = Path(__file__).parents[1] / "sdk" / "javascript" / "node_modules" / CLIENT


def all_runtimes() -> Runtimes:
    """Return every runtime of this machine."""
    on_path = set(Runtimes().available())
    kept = {name: path for name, path in _of_pyenv().items() if name not in on_path}
    return Runtimes(kept, NODE_CLIENT)


def _of_pyenv() -> Mapping[str, Path]:
    root = Path.home() / ".pyenv"
    pythons = [name for name in RUNTIMES if name.startswith(Kind.PYTHON)]
    return {name: path for name in pythons for path in sorted(root.glob(f"versions/*/bin/{name}"))}
