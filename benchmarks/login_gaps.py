"""How long logins are refused while a secret is rotated: each engine, each strategy.

    PYTHONPATH=tests .venv/bin/python benchmarks/login_gaps.py [ENGINE ...]

A Keyturn server on this machine rotates a secret again and again, by the packaged function in its
sandbox. Meanwhile an application reads the secret and logs in to the real server, without a rest.
Printed are how many of its logins were refused, and how long it couldn't log in: from the last
login that was taken to the next one, so that a gap includes the time of one login, by the kit's
client. What is told for alternating users and two credentials must be 0 and no gap.
"""

from contextlib import ExitStack
import importlib
import json
from pathlib import Path
import platform
from statistics import median
import sys
import tempfile
import threading
import time
from typing import Final

from typing_extensions import override

from keyturn.functions.deployment import Wanted, deploy
from keyturn.functions.distributions import Architecture, Platform, Runtime
from keyturn.functions.packaging import build, find_template
from keyturn_rotators.credential import Defaults
from support.keyturn_server import KeyturnServer
from support.kits.kit import Kit, StrategyName
from support.kits.registry import KITS
from support.live_api import Caller, LiveApi, unique_region
from support.live_rotation import Bench

ROTATIONS: Final = 20
HERE: Final = Platform(
    runtime=Runtime(f"python{'.'.join(platform.python_version_tuple()[:2])}"),
    architecture=Architecture.X86_64,
)


class Application(threading.Thread):
    """Logs in with what the secret says, until it is stopped."""

    def __init__(self, api: LiveApi, kit: Kit, defaults: Defaults) -> None:
        super().__init__(daemon=True)
        self.logins = 0
        self.refused = 0
        self.gaps_ms: list[float] = []
        self._api = api
        self._kit = kit
        self._defaults = defaults
        self._is_stopping = threading.Event()

    @override
    def run(self) -> None:
        """Log in without a rest."""
        taken_at, is_in_gap = time.monotonic(), False
        while not self._is_stopping.is_set():
            value = json.loads(self._api.secrets.get_secret_value(SecretId="a")["SecretString"])
            username, password = self._defaults.username_key, self._defaults.password_key
            is_taken = self._kit.accepts(value[username], value[password])
            now = time.monotonic()
            self.logins += 1
            self.refused += not is_taken
            if is_taken and is_in_gap:
                self.gaps_ms.append((now - taken_at) * 1000)
            if is_taken:
                taken_at = now
            is_in_gap = not is_taken

    def stop(self) -> None:
        """End it."""
        self._is_stopping.set()
        self.join()


def main(engines: list[str]) -> None:
    """Measure, and print a line each as it is known."""
    print(f"{'':32}{'logins':>8}{'refused':>9}{'gap p50 ms':>12}{'gap max ms':>12}")
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = stack.enter_context(KeyturnServer.start(Path(folder) / "data"))
        for name in engines or KITS:
            module = importlib.import_module(KITS[name])
            if not module.KIT.is_packaged:
                # There is no server that a function in a process of its own could reach.
                continue
            kit = stack.enter_context(module.start(Path(folder) / name))
            for strategy in kit.strategies:
                measure(f"{name} {strategy}", kit, strategy, server)


def measure(what: str, kit: Kit, strategy: StrategyName, server: KeyturnServer) -> None:
    """Rotate one secret, and print what its application met."""
    variables = server.environment()
    caller = Caller(variables["AWS_ACCESS_KEY_ID"], variables["AWS_SECRET_ACCESS_KEY"])
    api = LiveApi(server.endpoint, caller, unique_region())
    live = secret_of(api, kit, strategy)
    wanted = Wanted(
        name="gap",
        zipped=build(find_template(kit.template, strategy), HERE),
        runtime=HERE.runtime,
        architecture=HERE.architecture,
        description="",
        role_arn=live.make_role(),
    )
    function = deploy(api.functions, wanted, lambda _: None).arn
    api.functions.update_function_configuration(
        FunctionName=function, Environment={"Variables": dict(kit.variables)}
    )
    live.rotate_to_the_end(function)
    application = Application(api, kit, kit.strategy(strategy, 0).engine.defaults)
    application.start()
    for _ in range(ROTATIONS):
        live.rotate_to_the_end(function)
    application.stop()
    gaps = application.gaps_ms or [0.0]
    print(
        f"{what:32}{application.logins:8}{application.refused:9}"
        f"{median(gaps):12.1f}{max(gaps):12.1f}",
        flush=True,
    )


def secret_of(api: LiveApi, kit: Kit, strategy: StrategyName) -> Bench:
    """Make a user and its secret, with an administrator's where one is needed."""
    username = f"gap{strategy.partition('-')[0]}"
    kit.make_user(username, kit.first_password)
    document = kit.document(username, kit.first_password)
    if strategy is StrategyName.ALTERNATING_USERS or strategy in kit.changed_by_admin:
        admin = json.dumps(kit.admin_document())
        document["masterarn"] = api.secrets.create_secret(Name="admin", SecretString=admin)["ARN"]
    made = api.secrets.create_secret(Name="a", SecretString=json.dumps(document))
    return Bench(api, made["VersionId"])


if __name__ == "__main__":
    main(sys.argv[1:])
