"""What the engine's process asks of the machine."""

import resource
import subprocess
import sys
from typing import Final

#: In a process of its own, whose limits it lowers.
ENGINE: Final = """
import resource
from keyturn.engine.process import open_as_many_files_as_may_be

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, most))
open_as_many_files_as_may_be()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_engine_opens_as_many_files_as_it_may() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)

    done = subprocess.run([sys.executable, "-c", ENGINE], capture_output=True, check=True)

    assert done.stdout.decode().split() == [str(most), str(most)]
