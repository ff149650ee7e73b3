"""Kills a server's engine with SIGKILL, again and again, whenever rotations have got so far.

killer = EngineKiller(server, store, moments=[7, 20, 21])
killer.run()       # in a thread, while rotations are under way
killer.kills       # what each of them hit

A moment is a number of steps that have begun since the server was made; one that was begun again
counts again. Only an engine that is at a step of its own is killed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
import os
import signal

from sqlalchemy import func, select

from keyturn.store.database import Database
from keyturn.store.rotation_steps import steps
from support.keyturn_server import KeyturnServer
from support.processes import children_of, is_running
from support.waiting import until

_ENGINE = "keyturn-engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One engine's end.

    Attributes:
        open_steps: the numbers of the steps that were under way just before.
        functions: the processes that it ran functions in.
        outlived: those of them that were still there when the next engine had begun a step.
    """

    open_steps: frozenset[int]
    functions: frozenset[int]
    outlived: frozenset[int]


class EngineKiller:
    """Kills at its moments, until all of them have come."""

    def __init__(self, server: KeyturnServer, store: Database, moments: Iterable[int]) -> None:
        self._server = server
        self._store = store
        self._moments = sorted(moments)
        self._steps_of_earlier = 0
        self.kills: list[Kill] = []

    def run(self) -> None:
        """Kill; return when the last engine that was killed has a successor at work."""
        for moment in self._moments:
            until(partial(self._has_come, moment), f"step {moment} begins")
            self.kills.append(self._kill(until(self._open_steps, "the engine has begun a step")))

    def _kill(self, open_steps: frozenset[int]) -> Kill:
        engine = self._server.child_pids()[_ENGINE]
        functions = frozenset(children_of(engine))
        os.kill(engine, signal.SIGKILL)
        until(lambda: not is_running(engine), "the engine ends")
        self._steps_of_earlier = self._begun()
        until(self._open_steps, "the next engine begins a step")
        outlived = frozenset(pid for pid in functions if is_running(pid))
        return Kill(open_steps=open_steps, functions=functions, outlived=outlived)

    def _has_come(self, moment: int) -> bool:
        return self._begun() >= moment

    def _begun(self) -> int:
        with self._store.read() as connection:
            return connection.execute(select(func.max(steps.c.id))).scalar() or 0

    def _open_steps(self) -> frozenset[int]:
        """Return the steps that this engine is at."""
        are_its = (steps.c.id > self._steps_of_earlier, steps.c.ended_at.is_(None))
        with self._store.read() as connection:
            return frozenset(connection.execute(select(steps.c.id).where(*are_its)).scalars())
