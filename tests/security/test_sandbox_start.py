"""What a function's own settings and files do before it is confined: nothing.

An interpreter, the loader of programs and bubblewrap itself heed variables when they start. A
function's variables are its owner's, who isn't to be heeded before the function is kept from
everything.
"""

import json
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Final

import pytest

from keyturn.functions.execution.isolation import Wanted
from support.sandbox_attacks import ATTACKED, Attacker

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# In the place of a module that the launcher imports; it is what it replaces, and notes who it was.
EARLY: Final = """
import os, sys
FOUND = {}
if sys.argv[0].endswith("launcher.py"):
    with open("/proc/self/status") as file:
        status = dict(line.split(":\\t", 1) for line in file if ":\\t" in line)
    FOUND["user"] = os.getuid()
    FOUND["capabilities"] = int(status["CapEff"], 16)
    FOUND["filtered"] = status["Seccomp"].strip() == "2"
    try:
        os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
        FOUND["core_pattern"] = "can be written"
    except OSError:
        pass
with open(os.path.dirname(os.__file__) + "/base64.py") as file:
    exec(file.read())
"""
HANDLER: Final = "import base64\ndef lambda_handler(event, context): return base64.FOUND"
# A library in the place of one that Python's own modules need.
LIBRARY: Final = """
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void begin(void) {
    if (getuid() == 0) {
        /* Standard output is the function's log. */
        dprintf(1, "root, and core_pattern %d\\n",
                open("/proc/sys/kernel/core_pattern", O_WRONLY) >= 0);
        _exit(42);
    }
}
"""


def test_no_code_of_a_function_runs_before_it_is_confined(sandboxed: Attacker) -> None:
    files = {"lambda_function.py": HANDLER, "base64.py": EARLY}
    function = sandboxed.bench.create(
        files, Environment={"Variables": {"PYTHONPATH": "/var/task"}}
    )

    found = sandboxed.bench.answer(function)

    assert found["user"] != 0
    assert found["capabilities"] == 0
    assert found["filtered"]
    assert "core_pattern" not in found


@needs_root
def test_no_library_of_a_function_is_loaded_as_root(sandboxed: Attacker, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, library = tmp_path / "early.c", tmp_path / "libffi.so.8"
    source.write_text("#include <stdio.h>\n" + LIBRARY)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    # What it brings in place of Lambda's modules can't be shown in a sandbox that waits ready.
    files: dict[str, str | bytes] = {
        "lambda_function.py": ATTACKED,
        "six.py": "",
        "libffi.so.8": library.read_bytes(),
    }
    function = sandboxed.bench.create(files)  # type: ignore[arg-type]

    sandboxed.bench.invoke(function, {"source": "found = 1", "given": {}})

    said = [line.message for line in sandboxed.bench.logged(function)]
    assert not [line for line in said if "root" in line]


def test_no_program_of_the_host_heeds_a_functions_variables(
    sandboxed: Attacker, tmp_path: Path
) -> None:
    # ld.so(8) writes where the variable says: outside, and as the user of the engine.
    tmp_path.chmod(0o777)
    variables = {"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(tmp_path / "written")}
    function = sandboxed.another(Environment={"Variables": variables})

    sandboxed.finds("found = 1", by=function)

    assert not list(tmp_path.iterdir())


def test_its_variables_are_there_all_the_same(sandboxed: Attacker) -> None:
    variables = {"PYTHONPATH": "/opt/own", "LD_PRELOAD": "", "PYTHONHASHSEED": "1", "LANG": "C"}
    function = sandboxed.another(Environment={"Variables": variables})

    found = sandboxed.finds("found = dict(os.environ)", by=function)

    assert found.items() >= variables.items()


UNPRIVILEGED: Final = """
import json, os, sys
from pathlib import Path
from keyturn.functions.execution.isolation import Wanted
from support.sandbox_attacks import Attacker
folder = Path(sys.argv[1])
(folder / "master.key").write_text("the key")
source = '''
def status(pid):
    lines = read(f"/proc/{pid}/status").splitlines()
    return dict(line.split(":\\\\t", 1) for line in lines if ":\\\\t" in line)
own = status("self")
places = ("/", "/var/task", "/opt", "/dev", "/etc", "/usr")
found = {
    "key": seen(key), "pids": len([name for name in os.listdir("/proc") if name.isdigit()]),
    "engine": outcome_of(os.kill, engine, 9), "become root": outcome_of(os.setuid, 0),
    "unshare": system_call(272, 0x10000000),
    "first": outcome_of(os.open, "/proc/1/mem", os.O_RDWR),
    "first is filtered": status(1)["Seccomp"].strip() == "2",
    "capabilities": [int(own[name], 16) for name in ("CapEff", "CapPrm", "CapBnd")],
    "write": [outcome_of(os.mkdir, at + "/made") for at in places],
    "metadata": outcome_of(socket.create_connection, ("169.254.169.254", 80), 2),
}
'''
given = {"key": str(folder / "master.key"), "engine": os.getpid()}
with Attacker.open(folder, Wanted(sys.argv[2])) as attacker:
    print(json.dumps(attacker.finds(source, **given)), file=sys.stderr)
"""
NOBODY: Final = "65534"


@pytest.fixture(scope="module")
def nobodys() -> dict[str, object]:
    """What a function finds in a sandbox of an engine that isn't root's."""
    python = shutil.which(f"python3.{sys.version_info.minor}", path="/usr/bin")
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or python is None or setpriv is None:
        pytest.skip("needs root, setpriv and a Python in /usr/bin that others may run")
    # What this process can import, so can that one, if it is open to it.
    paths = [path for path in sys.path if path and not path.startswith(sys.base_prefix)]
    # Open to others, unlike the folders of pytest.
    folder = Path("/var/tmp") / f"keyturn-{os.getpid()}"  # noqa: S108
    folder.mkdir(mode=0o700)
    shutil.chown(folder, int(NOBODY), int(NOBODY))
    try:
        done = subprocess.run(
            [
                *(setpriv, "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"),
                *(python, "-B", "-c", UNPRIVILEGED, str(folder), Wanted.BUBBLEWRAP),
            ],
            env={"PYTHONPATH": os.pathsep.join(paths), "PATH": os.defpath},
            cwd="/",
            capture_output=True,
            check=False,
            timeout=60,
        )
    finally:
        shutil.rmtree(folder)
    said = done.stderr.decode()
    if done.returncode != 0 and ("ModuleNotFoundError" in said or "NoSandboxError" in said):
        pytest.skip(f"an ordinary user can't run an engine here: {said.splitlines()[-1]}")
    assert done.returncode == 0, said[-2000:]
    found: dict[str, object] = json.loads(said.splitlines()[-1])
    return found


def test_an_engine_of_an_ordinary_user_gives_its_rights_to_no_function(
    nobodys: dict[str, object],
) -> None:
    assert nobodys["key"] == "ENOENT"
    assert nobodys["pids"] == 2
    assert nobodys["engine"] == "ESRCH"
    assert nobodys["become root"] in {"EPERM", "EINVAL"}
    assert nobodys["unshare"] == "EPERM"
    assert nobodys["capabilities"] == [0, 0, 0]
    assert nobodys["write"] == ["EROFS"] * 6
    assert nobodys["metadata"] == "EACCES"


def test_the_first_process_is_no_way_around_the_filter(nobodys: dict[str, object]) -> None:
    assert nobodys["first"] == "EACCES" or nobodys["first is filtered"]
