"""Logs in again and again with what the secret says, while it is rotated.

with LoginProber.running(bench, arn) as prober:
    ...
    prober.await_login()    # at least one login began and ended since
assert prober.refused == []
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
import json
import threading
import time
from typing import Final

from support.conformance_bench import ConformanceBench

PAUSE_SECONDS: Final = 0.005
#: A server that is asked by its command line, on a machine that has much to do.
LOGIN_SECONDS_MAX: Final = 60


@dataclass(kw_only=True)
class LoginProber:
    """An application that reads its secret before each login.

    Attributes:
        logins: how many there were.
        refused: when a login was refused, and how many there had been.
        gaps_seconds: how long logins were refused in a row, from the last that was taken to the
            next one.
    """

    bench: ConformanceBench
    arn: str
    logins: int = 0
    refused: list[int] = field(default_factory=list)
    gaps_seconds: list[float] = field(default_factory=list)
    _is_stopping: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @classmethod
    @contextmanager
    def running(cls, bench: ConformanceBench, arn: str) -> Iterator["LoginProber"]:
        """Log in until the end of the block."""
        prober = cls(bench=bench, arn=arn)
        thread = threading.Thread(target=prober._run, name="prober")
        thread.start()
        try:
            yield prober
        finally:
            prober._is_stopping.set()
            thread.join()

    def await_login(self) -> None:
        """Return when a login has begun and ended after the call."""
        with self._changed:
            # The one that is under way may have read the secret before.
            wanted = self.logins + 2
            is_done = self._changed.wait_for(lambda: self.logins >= wanted, LOGIN_SECONDS_MAX)
        assert is_done, "the prober has stopped"

    def _run(self) -> None:
        taken_at = time.monotonic()
        while not self._is_stopping.wait(PAUSE_SECONDS):
            is_taken = self._logs_in()
            now = time.monotonic()
            with self._changed:
                self.logins += 1
                if not is_taken:
                    self.refused.append(self.logins)
                elif self.refused and self.refused[-1] == self.logins - 1:
                    self.gaps_seconds.append(now - taken_at)
                self._changed.notify_all()
            if is_taken:
                taken_at = now

    def _logs_in(self) -> bool:
        answer = self.bench.client.get_secret_value(SecretId=self.arn)
        return self.bench.kit.accepts(*self.bench.names_in(json.loads(answer["SecretString"])))
